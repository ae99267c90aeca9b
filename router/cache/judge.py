"""The last word on a rewording: the verifier's verdict, held against the tenant's error budget."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from router.cache.account import Trial
from router.cache.budget import Budget, Standing
from router.cache.peers import NoPeers, Peers
from router.cache.verify import Glimpse, Verifier, WordingVerifier
from router.scoring.verifier.conversation import Turns
from router.scoring.verifier.evidence import ALWAYS, Evidence

logger = logging.getLogger("underdog.cache")

RULES = "rules"
"""The name of the verifier that is right by construction: it serves what is the same words in other clothes."""

MOST_BANNED = 100_000


class Outlook(NamedTuple):
    """How a verdict will come out, as far as that is soon known, and what was seen for it.

    ``certain``: the same words in other clothes; ``open``: only the whole verifier can tell.
    """

    kind: Literal["certain", "open", "refused"]
    seen: Glimpse | None = None


class Verdict(msgspec.Struct, frozen=True):
    """Why a rewording is served: by which verifier, with what score (``ALWAYS``: it is certain)."""

    score: float
    verifier: str


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A rewording that was served earlier: whose, which entry answered which request (both exact keys), and why."""

    tenant: str
    entry: bytes
    asked: bytes
    verifier: str | None
    trial: Trial


class Judge:
    """Serves what is certain and, once ``adopt`` gave it a verifier with evidence, what the error budget allows.

    Args:
        max_wrong: the share of traps that may be answered; 0: only what is certain is served.
        past: what earlier servers answered, oldest first, for verifiers to come.
        peers: the other servers, which judge by the same reports.
    """

    def __init__(self, max_wrong: float = 0.0, *, past: Sequence[Answered] = (), peers: Peers | None = None) -> None:
        self.max_wrong = max_wrong
        self._peers = peers or NoPeers()
        self._rules = WordingVerifier()
        self._verifier: Verifier = self._rules
        self._budget: Budget | None = None
        self._past = past
        self._banned: dict[tuple[bytes, bytes], None] = {}
        self._lock = threading.Lock()
        for each in past:
            if each.trial.rating == "bad":
                self.heed_ban(each.entry, each.asked)

    def adopt(self, verifier: Verifier, evidence: Mapping[str, Evidence], *, name: str) -> None:
        """Judge by this verifier from now on, if there is a budget for it.

        Args:
            verifier: its scores are those that the evidence is about.
            evidence: by kind of traps, what they scored.
            name: tells its scores from those of other verifiers; in the ledger and the log.
        """
        if self.max_wrong <= 0:
            return
        budget = Budget(self.max_wrong, evidence, verifier=name)
        budget.restore(
            ((each.tenant, each.trial) for each in self._past if each.verifier == name),
            now=time.time(),
        )
        with self._lock:
            self._verifier, self._budget, self._past = verifier, budget, ()
        _announce(budget)

    def allow(self, max_wrong: float) -> bool:
        """Let another share of traps be answered from now on.

        Returns:
            False where no verifier is there that could be bolder than the rules.
        """
        if self.max_wrong <= 0 and self._budget is None:
            return False
        self.max_wrong = max_wrong
        if self._budget is not None:
            self._budget.allow(max_wrong)
            _announce(self._budget)
        return True

    def prepare(self, turns: Sequence[str] | str) -> Turns:
        """What is kept of a request's turns; it suits every verifier."""
        return self._rules.prepare(turns)

    def outlook(self, cached: Turns, new: Turns) -> Outlook:
        """How ``verdict`` will come out, as far as the verifier soon knows: the pair encoder reads nothing for it."""
        verifier, shipped, _ = self._now()
        if shipped == ALWAYS:
            return Outlook("certain" if self._rules.same(cached, new) else "refused")
        seen = verifier.glance(cached, new, at_least=shipped)
        if seen.most == ALWAYS:
            return Outlook("certain", seen)
        return Outlook("open" if seen.most >= shipped else "refused", seen)

    def verdict(self, tenant: str, cached: Turns, new: Turns, seen: Glimpse | None = None) -> Verdict | None:
        """Why the answer to one request may be served for another; None where it may not.

        Args:
            tenant: whose budget it is.
            cached: what the answer was given to.
            new: what is asked now.
            seen: what ``outlook`` saw of the two, if it was asked.
        """
        verifier, shipped, budget = self._now()
        if budget is not None and shipped < ALWAYS:
            score = verifier.score(cached, new, at_least=shipped, seen=seen)
            if score == ALWAYS:
                return Verdict(ALWAYS, RULES)
            if score < shipped:
                return None
            if score >= budget.threshold(tenant):
                return Verdict(score, budget.verifier)
        # Where reports raised the threshold, or nothing else may be served, the same words still are.
        return Verdict(ALWAYS, RULES) if self._rules.same(cached, new) else None

    def ban(self, entry: bytes, asked: bytes) -> None:
        """Never again let what is kept under one key answer the request of the other, on whatever server."""
        self.heed_ban(entry, asked)
        self._peers.banned(entry, asked)

    def heed_ban(self, entry: bytes, asked: bytes) -> None:
        """The same, where it was said elsewhere."""
        with self._lock:
            self._banned[entry, asked] = None
            if len(self._banned) > MOST_BANNED:
                del self._banned[next(iter(self._banned))]

    def is_banned(self, entry: bytes, asked: bytes) -> bool:
        """Whether that was said."""
        return (entry, asked) in self._banned

    def served(self, tenant: str, verifier: str, trial: Trial) -> None:
        """A rewording was answered here."""
        self.heed_served(tenant, verifier, trial)
        self._peers.served(tenant, verifier, trial)

    def heed_served(self, tenant: str, verifier: str, trial: Trial) -> None:
        """A rewording was answered, wherever."""
        if (budget := self._budget_of(verifier)) is not None:
            budget.served(tenant, trial)

    def rated(self, tenant: str, verifier: str, trial: Trial, *, now: float) -> None:
        """An answered rewording was rated here. What another verifier let pass says nothing of this one's scores."""
        self.heed_rated(tenant, verifier, trial, now=now)
        self._peers.rated(tenant, verifier, trial)

    def heed_rated(self, tenant: str, verifier: str, trial: Trial, *, now: float) -> None:
        """An answered rewording was rated, wherever."""
        if (budget := self._budget_of(verifier)) is not None:
            budget.rated(tenant, trial, now=now)

    def standing(self, tenant: str) -> Standing:
        """What the error budget comes to for a tenant."""
        if self._budget is None:
            return Standing(verifier=RULES, max_wrong=self.max_wrong, threshold=None, wrong_limit=0.0, traps=0)
        return self._budget.standing(tenant)

    @property
    def shipped(self) -> float:
        """The threshold that follows from the evidence alone; infinite where all that is served is certain."""
        return self._now()[1]

    @property
    def strictest(self) -> float:
        """The highest threshold of any tenant; infinite where all that is served is certain."""
        return ALWAYS if self._budget is None else self._budget.strictest

    @property
    def reports(self) -> int:
        """Rewordings reported wrong, of all tenants, in the time that counts."""
        return 0 if self._budget is None else self._budget.reports

    def _now(self) -> tuple[Verifier, float, Budget | None]:
        """The verifier, the threshold that follows from its evidence, and its budget, which belong together."""
        with self._lock:
            verifier, budget = self._verifier, self._budget
        return verifier, ALWAYS if budget is None else budget.shipped, budget

    def _budget_of(self, verifier: str) -> Budget | None:
        return self._budget if self._budget is not None and self._budget.verifier == verifier else None


def _announce(budget: Budget) -> None:
    standing = budget.standing("")
    if standing.threshold is None:
        logger.warning(
            "cache: the evidence of verifier %s (%s traps) cannot show that at most %g of lookalike questions would be "
            "answered wrongly: only exact repeats and the same words are served. Raise cache_max_wrong, or refit it.",
            budget.verifier,
            f"{standing.traps:,}",
            budget.max_wrong,
        )
        return
    logger.info(
        "cache: error budget %g: verifier %s serves rewordings from score %.4f, which answers at most %.4f of "
        "lookalike questions wrongly (95 %% upper limit, from %s traps); %d reports count",
        budget.max_wrong,
        budget.verifier,
        standing.threshold,
        standing.wrong_limit,
        f"{standing.traps:,}",
        budget.reports,
    )
