"""Which models a key may ask for, whatever name it asks by."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.allowed import matches, may_ask, may_have, require_allowed, require_name
from router.calls import Call
from router.configured.deployments import Deployment
from router.errors import ModelNotAllowed
from router.http.tuning import tuning_for
from router.principals import Principal
from router.settings import Settings
from router.types import ChatRequest, Message
from router.upstream.build import Upstreams, build_upstreams

SETTINGS = Settings(
    weak_url="http://127.0.0.1:1/v1",
    weak_model="small",
    strong_url="https://api.openai.com/v1",
    strong_model="gpt-4.1",
    strong_api_key=None,
    deployments=(Deployment(route="named", model="special", url="http://127.0.0.1:2/v1"),),
    aliases={"clever": "gpt-4.1", "thrifty": "auto:cheap", "house": "special", "any": "auto", "odd": "openrouter/x/y"},
)
UPSTREAMS: Upstreams = build_upstreams(SETTINGS, {"OPENAI_API_KEY": "sk-test", "OPENROUTER_API_KEY": "sk-other"})


def asks(model: str, *lists: tuple[str, ...], query: tuple[tuple[str, str], ...] = ()) -> None:
    tuning = UPSTREAMS.read(tuning_for(query=query, headers={}, model=model))
    request = ChatRequest(model=model, messages=[Message(role="user", content="hi")])
    call = Call(Principal("key:a", models=lists), request, {"model": model}, tuning)
    require_allowed(call, UPSTREAMS)


ALLOWED = [
    (("auto",), "auto"),
    (("auto",), ""),
    (("auto",), "auto:cheap"),
    (("auto",), "router-mf-0.3"),
    (("auto",), "any"),
    (("auto",), "cache"),
    (("auto:cheap",), "thrifty"),
    (("thrifty",), "auto:cheap"),
    (("any",), "auto"),
    (("cache",), "cache"),
    (("small",), "weak"),
    (("small",), "local"),
    (("local",), "weak"),
    (("weak",), "small"),
    (("gpt-4.1",), "openai/gpt-4.1"),
    (("openai/gpt-4.1",), "strong"),
    (("openai/*",), "clever"),
    (("clever",), "gpt-4.1"),
    (("clever",), "cloud"),
    (("house",), "special"),
    (("special",), "house"),
    (("openai/gpt-4o",), "gpt-4o"),
    (("gpt-4o",), "openai/gpt-4o"),
    (("gpt-*",), "openai/gpt-4o-mini"),
    (("nothing", "s*l"), "special"),
    (("*",), "anything"),
]
REFUSED = [
    ((), "auto"),
    ((), "special"),
    (("auto",), "small"),
    (("auto",), "strong"),
    (("auto",), "special"),
    (("auto:cheap",), "auto"),
    (("auto:cheap",), "auto:best"),
    (("auto:cheap",), "router-mf-0"),
    (("auto:cheap",), "any"),
    (("small",), "auto"),
    (("small",), "strong"),
    (("small",), "SMALL"),
    (("small",), "small "),
    (("gpt-4o",), "openrouter/openai/gpt-4o"),
    (("gpt-4o",), "openrouter/gpt-4o"),
    (("openai/*",), "openrouter/openai/gpt-4o"),
    (("gpt-4.1",), "openrouter/gpt-4.1"),
    (("gpt-4.1",), "gpt-4.1-mini"),
    (("clever",), "special"),
    (("special",), "unheard-of"),
    (("auto",), "unheard-of"),
    (("router-mf-0.3",), "auto"),
    (("cache",), "auto"),
]


@pytest.mark.parametrize(("models", "asked"), ALLOWED)
def test_a_model_on_the_list_may_be_asked_for_by_any_of_its_names(models: tuple[str, ...], asked: str) -> None:
    asks(asked, models)
    asks(asked)


@pytest.mark.parametrize(("models", "asked"), REFUSED)
def test_nothing_else_may(models: tuple[str, ...], asked: str) -> None:
    with pytest.raises(ModelNotAllowed) as caught:
        asks(asked, models)
    assert (caught.value.status, caught.value.param) == (403, "model")
    assert all(name in caught.value.message for name in models)


def test_a_dialled_threshold_is_auto_whatever_the_model_says() -> None:
    asks("small", ("small", "auto"), query=(("threshold", "0"),))
    for models in (("small",), ("auto:cheap",), ("strong",)):
        with pytest.raises(ModelNotAllowed, match="'auto'"):
            asks(models[0], models, query=(("threshold", "0"),))


def test_the_lists_of_key_and_team_must_both_have_it() -> None:
    asks("gpt-4o", ("gpt-*",), ("gpt-4o", "auto"))
    for asked in ("auto", "gpt-4o-mini"):
        with pytest.raises(ModelNotAllowed, match="and of these"):
            asks(asked, ("gpt-*",), ("gpt-4o", "auto"))


def test_a_named_model_stands_in_only_where_the_key_may_ask_for_it() -> None:
    found = UPSTREAMS.named.find("special")
    assert found is not None
    for models, may in ((("auto",), False), (("auto", "special"), True), (("house",), True), (("s*",), True)):
        assert may_have(Principal("key:a", models=(models,)), found, UPSTREAMS) is may
    assert may_have(Principal("local"), found, UPSTREAMS)


def test_embeddings_go_by_their_names_alone() -> None:
    require_name(Principal("local"), ("anything", "anything"))
    require_name(Principal("key:a", models=(("auto",),)), ("auto", "text-embedding-3-small"))
    require_name(Principal("key:a", models=(("text-embedding-3-*",),)), ("auto", "text-embedding-3-small"))
    for models in ((), ("auto",), ("text-embedding-3-small",)):
        with pytest.raises(ModelNotAllowed, match="text-embedding-3-large"):
            require_name(Principal("key:a", models=(models,)), ("text-embedding-3-large", "text-embedding-3-large"))


def test_the_list_of_models_shows_what_may_be_asked_for() -> None:
    principal = Principal("key:a", models=(("auto", "clever"),))
    shown = [
        name
        for name in ("auto", "auto:cheap", "weak", "strong", "gpt-4.1", "special")
        if may_ask(principal, name, UPSTREAMS)
    ]
    assert shown == ["auto", "auto:cheap", "strong", "gpt-4.1"]


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_patterns_match_as_the_shell_has_it(pattern: str, name: str) -> None:
    import re

    expected = re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name, re.DOTALL) is not None
    assert matches(pattern, name) is expected


def test_an_odd_pattern_takes_no_longer() -> None:
    started = time.process_time()
    assert not matches("*a" * 99 + "*b", "a" * 100_000)
    assert time.process_time() - started < 5
