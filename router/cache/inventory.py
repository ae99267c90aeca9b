"""What is kept, as operators see it: lists, single entries, and which of them a wish to let go means.

A running server and its file give the same records, so that whoever looks need not care which it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec

from router.cache.store import Entry
from router.cache.worth import saved_usd
from router.types import CachedAnswer, Route

SHORTEST_ID = 6
"""Characters of an id that at least are needed to mean an entry by it."""

MAX_SOUGHT_CHARS = 200
"""Characters of a text that may be searched for."""

SEARCHED_CHARS = 20_000
"""Characters of a question that a search looks through: a few that are huge must not hold up everybody."""

Order = Literal["newest", "value"]
"""``value``: what the store would part with last comes first."""


class Held(NamedTuple):
    """An entry as an inventory needs it. ``age_s`` and ``remaining_s`` are seconds; ``rank`` as ``Store.rank``."""

    entry: Entry
    hits: int
    age_s: float
    remaining_s: float
    rank: float


class EntryInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One entry without what was asked and answered. Amounts are US dollars, None where the price is not known.

    ``id`` is the hexadecimal exact key; its first characters, where they mean one entry alone, will do for all of it.
    ``cost_usd`` is what the answer cost and a repeat saves, ``saved_usd`` what its ``hits`` have saved. ``semantic``:
    whether rewordings may hit. ``question`` is there only where it was asked for: the last message.
    """

    id: str
    tenant: str
    model: str
    route: Route
    age_s: float
    expires_in_s: float
    hits: int
    bytes: int
    cost_usd: float | None
    saved_usd: float | None
    semantic: bool
    question: str | None = None


class EntryDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One entry with all that is kept of it.

    ``turns``: the texts of user and assistant that were asked, the question last; None where they are not kept, since
    only the very same request can hit. ``answer`` is the text, ``body`` the upstream's whole JSON.
    """

    entry: EntryInfo
    turns: list[str] | None
    answer: str | None
    body: Any


class EntryList(msgspec.Struct, frozen=True, kw_only=True):
    """The first of the entries in an order, and how many there are. ``loading``: the file is still being read."""

    entries: list[EntryInfo]
    total: int
    loading: bool = False


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are meant: those for which all that is given holds."""

    tenant: str | None = None
    model: str | None = None
    older_than_s: float | None = None

    def means(self, held: Held) -> bool:
        """Whether an entry is among them."""
        entry = held.entry
        return (
            self.tenant in (None, entry.tenant)
            and self.model in (None, entry.answer.model)
            and (self.older_than_s is None or held.age_s > self.older_than_s)
        )


def asks(held: Held, sought: str) -> bool:
    """Whether a text is in what was asked, capitals or not. What is not kept has no text."""
    turns = held.entry.turns
    return turns is not None and sought.casefold() in turns[-1][:SEARCHED_CHARS].casefold()


def listed(
    held: Iterable[Held], *, order: Order, limit: int, with_questions: bool = False, loading: bool = False
) -> EntryList:
    """The first ``limit`` of these entries in an order."""
    ordered = sorted(held, key=_newest_first if order == "newest" else _dearest_first)
    infos = [info(each, with_question=with_questions) for each in ordered[:limit]]
    return EntryList(entries=infos, total=len(ordered), loading=loading)


def info(held: Held, *, with_question: bool = False) -> EntryInfo:
    """What may be said of an entry without telling what was answered."""
    entry, answer = held.entry, held.entry.answer
    return EntryInfo(
        id=entry.exact.hex(),
        tenant=entry.tenant,
        model=answer.model,
        route=answer.route,
        age_s=round(held.age_s, 3),
        expires_in_s=round(held.remaining_s, 3),
        hits=held.hits,
        bytes=entry.size,
        cost_usd=_dollars(answer.cost_usd),
        saved_usd=_dollars(saved_usd(answer, held.hits)),
        semantic=entry.turns is not None,
        question=entry.turns[-1] if with_question and entry.turns else None,
    )


def detail(held: Held) -> EntryDetail:
    """All that is kept of an entry."""
    entry = held.entry
    body = msgspec.json.decode(entry.answer.body)
    return EntryDetail(
        entry=info(held, with_question=True),
        turns=None if entry.turns is None else list(entry.turns),
        answer=_text(entry.answer),
        body=body,
    )


def found_by_id(held: Iterable[Held], wanted: str) -> list[Held]:
    """The entries whose id begins so: one, where it is long enough and right; none where it is no id."""
    wanted = wanted.lower()
    if len(wanted) < SHORTEST_ID or set(wanted) - set("0123456789abcdef"):
        return []
    return [each for each in held if each.entry.exact.hex().startswith(wanted)]


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Body(msgspec.Struct):
    choices: list[_Choice]


def _text(answer: CachedAnswer) -> str | None:
    """The answer's text; only such are kept that have one."""
    try:
        choices = msgspec.json.decode(answer.body, type=_Body).choices
    except msgspec.MsgspecError:
        return None
    return choices[0].message.content if choices else None


def _dollars(amount: Decimal | None) -> float | None:
    return None if amount is None else float(round(amount, 9))


def _newest_first(held: Held) -> float:
    return held.age_s


def _dearest_first(held: Held) -> float:
    return -held.rank
