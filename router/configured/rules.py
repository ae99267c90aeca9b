"""``[[rules]]``: what the operator decides before the score does."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Fraction = Annotated[float, Meta(ge=0, le=1)]
Tokens = Annotated[int, Meta(ge=0)]


class When(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request must be like; all that is given must hold. ``*`` and ``?`` in a text stand for any text or letter.

    ``model``: what the request asks for, by any of its names. ``key``: the id of the caller's key. ``team``: that of
    its team. ``header``: name -> value. ``language``: ISO code, or several, of the newest user text.
    ``min_tokens``, ``max_tokens``: length of the prompt by estimate. ``regex``: an RE2 expression that the newest user
    text holds; ``anywhere``: one that any text of the conversation does, whoever said it. ``tools``, ``images``:
    whether it has any. ``endpoint``: the path that was called. ``stream``: whether it streams.
    """

    model: str | None = None
    key: str | None = None
    team: str | None = None
    header: dict[str, str] = {}
    language: str | tuple[str, ...] | None = None
    min_tokens: Tokens | None = None
    max_tokens: Tokens | None = None
    regex: str | None = None
    anywhere: str | None = None
    tools: bool | None = None
    images: bool | None = None
    endpoint: str | None = None
    stream: bool | None = None


class Then(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of a request.

    ``route`` or ``model``: where it goes, whatever the caller asked for. ``min_threshold``, ``max_threshold``: bounds
    of its threshold. ``cache = false``: it is neither answered from the cache nor kept there. ``refuse``: the sentence
    with which it is turned away.
    """

    route: Literal["weak", "strong"] | None = None
    model: str | None = None
    min_threshold: Fraction | None = None
    max_threshold: Fraction | None = None
    cache: bool | None = None
    refuse: str | None = None


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule. The first that holds decides, unless it says ``continue = true``: then later ones are looked at too."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    then: Then
    when: When = When()
    goes_on: bool = field(default=False, name="continue")
