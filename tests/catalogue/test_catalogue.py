"""What models can take: the operator's words, then the table, then the price list; what is not known is assumed."""

from __future__ import annotations

import pytest

from router.catalogue import ABILITIES, Abilities, Ability, Catalogue
from router.catalogue.families import FAMILIES, family
from router.configured.catalogue import CatalogueEntry


@pytest.mark.parametrize(
    ("model", "lacks", "context"),
    [
        ("smollm2-135m-instruct", {"tools", "images", "audio", "files"}, 8_192),
        ("gpt-4o-mini", {"audio"}, 128_000),
        ("gpt-4o-mini-2024-07-18", {"audio"}, 128_000),
        ("gpt-4.1", {"audio"}, 1_047_576),
        ("gpt-4", {"images", "audio", "files", "json_schema", "json_mode"}, 8_192),
        ("gpt-3.5-turbo-0125", {"images", "audio", "files", "json_schema"}, 16_385),
        ("openai/gpt-oss-120b", {"images", "audio", "files"}, 131_072),
        ("llama3.1:8b", {"images", "audio", "files"}, 131_072),
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", {"images", "audio", "files"}, 131_072),
        ("accounts/fireworks/models/llama-v3p1-8b-instruct", {"images", "audio", "files"}, 131_072),
        ("Llama-3.2-11B-Vision-Instruct", {"audio", "files"}, 131_072),
        ("llama3:latest", {"tools", "images", "audio", "files"}, 8_192),
        ("qwen2.5:7b", {"images", "audio", "files"}, 131_072),
        ("Qwen/Qwen2.5-VL-7B-Instruct", {"audio", "files"}, None),
        ("mistral:7b", {"images", "audio", "files"}, 32_768),
        ("gemma3:4b", {"tools", "audio", "files"}, 131_072),
        ("google/gemma-2-9b-it:free", {"tools", "images", "audio", "files"}, 8_192),
        ("phi3:mini", {"tools", "images", "audio", "files"}, None),
        ("deepseek-chat", {"images", "audio", "files", "json_schema"}, 131_072),
        ("claude-3-5-haiku-latest", {"audio"}, 200_000),
        ("gemini-2.5-pro", set(), None),
        ("gemma-4-31b-it", set(), None),
        ("a-model-of-our-own", set(), None),
        ("gpt-7", set(), None),
    ],
)
def test_known_families_are_told_by_their_names(model: str, lacks: set[Ability], context: int | None) -> None:
    abilities = Catalogue().of("somebody", model)
    assert {ability for ability in ABILITIES if not abilities.takes(ability)} == lacks
    assert abilities.context == context


def test_a_model_that_is_not_known_takes_everything() -> None:
    assert Catalogue().of(None, "who-knows") == Abilities()


def test_the_operators_words_win_ability_by_ability_and_the_first_entry_counts() -> None:
    entries = (
        CatalogueEntry(model="llama3.1:8b", context=8_192, images=True),
        CatalogueEntry(model="LLAMA3*", context=4_096, tools=False),
    )
    abilities = Catalogue(entries).of("local", "llama3.1:8b")
    assert (abilities.context, abilities.images, abilities.tools, abilities.files) == (8_192, True, False, False)
    assert Catalogue(entries).of("local", "qwen2.5:7b").context == 131_072


def test_the_embedded_model_has_the_window_that_it_is_run_with() -> None:
    catalogue = Catalogue(embedded_context=2_048)
    assert catalogue.of("local", "smollm2-135m-instruct").context == 2_048
    assert catalogue.of("somebody", "smollm2-135m-instruct").context == 8_192


def test_a_provider_that_parses_documents_takes_them_for_every_model() -> None:
    assert not Catalogue().of("groq", "llama-3.3-70b").takes("files")
    assert Catalogue().of("openrouter", "meta-llama/llama-3.3-70b-instruct").takes("files")


def test_windows_of_the_price_list_fill_in_and_narrow_open_weights_once_it_is_read() -> None:
    models = [("anthropic", "claude-haiku-4-5"), ("cerebras", "llama3.1-8b"), ("deepseek", "deepseek-chat")]
    catalogue = Catalogue()
    before = [catalogue.of(*model).context for model in models]
    catalogue.preload(models)
    assert before == [None, 131_072, 131_072]
    # A server's window for open weights may be smaller; of a maker's own model our table is the better source.
    assert [catalogue.of(*model).context for model in models] == [200_000, 32_768, 131_072]


def test_local_models_are_not_looked_up_in_the_price_list() -> None:
    catalogue = Catalogue()
    catalogue.preload([("local", "gpt-4o")])
    assert catalogue.of("local", "claude-haiku-4-5").context is None


def test_no_row_of_the_table_is_hidden_by_an_earlier_one() -> None:
    examples = (
        "gpt-oss:20b gpt-3.5-turbo-instruct gpt-3.5-turbo gpt-4-32k gpt-4-1106-preview gpt-4-turbo gpt-4 "
        "gpt-4o-audio-preview gpt-4o-search-preview gpt-4o-2024-05-13 chatgpt-4o-latest gpt-4o gpt-4.1-mini o1-mini "
        "o3-mini o3 gpt-5 gpt-5.1 claude-2.1 claude-3-opus claude-3.5-sonnet claude-sonnet-4-5 gemini-pro llama4:scout "
        "llama3.2-vision llama3.3 llama3 llama2:7b qwen2.5-omni qwen2.5vl:7b qwen-turbo qwen2.5 qwen2:7b qwen3:8b "
        "pixtral voxtral-mini mixtral-8x7b mixtral-8x22b mistral-nemo gemma3n:e4b gemma3:1b gemma3:12b gemma2:9b "
        "phi-4-multimodal phi3.5-vision phi3 phi4-mini phi4 deepseek-chat deepseek-r1:8b deepseek-v3 smollm2:135m "
        "smollm2:1.7b grok-4 grok-3 kimi-k2 glm-4.5"
    ).split()
    found = {row.pattern.pattern for example in examples if (row := family(example)) is not None}
    assert found == {row.pattern.pattern for row in FAMILIES}
