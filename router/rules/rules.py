"""Ordered rules: from what a request is like to what becomes of it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from router.configured.rules import Rule, Then, When
from router.errors import SettingsError
from router.policy import NO_RULING
from router.rules.facts import SECRET_HEADERS, Facts
from router.rules.language import LANGUAGES
from router.types import Ruling

Condition = Callable[[Facts], bool]

_NAME = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
"""A rule's name goes into a header."""


class _Ready(NamedTuple):
    """A rule whose expressions are compiled: it holds where all of its conditions do."""

    conditions: tuple[Condition, ...]
    ruling: Ruling
    goes_on: bool


class Rules:
    """The operator's rules, in their order.

    Args:
        rules: as they are configured.

    Raises:
        SettingsError: naming the rule and the field that cannot be used.
    """

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        names = [rule.name for rule in rules]
        for rule in rules:
            if not _NAME.fullmatch(rule.name):
                raise SettingsError(f"rules: '{rule.name}': name: use letters, digits and marks of ASCII.")
            if names.count(rule.name) > 1:
                raise SettingsError(f"rules: '{rule.name}': name: another rule has it, too.")
        self._ready = [
            _Ready(tuple(_conditions(rule.name, rule.when)), _ruling(rule.name, rule.then), rule.goes_on)
            for rule in rules
        ]

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def rulings(self) -> list[Ruling]:
        """What each rule would do."""
        return [ready.ruling for ready in self._ready]

    def ruling(self, facts: Facts) -> Ruling:
        """What the rules say of a request: the first that holds, and what came before it and said ``continue``."""
        said = NO_RULING
        for ready in self._ready:
            if all(condition(facts) for condition in ready.conditions):
                said = both(said, ready.ruling)
                if not ready.goes_on:
                    break
        return said


def both(earlier: Ruling, later: Ruling) -> Ruling:
    """Two rulings as one: the earlier keeps what it said, the later may only add and narrow."""
    moved = bool(earlier.route or earlier.model)
    routed = earlier if moved else later
    low = max(earlier.min_threshold, later.min_threshold)
    high = min(earlier.max_threshold, later.max_threshold)
    if moved or low > high:
        low, high = earlier.min_threshold, earlier.max_threshold
    return Ruling(
        name=", ".join(ruling.name for ruling in (earlier, later) if ruling.name) or None,
        route=routed.route,
        model=routed.model,
        min_threshold=low,
        max_threshold=high,
        cache=earlier.cache and later.cache,
        refuse=earlier.refuse or later.refuse,
        by=later.by,
    )


def _ruling(name: str, then: Then) -> Ruling:
    acts = {act: value for act, value in msgspec.structs.asdict(then).items() if value is not None}
    if not acts:
        raise SettingsError(f"rules: '{name}': then: say at least one of {', '.join(then.__struct_fields__)}.")
    if acts.get("cache"):
        raise SettingsError(f"rules: '{name}': then.cache: a rule can only switch the cache off.")
    aims = [act for act in ("route", "model", "refuse") if act in acts]
    bounds = [act for act in ("min_threshold", "max_threshold") if act in acts]
    if len(aims) > 1 or (aims and bounds):
        one, other = (aims + bounds)[:2]
        raise SettingsError(f"rules: '{name}': then.{other}: does not go with then.{one}.")
    if then.refuse is not None and (len(acts) > 1 or not then.refuse.strip()):
        raise SettingsError(f"rules: '{name}': then.refuse: is one sentence, and goes with nothing else.")
    low, high = then.min_threshold or 0.0, 1.0 if then.max_threshold is None else then.max_threshold
    if low > high:
        raise SettingsError(f"rules: '{name}': then.min_threshold: {low:g} is above max_threshold, {high:g}.")
    return Ruling(
        name=name,
        route=then.route,
        model=then.model,
        min_threshold=low,
        max_threshold=high,
        cache=then.cache is not False,
        refuse=then.refuse,
    )


def _conditions(name: str, when: When) -> Iterator[Condition]:
    """The conditions that are given, cheapest first."""
    for field in ("stream", "tools", "images"):
        if (wanted := getattr(when, field)) is not None:
            yield _equals(field, wanted)
    if when.model is not None:
        yield _asks_for(when.model)
    for field, fact in (("key", "key_id"), ("team", "team"), ("endpoint", "endpoint")):
        if (pattern := getattr(when, field)) is not None:
            yield _fits(fact, pattern)
    for header, pattern in when.header.items():
        yield _header(name, header, pattern)
    if when.min_tokens is not None or when.max_tokens is not None:
        yield _length(name, when.min_tokens or 0, when.max_tokens)
    if when.language is not None:
        yield _language(name, when.language)
    yield from _expressions(name, when)


def _equals(fact: str, wanted: bool) -> Condition:
    return lambda facts: getattr(facts, fact) is wanted


def _asks_for(pattern: str) -> Condition:
    matches = _glob(pattern)
    return lambda facts: any(map(matches, facts.models))


def _fits(fact: str, pattern: str) -> Condition:
    matches = _glob(pattern)

    def holds(facts: Facts) -> bool:
        value = getattr(facts, fact)
        return value is not None and matches(value)

    return holds


def _header(name: str, header: str, pattern: str) -> Condition:
    wanted = header.lower()
    if wanted in SECRET_HEADERS:
        raise SettingsError(f"rules: '{name}': when.header: '{header}' holds a key; match the key's id with when.key.")
    matches = _glob(pattern)

    def holds(facts: Facts) -> bool:
        # Any of several values, so that no second one keeps a rule away.
        return any(map(matches, facts.header_lines.get(wanted, ())))

    return holds


def _length(name: str, least: int, most: int | None) -> Condition:
    if most is not None and least > most:
        raise SettingsError(f"rules: '{name}': when.min_tokens: {least} is above max_tokens, {most}.")
    return lambda facts: least <= facts.tokens and (most is None or facts.tokens <= most)


def _language(name: str, wanted: str | tuple[str, ...]) -> Condition:
    codes = frozenset({wanted} if isinstance(wanted, str) else wanted)
    if unknown := sorted(codes - LANGUAGES):
        known = ", ".join(sorted(LANGUAGES))
        raise SettingsError(f"rules: '{name}': when.language: '{unknown[0]}' cannot be told; known are {known}.")
    return lambda facts: facts.language in codes


def _expressions(name: str, when: When) -> Iterator[Condition]:
    if when.regex is not None:
        yield _regex(name, "regex", when.regex, lambda facts: facts.text)
    if when.anywhere is not None:
        yield _regex(name, "anywhere", when.anywhere, lambda facts: facts.everything)


def _regex(name: str, field: str, pattern: str, text: Callable[[Facts], str]) -> Condition:
    # RE2 reads every text in linear time, so that no text can hold up the server.
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        compiled: Any = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if error.args else "not valid"
        remedy = "RE2 has no lookaround and no backreferences"
        raise SettingsError(f"rules: '{name}': when.{field}: {reason} ({remedy}).") from None
    return lambda facts: compiled.search(text(facts).encode("utf-8", "replace").decode()) is not None


def _glob(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(fnmatch.translate(pattern.lower()))
    return lambda value: compiled.match(value.lower()) is not None
