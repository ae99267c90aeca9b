"""The operator's own function: what it sees, what it may answer, and what happens where it fails."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from router.errors import HookFailed, SettingsError
from router.rules import Facts, Hook, load_hook
from router.rules.hook import Override, overridden
from router.types import Decision, Evidence, Ruling
from tests.rules.support import facts

SO_FAR = Decision(
    route="weak",
    model="small",
    reason="win-rate",
    win_rate=0.3,
    threshold=0.5,
    artifact="test/1",
    evidence=Evidence(),
)


def ruled(answer: Any, request: Facts | None = None) -> Ruling:
    return Hook(lambda _facts, _decision: answer, name="mine").ruling(request or facts(), SO_FAR)


def test_a_hook_that_says_nothing_changes_nothing() -> None:
    rules = Ruling(name="a rule", route="strong")
    assert overridden(rules, ruled(None)) == rules


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"route": "strong"}, Ruling(name="mine", route="strong", by="hook")),
        (Override(route="strong", reason="vip"), Ruling(name="vip", route="strong", by="hook")),
        ({"model": "large"}, Ruling(name="mine", model="large", by="hook")),
        ({"threshold": 0.2}, Ruling(name="mine", min_threshold=0.2, max_threshold=0.2, by="hook")),
        ({"refuse": "No."}, Ruling(name="mine", refuse="No.", by="hook")),
        ({"cache": False}, Ruling(name="mine", cache=False, by="hook")),
    ],
)
def test_an_override_may_be_a_record_or_a_dict(answer: Any, expected: Ruling) -> None:
    assert ruled(answer) == expected


def test_the_hook_has_the_last_word_but_switches_no_cache_on_again() -> None:
    rules = Ruling(name="a rule", route="strong", cache=False)
    said = overridden(rules, ruled({"route": "weak", "cache": True}))
    assert (said.name, said.route, said.cache, said.by) == ("a rule, mine", "weak", False, "hook")
    only_cache = overridden(Ruling(name="a rule", route="strong"), ruled({"cache": False}))
    assert (only_cache.route, only_cache.cache, only_cache.by) == ("strong", False, "rule")


@pytest.mark.parametrize(
    "answer", ["weak", {"rout": "weak"}, {"threshold": 2}, {"route": "named"}, {"route": "weak", "model": "large"}, 1]
)
def test_an_answer_that_is_no_override_fails_the_request(answer: Any) -> None:
    with pytest.raises(HookFailed) as failed:
        ruled(answer)
    assert (failed.value.status, failed.value.code) == (500, "hook_failed")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"secret": "weak"}, "no dict, or a field that is unknown; None or a dict of route, model, threshold"),
        ({"route": "secret"}, "'route' cannot be used; None or a dict of"),
        ("secret", "no dict, or"),
        ({"route": "weak", "model": "secret"}, "both a route and a model"),
    ],
)
def test_the_log_says_what_is_wrong_with_an_answer_and_quotes_nothing(
    answer: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(HookFailed):
        ruled(answer)
    assert said in caplog.text
    assert "secret" not in caplog.text


def test_a_hook_that_raises_is_logged_by_type_and_line_alone(caplog: pytest.LogCaptureFixture) -> None:
    def leaking(facts: Facts, decision: Decision) -> None:
        raise KeyError(facts.text)

    with pytest.raises(HookFailed) as failed:
        Hook(leaking, name="mine").ruling(facts("a secret"), SO_FAR)
    assert Hook(leaking, name="mine", required=False).ruling(facts("a secret"), SO_FAR) == Ruling()
    line = leaking.__code__.co_firstlineno + 1
    logged = f"the hook mine failed: KeyError at test_hook.py:{line}"
    assert [record.getMessage() for record in caplog.records] == [logged] * 2
    assert "secret" not in failed.value.message


def test_a_slow_hook_is_pointed_out(caplog: pytest.LogCaptureFixture) -> None:
    def slow(_facts: Facts, _decision: Decision) -> None:
        sum(range(3_000_000))

    with caplog.at_level(logging.WARNING):
        Hook(slow, name="mine").ruling(facts(), SO_FAR)
    assert "the hook mine took" in caplog.text


def test_the_facts_hold_no_key_and_cannot_be_changed() -> None:
    seen = facts(
        "Bonjour, ça va ? Et la famille ?", key_id="k1", headers={"Authorization": "Bearer sk-1", "X-App": "a"}
    )
    assert dict(seen.headers) == {"x-app": "a"}
    assert (seen.key_id, seen.language, seen.turns) == ("k1", "fr", (("user", "Bonjour, ça va ? Et la famille ?"),))
    with pytest.raises(AttributeError):
        seen.model = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        seen.headers["x-app"] = "b"  # type: ignore[index]


def test_a_hook_is_loaded_from_a_file_or_a_module(tmp_path: Path) -> None:
    path = tmp_path / "my_hook.py"
    path.write_text("def choose(facts, decision):\n    return {'route': 'strong'} if facts.tokens > 3 else None\n")
    assert load_hook(f"{path}:choose", required=True).ruling(facts("word " * 9), SO_FAR).route == "strong"
    assert load_hook("math:hypot", required=True)


def test_a_hook_that_would_have_to_be_waited_for_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "my_hook.py"
    path.write_text("async def choose(facts, decision):\n    return None\n")
    with pytest.raises(SettingsError, match="hook: 'choose' is asynchronous"):
        load_hook(f"{path}:choose", required=True)


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("nowhere", "must be package.module:function"),
        ("no.such.module:f", "'no.such.module' cannot be imported: ModuleNotFoundError"),
        ("./no_such_file.py:f", "cannot be imported: FileNotFoundError"),
        ("math:no_such_function", "'math' has no function 'no_such_function'"),
        ("math:pi", "'math' has no function 'pi'"),
    ],
)
def test_a_hook_that_cannot_be_loaded_stops_the_start(place: str, named: str) -> None:
    with pytest.raises(SettingsError, match=f"hook: .*{named}"):
        load_hook(place, required=True)
