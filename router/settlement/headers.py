"""What the ``x-router-*`` headers say of an answer, a decision and a cost."""

from __future__ import annotations

from router.cache import Hit
from router.types import CachedAnswer, Cost, Decision


def answer_headers(answer: CachedAnswer) -> dict[str, str]:
    """Who gave a kept answer, and why."""
    headers = {"x-router-route": answer.route, "x-router-model": answer.model, "x-router-reason": answer.reason}
    if answer.win_rate is not None:
        headers["x-router-win-rate"] = f"{answer.win_rate:.4f}"
    if answer.threshold is not None:
        headers["x-router-threshold"] = f"{answer.threshold:.4f}"
    return headers


def decision_headers(decision: Decision, *, hit: Hit | None) -> dict[str, str]:
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


def cost_headers(cost_: Cost) -> dict[str, str]:
    """What it cost and what that saved, as far as it is known."""
    headers = {}
    if cost_.usd is not None:
        headers["x-router-cost-usd"] = f"{cost_.usd:f}"
    if cost_.saved_usd is not None:
        headers["x-router-saved-usd"] = f"{cost_.saved_usd:f}"
    return headers
