"""Short names: what they stand for, and which may not be given."""

import pytest
from genai_prices import Usage, calc_price

from router.errors import SettingsError
from router.types import Tuning
from router.upstream.aliases import SHIPPED, Aliases
from router.upstream.providers import split_model


def read(name: str, own: dict[str, object] | None = None, *, has: set[str] | None = None) -> Tuning:
    there = {"anthropic/claude-haiku-5-5", "big"} if has is None else has
    return Aliases(own or {}, has=lambda model: model in there).read(Tuning(pinned_model=name, source="model"))


def test_shipped_names_need_no_configuration() -> None:
    assert read("haiku").pinned_model == "anthropic/claude-haiku-5-5"


def test_of_several_targets_the_first_that_can_be_asked_is_meant() -> None:
    assert read("haiku", has={"openrouter/anthropic/claude-haiku-5.5"}).pinned_model == SHIPPED["haiku"][1]
    assert read("mine", {"mine": ["nowhere", "big"]}).pinned_model == "big"


def test_a_name_of_the_operators_comes_before_everything() -> None:
    assert read("haiku", {"haiku": "big"}).pinned_model == "big"
    assert read("big", {"big": "auto:cheap"}) == Tuning(operating_point="cheap", source="model")


def test_a_model_that_is_there_comes_before_a_shipped_name() -> None:
    assert read("gpt-4o", has={"gpt-4o", "openai/gpt-4o"}).pinned_model == "gpt-4o"


def test_a_name_may_stand_for_a_route_an_operating_point_or_another_name() -> None:
    own = {"cheap": "weak", "usual": "auto:balanced", "small": "haiku"}
    assert read("cheap", own).pinned_route == "weak"
    assert read("usual", own).operating_point == "balanced"
    assert read("small", own).pinned_model == "anthropic/claude-haiku-5-5"


def test_a_name_that_stands_for_a_model_of_ours_means_it_though_a_shipped_name_is_the_same() -> None:
    own = {"mine": "gpt-4.1"}
    assert read("mine", own, has={"gpt-4.1"}).pinned_model == "gpt-4.1"
    assert read("mine", own, has={"openai/gpt-4.1"}).pinned_model == "openai/gpt-4.1"


def test_an_empty_target_takes_a_shipped_name_away() -> None:
    assert read("haiku", {"haiku": ""}).pinned_model == "haiku"


def test_a_name_without_anybody_behind_it_is_asked_for_as_what_it_stands_for() -> None:
    assert read("opus", has=set()).pinned_model == SHIPPED["opus"][0]


def test_other_wishes_pass_untouched() -> None:
    tuning = Tuning(threshold=0.3, source="query")
    assert Aliases({}, has=lambda model: True).read(tuning) is tuning


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"a": "b", "b": "a"}, "leads back to itself"),
        ({"a": "b", "b": "c", "c": "b"}, "leads back to itself"),
        ({"auto": "big"}, "'auto' means something already"),
        ({"strong": "big"}, "'strong' means something already"),
        ({"auto:mine": "big"}, "means something already"),
        ({"a": "router-mf-much"}, "cannot be asked for"),
    ],
)
def test_names_that_could_not_work_are_refused_at_the_start(own: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Aliases(own, has=lambda model: True)


def test_only_names_that_lead_somewhere_are_listed() -> None:
    aliases = Aliases({"mine": "big", "cheap": "weak", "lost": "nowhere"}, has=lambda name: name in ("big", "weak"))
    assert set(aliases.usable) == {"mine", "cheap"}


@pytest.mark.parametrize("target", [targets[0] for targets in SHIPPED.values()])
def test_the_price_list_knows_what_shipped_names_stand_for(target: str) -> None:
    provider, model = split_model(target) or (None, "")
    assert provider is not None
    price = calc_price(Usage(input_tokens=1000, output_tokens=1000), model, provider_id=provider.id)
    assert price.total_price > 0
