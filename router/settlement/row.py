"""The ledger's row of a request, made out of what is known of it."""

from __future__ import annotations

from router.settlement.facts import Facts
from router.types import LedgerRow, Usage

CLIENT_CLOSED_REQUEST = 499

MAX_NAME_CHARS = 200
"""A model name that a caller made up is kept up to this length."""


def ledger_row(facts: Facts) -> LedgerRow:
    """What is written down about a request that ends now."""
    usage = facts.usage or Usage()
    request, decision, hit, cost_ = facts.request, facts.decision, facts.hit, facts.cost
    principal, served, error = facts.principal, facts.served, facts.error
    answer = hit.answer if hit is not None else None
    return LedgerRow(
        request_id=facts.request_id,
        at=facts.at,
        tenant=principal.tenant,
        key_id=principal.key_id,
        team=principal.team,
        user_id=principal.user,
        endpoint=facts.endpoint,
        requested_model=request.model[:MAX_NAME_CHARS] if request else None,
        route=answer.route if answer else (decision.route if decision else None),
        model=_model(facts),
        provider=served.provider if served else None,
        deployment=served.deployment if served else None,
        attempts=facts.attempts,
        rule=facts.rule,
        reason=decision.reason if decision else (answer.reason if answer else facts.embeddings_model and "embeddings"),
        win_rate=decision.win_rate if decision else (answer.win_rate if answer else None),
        threshold=decision.threshold if decision else (answer.threshold if answer else None),
        artifact=facts.artifact if request and facts.embeddings_model is None else None,
        cache=facts.cache_outcome if request else None,
        cache_similarity=hit.similarity if hit else None,
        stream=bool(request and request.stream),
        status=_status(facts),
        outcome="cancelled" if facts.was_cancelled else ("error" if error else "ok"),
        error_code=(error.code or error.type) if error else None,
        finish_reason=facts.finish_reason,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        cache_written_tokens=usage.cache_written_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        tokens_estimated=usage.estimated,
        cost_usd=cost_.usd,
        baseline_cost_usd=cost_.baseline_usd,
        uncertain_usd=cost_.uncertain_usd if cost_.usd is not None else None,
        latency_ms=facts.elapsed_ms(),
        first_token_ms=facts.first_token_ms,
        decision_us=facts.decision_us,
        verify_us=facts.verify_us,
        embedded_ms=facts.embedded_ms(),
        scored_tokens=decision.evidence.tokens if decision else None,
        unfamiliarity=decision.evidence.unfamiliarity if decision else None,
        cache_key=_cache_key(facts),
        cache_entry=hit.entry.hex() if hit and hit.entry else None,
        cache_verdict=hit.verdict.score if hit and hit.verdict else None,
        cache_verifier=hit.verdict.verifier if hit and hit.verdict else None,
    )


def _model(facts: Facts) -> str | None:
    """The model that answered; where none did, the one that was to."""
    if facts.hit is not None:
        return facts.hit.answer.model
    if facts.served is not None:
        return facts.served.model
    return facts.decision.model if facts.decision is not None else facts.embeddings_model


def _status(facts: Facts) -> int:
    """The HTTP status that the caller saw."""
    if facts.was_cancelled:
        return CLIENT_CLOSED_REQUEST
    return facts.error.status if facts.error else 200


def _cache_key(facts: Facts) -> str | None:
    """The request's key, by which its answer can be let go of; None where the cache stood aside."""
    keys = facts.ticket.keys if facts.ticket is not None else None
    return keys.exact.hex() if keys is not None else None
