"""What follows from a rating: the ledger keeps it, the cache lets go of a wrong answer, the error budget heeds it."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from router.cache import Cache, Hit, Ticket
from router.cache.account import Trial
from router.cache.judge import Answered
from router.ledger.feedback import Rated, Reworded
from router.ledger.ledger import Ledger
from router.principals import Principal
from router.types import Rating

logger = logging.getLogger(__name__)

MOST_RECENT = 5_000
"""Answered rewordings whose texts wait for a rating, where they may be kept at all."""

MOST_PAIR_CHARS = 16_000
"""Characters of a pair that waits: longer ones are mostly what both have in common, and would fill the memory."""

REWORDED_ROLES = ("user", "assistant")


class Feedback:
    """Takes in answers to reworded questions, and what callers say of answers.

    Args:
        ledger: keeps ratings and, where it may, pairs of questions.
        cache: lets go of answers that were called bad; its judge hears of every rewording that was rated.
        keep_pairs: whether the questions may be kept. They wait in memory, and are written once they are rated.
    """

    def __init__(self, ledger: Ledger, cache: Cache, *, keep_pairs: bool) -> None:
        self._ledger = ledger
        self._cache = cache
        self._keep_pairs = keep_pairs
        self._recent: OrderedDict[str, tuple[str, str]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """Pairs of questions that wait in memory for a rating."""
        return len(self._recent)

    def served(self, ticket: Ticket, request_id: str, hit: Hit, messages: Sequence[Mapping[str, Any]]) -> None:
        """A request was answered from the cache. Only what was reworded is of interest. Never raises.

        Args:
            ticket: of the request.
            request_id: by which it may be rated.
            hit: what was served.
            messages: the request's.
        """
        try:
            self._account(ticket, request_id, hit, messages)
        except Exception as error:  # noqa: BLE001 - no failure of the cache's accounts may reach a request
            logger.warning("cache: a served rewording is not accounted for: %s", type(error).__name__)

    def _account(self, ticket: Ticket, request_id: str, hit: Hit, messages: Sequence[Mapping[str, Any]]) -> None:
        if hit.verdict is None:
            return
        trial = Trial(request_id, hit.verdict.score, time.time())
        self._cache.judge.served(ticket.tenant, hit.verdict.verifier, trial)
        turns = ticket.keys.turns if ticket.keys is not None else None
        if not self._keep_pairs or turns is None or hit.turns is None:
            return
        pair = pair_of(messages, turns, hit.turns)
        if pair is not None and sum(map(len, pair)) <= MOST_PAIR_CHARS:
            self._recent[request_id] = pair
            if len(self._recent) > MOST_RECENT:
                self._recent.popitem(last=False)

    async def rate(self, principal: Principal, request_id: str, rating: Rating) -> bool:
        """Keep a rating and do what follows. The same again changes nothing.

        Returns:
            False where this tenant has no such request.

        Raises:
            LedgerError: it is not kept, and nothing else was done.
        """
        pair = self._recent.get(request_id)
        rated = await self._ledger.rate(request_id, rating, tenant=principal.tenant, pair=pair)
        if rated is None:
            return False
        if rating == "bad" and rated.before != "bad":
            self._let_go(rated)
        self._hold_against_budget(principal.tenant, request_id, rated, rating)
        return True

    def _let_go(self, rated: Rated) -> None:
        """Whatever answered, or was kept of the answer, must not answer again."""
        for key in {rated.cache_entry, rated.cache_key} - {None}:
            self._cache.evict(bytes.fromhex(str(key)))
        if rated.cache_entry is not None and rated.cache_key is not None:
            self._cache.judge.ban(bytes.fromhex(rated.cache_entry), bytes.fromhex(rated.cache_key))

    def _hold_against_budget(self, tenant: str, request_id: str, rated: Rated, rating: Rating) -> None:
        if rated.cache_verdict is None or rated.cache_verifier is None:
            return
        trial = Trial(request_id, rated.cache_verdict, rated.at.timestamp(), rating)
        self._cache.judge.rated(tenant, rated.cache_verifier, trial, now=time.time())


def pair_of(messages: Sequence[Mapping[str, Any]], turns: Sequence[str], kept: Sequence[str]) -> tuple[str, str] | None:
    """The request that was answered before, and this one, each as JSON: a question, or messages.

    Args:
        messages: of this request.
        turns: the texts among them that may be worded otherwise, in order.
        kept: what stands in their places in the other.

    Returns:
        None where a message is more than a text: a verifier could not read it.
    """
    new, old = [], []
    waiting = list(zip(turns, kept, strict=True))
    for message in messages:
        text = _text(message)
        if text is None:
            return None
        other = text
        if message["role"] in REWORDED_ROLES and waiting and waiting[0][0] == text:
            other = waiting.pop(0)[1]
        new.append({"role": message["role"], "content": text})
        old.append({"role": message["role"], "content": other})
    return _encoded(old), _encoded(new)


def past_answers(found: Iterable[Reworded]) -> list[Answered]:
    """What the ledger knows of answered rewordings, for the judge."""
    return [
        Answered(
            tenant=each.tenant,
            entry=bytes.fromhex(each.cache_entry),
            asked=bytes.fromhex(each.cache_key or ""),
            verifier=each.cache_verifier,
            trial=Trial(each.request_id, each.cache_verdict, each.at.timestamp(), each.rating),
        )
        for each in found
        if each.cache_verdict is not None
    ]


def _text(message: Mapping[str, Any]) -> str | None:
    match message:
        case {"role": str(), "content": str(text), **others} if not others:
            return text
        case {"role": str(), "content": [{"type": "text", "text": str(text)}], **others} if not others:
            return text
    return None


def _encoded(turns: list[dict[str, str]]) -> str:
    alone = len(turns) == 1 and turns[0]["role"] == "user"
    return msgspec.json.encode(turns[0]["content"] if alone else turns).decode()
