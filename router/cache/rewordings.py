"""Kept questions that ask for the same as a new one: found by their vectors, judged by the verifier."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from router.cache.contract import Accept, Embed, Hit, Ticket
from router.cache.index import FloatArray
from router.cache.judge import Judge, Verdict
from router.cache.shelf import Shelf
from router.cache.store import Entry
from router.cache.verify import Glimpse

CANDIDATES = 4
"""Neighbours that are judged, nearest first.

By the vector of the scored text (the last user turn whole, those before it cut), the conversation kept for a rewording
in ``data/cache`` is among the first 1, 2, 4 and 8 in 98 % of 886 cases each, and in 70, 93, 98, 98 % where all 1,329
traps are kept too; the rest have other roles. The last turn alone finds 88 % among 4; user and assistant turns together
find no more than the scored text. Of 2,432 rewordings of single questions 93, 96, 98, 99 %; 57, 85, 94, 96 % beside all
traps; 55, 79, 89, 92 % beside those and 50,000 questions of Quora's.
"""

MIN_SIMILARITY = 0.6
"""Cosine below which a neighbour is no candidate. It bounds work, not risk: the judge alone decides.

Of the 5,070 rewordings in ``data/cache`` the shipped verifier would serve 20 more without it (.4 %), 7 more at .55.
Of 893 prompts of an arena 2 % have a neighbour above it among 1,000 questions of Quora's, 11 % among 10,000, 27 % among
50,000 (.55: 4, 25, 47 %; .5: 9, 43, 71 %): such a miss waits for a verdict.
"""


CHARS_APART, SHARE_APART = 80, 0.25
"""Characters, or share of the longer one, by which one single question is longer than another at most to be judged.

As ``MIN_SIMILARITY`` it bounds work: of 746 rewordings that the shipped verifier serves none differ by more than 52, of
an arena's prompts that have neighbours among Quora's questions 78 % of these do.
"""

AT_ONCE_PAIRS, AT_ONCE_CHARS = 4, 300
"""Texts to compare, and characters of two of them, up to which a lookup is sifted where it is found.

That takes a quarter of a millisecond a pair, as long as the way to a thread and back; of words made for it, two."""

MOST_READ_CHARS = 1_000
"""Characters of all pairs of a lookup that the pair encoder reads, the nearest pair in any case.

Four pairs of questions are 500. Of prompts made from one mould there are always four, of 15 ms each."""


class Candidate(NamedTuple):
    """A kept entry whose question lies near a new one's, by cosine; ``seen``: what was found out about the two."""

    entry: Entry
    similarity: float
    seen: Glimpse | None = None


class Sifted(NamedTuple):
    """Candidates that say the same by rule, and those of which only the whole verifier can tell; nearest first."""

    certain: list[Candidate]
    unsure: list[Candidate]


class Rewordings:
    """Looks among what is kept for other wordings of a request. Calls may raise whatever its parts raise.

    Args:
        shelf: what is kept.
        judge: decides whether two requests ask for the same answer.
        failed: told where a candidate cannot be judged; the others still are.
    """

    def __init__(self, shelf: Shelf, judge: Judge, failed: Callable[[Exception], None]) -> None:
        self._shelf = shelf
        self._judge = judge
        self._failed = failed

    def candidates(self, ticket: Ticket, embed: Embed, accept: Accept | None) -> list[Candidate]:
        """Entries near enough that might be served, nearest first; what need not be verified is left out already."""
        keys, index = ticket.keys, self._shelf.index
        if keys is None or ticket.question is None:
            return []
        vector = vector_of(ticket, embed) if keys.partition in index else None
        if vector is None:
            return []
        with self._shelf.lock:
            neighbours = index.nearest(keys.partition, vector, CANDIDATES)
            ticket.similarity = min(max((near.similarity for near in neighbours), default=0.0), 1.0)
            held = [(self._shelf.entries.peek(near.exact), near.similarity) for near in neighbours]
        return [
            Candidate(entry, similarity)
            for entry, similarity in held
            if entry is not None
            and similarity >= MIN_SIMILARITY
            and is_alike_in_length(keys.turns, entry.turns)
            and self._may_serve(ticket, entry, accept)
        ]

    def is_soon_sifted(self, ticket: Ticket, candidates: list[Candidate]) -> bool:
        """Whether ``sifted`` takes no longer than a request's other steps do."""
        sizes = [size for each in candidates for size in _sizes_of_pairs(ticket, each.entry)]
        return len(sizes) <= AT_ONCE_PAIRS and max(sizes, default=0) <= AT_ONCE_CHARS

    def sifted(self, ticket: Ticket, candidates: list[Candidate]) -> Sifted:
        """What is known of candidates before the pair encoder has read any: those that it could not save are gone."""
        certain: list[Candidate] = []
        unsure: list[Candidate] = []
        read = 0
        for entry, similarity, _ in candidates:
            if self._is_banned(ticket, entry):
                continue
            try:
                prepared = self._with_prepared(entry)
                kind, seen = self._judge.outlook(prepared.prepared, self.prepared(ticket))
            except Exception as error:  # noqa: BLE001 - one entry must not hide the others
                self._failed(error)
                continue
            looked_at = Candidate(prepared, similarity, seen)
            if kind == "certain":
                certain.append(looked_at)
                break  # it is served, and the others need not be looked at
            if kind == "open":
                size = sum(_sizes_of_pairs(ticket, entry))
                if not unsure or read + size <= MOST_READ_CHARS:
                    unsure.append(looked_at)
                    read += size
        return Sifted(certain, unsure)

    def verified(self, ticket: Ticket, candidates: list[Candidate], accept: Accept | None) -> Hit | None:
        """The first candidate that the verifier passes and that still lives by then."""
        for candidate in candidates:
            try:
                verdict = self._verdict(ticket, candidate)
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(error)
                continue
            if verdict is None:
                continue
            entry = candidate.entry
            with self._shelf.lock:
                hit = found(self._shelf, ticket, entry.exact, "semantic", candidate.similarity)
            # Another answer may stand there by now.
            if hit is not None and (accept is None or accept(hit.answer)):
                self._shelf.used(entry.exact)
                return msgspec.structs.replace(hit, entry=entry.exact, turns=entry.turns, verdict=verdict)
        return None

    def prepared(self, ticket: Ticket) -> Any:
        """What the verifier keeps of a request."""
        if ticket.prepared is None and ticket.keys is not None and ticket.keys.turns is not None:
            ticket.prepared = self._judge.prepare(ticket.keys.turns)
        return ticket.prepared

    def _may_serve(self, ticket: Ticket, entry: Entry, accept: Accept | None) -> bool:
        now = self._shelf.clock()
        young = ticket.max_age_s is None or now - entry.stored_at <= ticket.max_age_s
        return young and entry.expires_at > now and (accept is None or accept(entry.answer))

    def _verdict(self, ticket: Ticket, candidate: Candidate) -> Verdict | None:
        if self._is_banned(ticket, candidate.entry):
            return None
        entry = self._with_prepared(candidate.entry)
        return self._judge.verdict(ticket.tenant, entry.prepared, self.prepared(ticket), candidate.seen)

    def _is_banned(self, ticket: Ticket, entry: Entry) -> bool:
        return ticket.keys is None or self._judge.is_banned(entry.exact, ticket.keys.exact)

    def _with_prepared(self, entry: Entry) -> Entry:
        """An entry with what the verifier keeps of it, made now where it came from the file or another server."""
        if entry.prepared is not None or entry.turns is None:
            return entry
        prepared = msgspec.structs.replace(entry, prepared=self._judge.prepare(entry.turns))
        with self._shelf.lock:
            self._shelf.entries.amend(entry, prepared)
        return prepared


def found(
    shelf: Shelf, ticket: Ticket, exact: bytes, kind: Literal["exact", "semantic"], similarity: float
) -> Hit | None:
    """The living entry under a key as a hit of a request; None where there is none that is young enough for it."""
    now = shelf.clock()
    entry = shelf.entries.get(exact, now)
    if entry is None:
        return None
    age_s = max(0.0, now - entry.stored_at)
    if ticket.max_age_s is not None and age_s > ticket.max_age_s:
        return None
    return Hit(kind, min(similarity, 1.0), entry.answer, age_s)


def vector_of(ticket: Ticket, embed: Embed) -> FloatArray | None:
    """The question's unit vector; None where no rewording may hit, or no token of it is known to the encoder."""
    if ticket.question is None:
        return None
    if ticket.vector is None:
        ticket.vector = np.ascontiguousarray(embed(ticket.question), dtype=np.float32)
    return ticket.vector if np.count_nonzero(ticket.vector) else None


def is_alike_in_length(asked: tuple[str, ...] | None, kept: tuple[str, ...] | None) -> bool:
    """Whether the lengths of two questions allow for a rewording. Conversations are judged turn by turn."""
    if asked is None or kept is None or len(asked) > 1 or len(kept) > 1:
        return True
    lengths = len(asked[-1]), len(kept[-1])
    return not _far_apart(*lengths) or not _far_apart(*(_plain_length(text) for text in (asked[-1], kept[-1])))


def _far_apart(one: int, other: int) -> bool:
    return abs(one - other) > max(CHARS_APART, SHARE_APART * max(one, other))


def _plain_length(text: str) -> int:
    """Characters without what no reader sees: runs of spaces, and accents that are characters of their own."""
    return len(" ".join(unicodedata.normalize("NFC", text).split()))


def _sizes_of_pairs(ticket: Ticket, entry: Entry) -> list[int]:
    """Characters of each two texts that differ."""
    asked = ticket.keys.turns if ticket.keys is not None else None
    pairs = zip(asked or (), entry.turns or (), strict=False)  # where one has more turns, nothing is read
    return [len(one) + len(other) for one, other in pairs if one != other]
