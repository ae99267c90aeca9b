"""The error budget: how sure a verdict must be, so that wrong answers stay rarer than the operator allows.

What is bounded is the chance that a *trap* is answered: a stored question, like enough to be a candidate, whose answer
would be wrong for the new one. The verifier comes with evidence, the scores of traps that no fit had seen; the
threshold is the lowest one at which Clopper and Pearson's upper limit, at 95 %, on the share of traps answered is at
most ``max_wrong``. Evidence too thin for that gives no threshold, and then only what is certain is served.

Reports of wrong answers tighten it. Each tenant has an account of the rewordings it was answered (``account``). What
the evidence says enters it with the weight of a few trials (``TRUSTED``), among them just as many cases as the budget
allows; a higher threshold leaves out those of the traps' cases that lie below it. The threshold rises to the lowest one
where these cases and the reports at or above it, among these trials and the live ones, again show a share of at most
``max_wrong``. For a budget of 1 % that means:

- one report moves the threshold to where about a fifth fewer of the evidence's traps pass; five that lie above it, with
  nothing to their credit, stop all rewordings that are not certain;
- 130 answers rated good, or 650 that nobody rated, make up for one report; after 90 days it is forgotten anyhow;
- nothing lowers the threshold below that of the evidence: ratings are no way to loosen what the operator set;
- reports count in the account of the tenant who made them, so nobody can shut the cache of others.

The limit is looked at again and again, so that 95 % is nominal; ``tests/cache/test_budget.py`` simulates what it keeps.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_right
from collections.abc import Iterable, Mapping

import msgspec

from router.cache.account import Account, Trial
from router.cache.limits import holds, most_cases
from router.scoring.verifier.evidence import ALWAYS, Evidence, common_threshold, upper_limit

TRUSTED = 10.0
"""The evidence weighs as many trials as hold this many wrong answers at the budget: 1,000 trials at 1 %."""

REVIEW_EVERY = 25
"""Answers after which a tightened threshold is looked at again, if no rating comes before."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the budget comes to for a tenant.

    Args:
        verifier: the artifact that judges rewordings; ``rules`` as long as none does.
        max_wrong: what the operator set.
        threshold: the verdict score from which a rewording is served; None: only what is certain is.
        wrong_limit: the upper limit on the share of traps answered at this threshold, by the evidence.
        traps: how many traps this limit rests on: those of the kind that decides. A trap may be of several kinds.
        answers: rewordings that were served in the time that counts.
        reports: how many of them were reported wrong.
        tightened: whether the reports raised the threshold.
    """

    verifier: str
    max_wrong: float
    threshold: float | None
    wrong_limit: float
    traps: int
    answers: int = 0
    reports: int = 0
    tightened: bool = False


class Budget:
    """The threshold of each tenant. May be used by several threads.

    Args:
        max_wrong: the share of traps that may be answered; 0: none, and only what is certain is served.
        evidence: by kind of traps, what they scored.
        verifier: the artifact that gave these scores; those of another one cannot be compared with them.
    """

    def __init__(self, max_wrong: float, evidence: Mapping[str, Evidence], *, verifier: str) -> None:
        self.max_wrong = max_wrong
        self.verifier = verifier
        self._evidence = evidence
        self.shipped = common_threshold(evidence, max_wrong)
        self._accounts: dict[str, Account] = {}
        self._thresholds: dict[str, float] = {}
        self._unseen: dict[str, int] = {}
        self._lock = threading.Lock()

    def allow(self, max_wrong: float) -> None:
        """Let another share of traps be answered from now on; what is known of answers stays."""
        with self._lock:
            self.max_wrong = max_wrong
            self.shipped = common_threshold(self._evidence, max_wrong)
            for tenant in self._accounts:
                self._review(tenant, time.time())

    def threshold(self, tenant: str) -> float:
        """The score from which a rewording may be served to this tenant; infinite where it must be certain."""
        return self._thresholds.get(tenant, self.shipped)

    @property
    def strictest(self) -> float:
        """The highest threshold of any tenant."""
        return max(self._thresholds.values(), default=self.shipped)

    @property
    def reports(self) -> int:
        """Answers reported wrong, of all tenants, in the time that counts."""
        return sum(account.reports() for account in self._accounts.values())

    def restore(self, trials: Iterable[tuple[str, Trial]], *, now: float) -> None:
        """Take in what an earlier server knew, as pairs of tenant and trial, oldest first."""
        with self._lock:
            for tenant, trial in trials:
                if math.isfinite(trial.score):
                    self._account(tenant).add(trial)
            for tenant in self._accounts:
                self._review(tenant, now)

    def served(self, tenant: str, trial: Trial) -> None:
        """A rewording was answered. What was certain does not count: no threshold would have kept it back."""
        if not math.isfinite(trial.score):
            return
        with self._lock:
            self._account(tenant).add(trial)
            self._unseen[tenant] = self._unseen.get(tenant, 0) + 1
            # More answers can only loosen what reports have tightened.
            if self._unseen[tenant] >= REVIEW_EVERY and self.threshold(tenant) > self.shipped:
                self._review(tenant, trial.at)

    def rated(self, tenant: str, trial: Trial, *, now: float) -> None:
        """An answered rewording was rated. The last rating of a request counts, once."""
        if not math.isfinite(trial.score):
            return
        with self._lock:
            self._account(tenant).add(trial)
            self._review(tenant, now)

    def standing(self, tenant: str) -> Standing:
        """What the budget comes to for a tenant."""
        with self._lock:
            account = self._accounts.get(tenant) or Account()
            threshold = self.threshold(tenant)
            return Standing(
                verifier=self.verifier,
                max_wrong=self.max_wrong,
                threshold=threshold if math.isfinite(threshold) else None,
                wrong_limit=wrong_limit(self._evidence, threshold),
                traps=deciding_kind(self._evidence, threshold).traps if self._evidence else 0,
                answers=len(account),
                reports=account.reports(),
                tightened=threshold > self.shipped,
            )

    def _account(self, tenant: str) -> Account:
        return self._accounts.setdefault(tenant, Account())

    def _review(self, tenant: str, now: float) -> None:
        self._unseen[tenant] = 0
        account = self._accounts[tenant]
        account.expire(now)
        self._thresholds[tenant] = tightened(self._evidence, self.shipped, account, self.max_wrong)


def wrong_limit(evidence: Mapping[str, Evidence], threshold: float) -> float:
    """The upper limit on the share of traps that a threshold lets pass, of the worst kind; 0.0 where none can pass."""
    if threshold == ALWAYS:
        return 0.0
    kind = deciding_kind(evidence, threshold)
    return upper_limit(_passing(kind, threshold), kind.traps)


def deciding_kind(evidence: Mapping[str, Evidence], threshold: float) -> Evidence:
    """The kind of traps with the highest upper limit on the share that a threshold lets pass; the first of equals."""
    return max(evidence.values(), key=lambda kind: upper_limit(_passing(kind, threshold), kind.traps))


def tightened(evidence: Mapping[str, Evidence], shipped: float, account: Account, max_wrong: float) -> float:
    """The lowest threshold, from the evidence's up, at which the account shows no more than ``max_wrong``."""
    if shipped == ALWAYS or not account.reports(shipped):
        return shipped
    trusted = TRUSTED / max_wrong
    allowed = most_cases(trusted, max_wrong)
    at_first = _share_passing(evidence, shipped) or 1.0
    marks = {*account.reported_scores(), *(score for kind in evidence.values() for score in kind.tail)}
    higher = (math.nextafter(mark, math.inf) for mark in sorted(marks) if mark >= shipped)
    for threshold in (shipped, *higher):
        cases = allowed * _share_passing(evidence, threshold) / at_first + account.reports(threshold)
        if holds(cases, trusted + account.trials(threshold), max_wrong):
            return threshold
    return ALWAYS


def _share_passing(evidence: Mapping[str, Evidence], threshold: float) -> float:
    return max(_passing(kind, threshold) / kind.traps for kind in evidence.values())


def _passing(kind: Evidence, threshold: float) -> int:
    return bisect_right(kind.tail, -threshold, key=lambda score: -score)
