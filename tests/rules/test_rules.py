"""Ordered rules: what they match, what they do, how they combine, and what is refused when they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from multidict import CIMultiDict

from router.calls import Call
from router.configured.rules import Rule
from router.dialects import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES, Dialect
from router.errors import SettingsError
from router.needs import Needs
from router.policy import Models, pinned_route, under
from router.principals import ANONYMOUS
from router.rules import Facts, Rules
from router.settings import load_settings
from router.types import Ruling, Tuning
from tests.rules.support import facts

IMAGE = {"type": "image_url", "image_url": {"url": "x"}}
TOOL = {"type": "function", "function": {"name": "look"}}


def rule(name: str = "r", *, when: dict[str, Any] | None = None, then: dict[str, Any], **more: Any) -> Rule:
    return msgspec.convert({"name": name, "when": when or {}, "then": then, **more}, Rule)


def holds(when: dict[str, Any], request: Facts) -> bool:
    return Rules([rule(when=when, then={"route": "weak"})]).ruling(request).name == "r"


@pytest.mark.parametrize(
    ("when", "yes", "no"),
    [
        ({"model": "gpt-4*"}, facts(model="GPT-4o"), facts(model="auto")),
        ({"key": "batch-*"}, facts(key_id="batch-7"), facts(key_id=None)),
        ({"team": "acme"}, facts(team="acme"), facts(team="acme2")),
        ({"team": "*"}, facts(team="acme"), facts()),
        ({"header": {"X-App": "chat*"}}, facts(headers={"x-app": "chatty"}), facts(headers={"x-other": "chatty"})),
        ({"language": "de"}, facts("Wie heißt die Hauptstadt?"), facts("What is the capital?")),
        ({"language": ["fr", "es"]}, facts("¿Dónde está el banco?"), facts("Wo ist die Bank?")),
        ({"min_tokens": 50}, facts("word " * 100), facts("word")),
        ({"max_tokens": 50}, facts("word"), facts("word " * 100)),
        ({"regex": r"(?i)\biban\b"}, facts("My IBAN is ..."), facts("my ibans")),
        ({"regex": "^first"}, facts("last", "first things"), facts("first things", "last")),
        ({"anywhere": "4111"}, facts("my 4111", "go on"), facts("my 41", "11")),
        ({"anywhere": "4111"}, facts(tools=[{"type": "function", "function": {"name": "n4111"}}]), facts(tools=[TOOL])),
        ({"regex": "4111"}, facts("4111", "b", endpoint="embeddings"), facts("4111", "b")),
        ({"header": {"x-a": "b*"}}, facts(headers=CIMultiDict([("X-A", "bad"), ("x-a", "good")])), facts()),
        ({"header": {"x-a": "b*"}}, facts(headers=CIMultiDict([("X-A", "good"), ("x-a", "bad")])), facts()),
        ({"tools": True}, facts(tools=[TOOL]), facts()),
        ({"tools": False}, facts(), facts(tools=[TOOL])),
        ({"images": True}, facts("hi", [IMAGE], "so?"), facts("hi")),
        ({"endpoint": "/v1/messages"}, facts(path="/v1/messages"), facts()),
        ({"stream": True}, facts(stream=True), facts()),
        ({}, facts(), None),
        ({"stream": True, "model": "auto"}, facts(stream=True), facts(stream=True, model="gpt-4o")),
    ],
)
def test_a_condition_holds_for_what_it_describes(when: dict[str, Any], yes: Facts, no: Facts | None) -> None:
    assert holds(when, yes)
    assert no is None or not holds(when, no)


CARD = 4111_1111_1111_1111


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (CHAT, {"messages": [{"role": "assistant", "content": None, "reasoning_content": f"It is {CARD}."}]}),
        (CHAT, {"messages": [{"role": "system", "content": str(CARD)}, {"role": "user", "content": "hi"}]}),
        (CHAT, {"messages": [{"role": "user", "content": "hi"}], "tools": [{"function": {"name": "f", "x": CARD}}]}),
        (COMPLETIONS, {"prompt": ["hi", str(CARD)]}),
        (EMBEDDINGS, {"input": [str(CARD), "hi"]}),
        (MESSAGES, {"messages": [{"role": "user", "content": "hi"}], "system": str(CARD)}),
        (MESSAGES, {"messages": [{"role": "user", "content": [{"type": "mcp_tool_result", "content": str(CARD)}]}]}),
        (RESPONSES, {"input": [{"role": "user", "content": "hi"}, {"type": "reasoning", "summary": [str(CARD)]}]}),
    ],
)
def test_what_may_be_said_nowhere_is_found_in_every_protocol(dialect: Dialect, body: dict[str, Any]) -> None:
    for said in (body, json.loads(json.dumps(body).replace(str(CARD), "17"))):
        asked = dialect.parse(
            json.dumps({"model": "auto", "max_tokens": 9, **said}).encode(), headers={}, max_messages=9
        )
        call = Call(
            principal=ANONYMOUS,
            request=asked.request,
            body=asked.body,
            tuning=Tuning(),
            native=asked.native,
            endpoint=dialect.endpoint,
        )
        found = holds({"anywhere": str(CARD)}, Facts(call, Needs(asked.request, asked.body)))
        assert found is (said is body)


def test_the_first_rule_that_holds_decides() -> None:
    rules = Rules(
        [
            rule("never", when={"model": "x"}, then={"route": "weak"}),
            rule("one", then={"route": "strong"}),
            rule("two", then={"refuse": "No."}),
        ]
    )
    assert rules.ruling(facts()) == Ruling(name="one", route="strong")
    assert Rules().ruling(facts()) == Ruling()


def test_a_rule_that_continues_lets_later_ones_add_and_narrow_but_not_undo() -> None:
    rules = Rules(
        [
            rule("private", then={"cache": False}, **{"continue": True}),
            rule("thrifty", then={"min_threshold": 0.4, "max_threshold": 0.9}, **{"continue": True}),
            rule("thriftier", then={"min_threshold": 0.6}, **{"continue": True}),
            rule("spendthrift", then={"max_threshold": 0.1}),
        ]
    )
    ruling = rules.ruling(facts())
    assert ruling.name == "private, thrifty, thriftier, spendthrift"
    assert (ruling.cache, ruling.min_threshold, ruling.max_threshold) == (False, 0.6, 0.9)


@pytest.mark.parametrize("later", [{"route": "strong"}, {"model": "s"}, {"max_threshold": 0}])
def test_no_later_rule_undoes_a_bound_that_leaves_one_route(later: dict[str, Any]) -> None:
    models = Models(weak="w", strong="s")
    never, other = rule("never", then={"min_threshold": 1}, **{"continue": True}), rule("later", then=later)
    tuning, _ = under(Tuning(), 0.5, Rules([never, other]).ruling(facts()), models)
    assert pinned_route(tuning, models) == "weak"


def test_no_later_bound_undoes_a_route() -> None:
    models = Models(weak="w", strong="s")
    first, never = rule("first", then={"route": "strong"}, **{"continue": True}), rule("n", then={"min_threshold": 1})
    tuning, _ = under(Tuning(), 0.5, Rules([first, never]).ruling(facts()), models)
    assert pinned_route(tuning, models) == "strong"


@pytest.mark.parametrize(
    ("when", "then", "named"),
    [
        ({}, {}, "then: say at least one of route, model"),
        ({}, {"cache": True}, "then.cache: a rule can only switch the cache off"),
        ({}, {"route": "weak", "model": "x"}, "then.model: does not go with then.route"),
        ({}, {"route": "weak", "min_threshold": 0.5}, "then.min_threshold: does not go with then.route"),
        ({}, {"refuse": "No.", "cache": False}, "then.refuse: is one sentence, and goes with nothing else"),
        ({}, {"refuse": " "}, "then.refuse: is one sentence"),
        ({}, {"min_threshold": 0.6, "max_threshold": 0.4}, "then.min_threshold: 0.6 is above max_threshold, 0.4"),
        ({"regex": "(a"}, {"route": "weak"}, "when.regex: missing \\)"),
        ({"anywhere": "(a"}, {"route": "weak"}, "when.anywhere: missing \\)"),
        ({"regex": r"(?=x)"}, {"route": "weak"}, "when.regex: .*RE2 has no lookaround"),
        ({"language": "xx"}, {"route": "weak"}, "when.language: 'xx' cannot be told; known are ar, "),
        ({"header": {"Authorization": "*"}}, {"route": "weak"}, "when.header: 'Authorization' holds a key"),
        ({"min_tokens": 9, "max_tokens": 3}, {"route": "weak"}, "when.min_tokens: 9 is above max_tokens, 3"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named_with_its_field(
    when: dict[str, Any], then: dict[str, Any], named: str
) -> None:
    with pytest.raises(SettingsError, match=f"rules: 'mine': {named}"):
        Rules([rule("mine", when=when, then=then)])


def test_two_rules_of_one_name_are_refused_and_names_that_no_header_takes() -> None:
    with pytest.raises(SettingsError, match="another rule has it"):
        Rules([rule(then={"route": "weak"}), rule(then={"route": "weak"})])
    with pytest.raises(SettingsError, match="ASCII"):
        Rules([rule("naïve", then={"route": "weak"})])


def test_an_expression_that_would_backtrack_for_years_is_read_in_linear_time() -> None:
    rules = Rules([rule(when={"regex": "(a+)+$"}, then={"route": "weak"})])
    assert rules.ruling(facts("a" * 200_000 + "!")) == Ruling()


def test_rules_come_from_toml_and_from_the_environment(tmp_path: Path) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text(
        '[[rules]]\nname = "german"\nwhen = { language = "de" }\nthen = { route = "strong" }\ncontinue = true\n'
    )
    (from_file,) = load_settings(config=config, environ={}).rules
    environ = {"UNDERDOG_RULES": '[{"name": "german", "when": {"language": "de"}, "then": {"route": "strong"}}]'}
    (from_environment,) = load_settings(environ=environ).rules
    assert from_file == msgspec.structs.replace(from_environment, goes_on=True)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[[rules]]\nname = "x"\nthen = { rout = "weak" }', "'x': then: unknown field 'rout'; did you mean 'route'"),
        ('[[rules]]\nname = "x"\nwhen = { stream = "yes" }\nthen = { route = "weak" }', "true or false"),
        ('[[rules]]\nname = "x"', "then"),
    ],
)
def test_a_misspelt_rule_stops_the_start(tmp_path: Path, text: str, named: str) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text(text)
    with pytest.raises(SettingsError, match=named):
        load_settings(config=config, environ={})
