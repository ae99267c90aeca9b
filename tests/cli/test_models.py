"""``underdog models``: list, show and pull, against an Ollama that speaks the true protocol."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from router.advice import LOCAL_MODELS, misfit
from router.commands.models_pull import Bars, pull_model
from router.hardware import look_at_machine
from router.upstream.embedded import fetch
from router.upstream.embedded.fetch import FILE_NAME
from router.upstream.nearby import Progress
from tests.cli.test_doctor import underdog
from tests.upstream.nearby.servers import FakeOllama, serving

NEW = "qwen3:4b-instruct"
NOBODY = "http://127.0.0.1:9"


async def test_what_ollama_has_is_listed(repository: Path) -> None:
    async with serving(FakeOllama()) as server:
        status, out, _ = await underdog(repository, "models", "list", "--url", server.url)
        _, listed, _ = await underdog(repository, "models", "list", "--json", OLLAMA_HOST=server.url)
    assert status == 0
    assert "llama3.1:8b" in out
    assert "4.9 GB" in out
    assert "runs elsewhere" in out
    assert json.loads(listed)[0]["name"] == "llama3.1:8b"


async def test_a_pull_shows_its_steps_and_how_to_use_the_model(repository: Path) -> None:
    async with serving(FakeOllama()) as server:
        status, out, err = await underdog(repository, "models", "pull", NEW, "--url", server.url)
    assert status == 0, err
    assert f"underdog serve --weak-url {server.url}/v1 --weak-model {NEW}" in out
    assert [line for line in err.splitlines() if line] == [
        "pulling manifest",
        "pulling 3e4cb1417446",
        "verifying sha256 digest",
        "writing manifest",
        "removing unused layers",
        "success",
    ]


async def test_a_pull_is_told_as_json_and_its_steps_elsewhere(repository: Path) -> None:
    async with serving(FakeOllama()) as server:
        status, out, err = await underdog(repository, "models", "pull", NEW, "--json", "--url", server.url)
    assert status == 0, err
    assert json.loads(out) == {"name": NEW, "url": f"{server.url}/v1", "file": None}
    assert "pulling manifest" in err


async def test_the_embedded_llm_instead_is_told_as_json_and_asked_about_elsewhere(
    repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    weights = tmp_path / "models" / FILE_NAME
    weights.write_bytes(b"Verified, as far as the note beside it tells.")
    fetch._remember(weights)
    words = ("models", "pull", "--json", "--url", NOBODY)
    status, out, err = await underdog(repository, *words, "--yes", UNDERDOG_HOME=str(tmp_path))
    assert status == 0, err
    assert json.loads(out) == {"name": "embedded", "url": None, "file": str(weights)}
    status, out, err = await underdog(repository, *words, UNDERDOG_HOME=str(tmp_path))  # nobody to say yes
    assert (status, out) == (1, "")
    assert "Fetch the small embedded LLM" in err


async def test_what_cannot_be_pulled_is_one_line_and_status_1(repository: Path) -> None:
    async with serving(FakeOllama()) as server:
        status, _, err = await underdog(repository, "models", "pull", "nonsense", "--url", server.url)
    assert status == 1
    assert "knows no model 'nonsense'" in err
    assert "Traceback" not in err


async def test_a_model_too_large_for_the_machine_is_warned_of_before_it_is_pulled(repository: Path) -> None:
    fake = FakeOllama()
    fake.library["gpt-oss:120b"] = 65_000_000_000
    async with serving(fake) as server:
        status, _, err = await underdog(repository, "models", "pull", "gpt-oss:120b", "--url", server.url)
    assert status == 0
    advice = misfit(look_at_machine(repository), "gpt-oss:120b")
    assert ("Warning: gpt-oss:120b needs" in err) is (advice is not None)


async def test_the_recommended_model_is_pulled_without_a_name(repository: Path, tmp_path: Path) -> None:
    fake = FakeOllama()
    async with serving(fake) as server:
        await underdog(repository, "models", "pull", "--yes", OLLAMA_HOST=server.url, UNDERDOG_HOME=str(tmp_path))
    asked = [body["model"] for method, path, _, body in server.asked if (method, path) == ("POST", "/api/pull")]
    assert len(asked) == 1
    assert asked[0] in {build.name for model in LOCAL_MODELS for build in model.builds}


async def test_without_ollama_the_embedded_llm_is_fetched_instead(repository: Path, embedded_home: Path) -> None:
    status, out, err = await underdog(
        repository, "models", "pull", "--yes", "--url", NOBODY, UNDERDOG_HOME=str(embedded_home)
    )
    assert status == 0, err
    assert ".gguf is there: underdog serve" in out


async def test_a_named_model_without_ollama_says_how_to_get_it(repository: Path) -> None:
    status, _, err = await underdog(repository, "models", "pull", NEW, "--url", NOBODY)
    assert status == 1
    assert "ollama serve" in err


async def test_a_model_is_shown_from_the_table_and_from_ollama(repository: Path) -> None:
    async with serving(FakeOllama()) as server:
        _, here, _ = await underdog(repository, "models", "show", "llama3.1:8b", "--url", server.url)
        _, there, _ = await underdog(repository, "models", "show", "phi4:14b", "--url", server.url)
        unknown, _, err = await underdog(repository, "models", "show", "nonsense", "--url", server.url)
    assert "here         yes" in here
    assert "weights 4.6, cache 1.0, overhead 1.0" in here
    assert "Not here yet: underdog models pull phi4:14b" in there
    assert unknown == 1
    assert "not found" in err


async def test_a_terminal_sees_a_bar_that_begins_where_the_last_pull_stopped() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=120)
    bars = Bars(console)
    with bars:
        bars.step(Progress("pulling manifest"))
        bars.step(Progress("pulling 3e4c", "sha256:3e4c", 1000, 400))
        bars.step(Progress("pulling 3e4c", "sha256:3e4c", 1000, None))
        bars.step(Progress("pulling 3e4c", "sha256:3e4c", 1000, 900))
        (task,) = bars._progress.tasks
        assert (task.completed, task.total) == (900, 1000)
    assert isinstance(console.file, StringIO)
    assert "pulling manifest" in console.file.getvalue()


async def test_a_pull_on_a_terminal_ends_with_a_full_bar() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=120)
    async with serving(FakeOllama()) as server:
        await pull_model(server.url, NEW, console)
    assert isinstance(console.file, StringIO)
    assert "2.5/2.5 GB" in console.file.getvalue()


@pytest.mark.parametrize("words", [["doctor", "--help"], ["models", "--help"]])
async def test_help_is_there_without_looking(words: list[str], repository: Path) -> None:
    status, out, _ = await underdog(repository, *words)
    assert status == 0
    assert "Usage: " in out
