"""The headers that tell a caller of a request's way: ``x-router-*``, its id, its limits and the age of its answer."""

from __future__ import annotations

from router.cache import Hit
from router.policy import kept_promise
from router.settlement.facts import Facts
from router.types import CachedAnswer, Cost, Decision


def headers_of(facts: Facts) -> dict[str, str]:
    """What can be said by now."""
    headers = {"x-request-id": facts.request_id, **facts.grant.headers}
    if facts.hit is not None:
        headers |= _answer_headers(facts.hit.answer)
        headers["age"] = str(int(facts.hit.age_s))
    if facts.decision is not None:
        headers |= _decision_headers(facts.decision, hit=facts.hit)
    if facts.attempts:
        headers["x-router-attempts"] = str(facts.attempts)
    if facts.served is not None:
        headers["x-router-model"] = facts.served.model
        headers["x-router-deployment"] = facts.served.deployment
    if (promise := _promise(facts)) is not None:
        headers["x-router-promise"] = promise
    headers |= _bounds_headers(facts)
    if facts.embeddings_model is not None:
        headers |= {
            "x-router-model": facts.embeddings_model,
            "x-router-reason": "embeddings",
            "x-router-cache": "bypass",
        }
    elif facts.request is not None:
        headers["x-router-artifact"] = facts.artifact
        headers["x-router-cache"] = facts.cache_outcome
        headers["x-router-cache-similarity"] = f"{_similarity(facts):.4f}"
    if facts.usage is not None:
        headers |= _cost_headers(facts.cost)
    return headers


def _answer_headers(answer: CachedAnswer) -> dict[str, str]:
    """Who gave a kept answer, and why."""
    headers = {"x-router-route": answer.route, "x-router-model": answer.model, "x-router-reason": answer.reason}
    if answer.win_rate is not None:
        headers["x-router-win-rate"] = f"{answer.win_rate:.4f}"
    if answer.threshold is not None:
        headers["x-router-threshold"] = f"{answer.threshold:.4f}"
    return headers


def _decision_headers(decision: Decision, *, hit: Hit | None) -> dict[str, str]:
    """Where the request was sent, and why; of a hit, what its own decision was."""
    headers: dict[str, str] = {}
    if hit is None:
        headers = {
            "x-router-route": decision.route,
            "x-router-model": decision.model,
            "x-router-reason": decision.reason,
        }
    if decision.win_rate is not None:
        headers["x-router-win-rate"] = f"{decision.win_rate:.4f}"
    if decision.threshold is not None:
        headers["x-router-threshold"] = f"{decision.threshold:.4f}"
    if decision.evidence.needs is not None:
        headers["x-router-needs"] = decision.evidence.needs
    return headers


def _promise(facts: Facts) -> str | None:
    """What is promised, as far as it speaks of the answer that is given."""
    if facts.hit is not None:
        return kept_promise(facts.promise, facts.hit.answer.reason)
    return None if facts.decision is None else kept_promise(facts.promise, facts.decision.reason)


def _bounds_headers(facts: Facts) -> dict[str, str]:
    """What held the caller's wishes in bounds: a budget, rules."""
    headers = {}
    if facts.pace is not None and facts.decision is not None and facts.decision.reason == "paced":
        headers["x-router-paced-by"] = facts.pace.scope
    if facts.rule is not None:
        headers["x-router-rule"] = facts.rule
    return headers


def _similarity(facts: Facts) -> float:
    """Of the answer given; without one, of the nearest question that is kept."""
    if facts.hit is not None:
        return facts.hit.similarity
    return facts.ticket.similarity if facts.ticket is not None else 0.0


def _cost_headers(cost_: Cost) -> dict[str, str]:
    """What it cost and what that saved, as far as it is known."""
    headers = {}
    if cost_.usd is not None:
        headers["x-router-cost-usd"] = f"{cost_.usd:f}"
    if cost_.saved_usd is not None:
        headers["x-router-saved-usd"] = f"{cost_.saved_usd:f}"
    return headers
