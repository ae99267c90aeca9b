"""Embeddings: nothing to decide by, so the one upstream that has them is asked, and what it answers is settled."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from router.admission import expected_usage
from router.allowed import require_name
from router.calls import Call, WholeAnswer
from router.endpoints import NO_SUCH_ENDPOINT
from router.errors import InvalidRequest, NoUpstream, UpstreamError, UpstreamRefused
from router.ledger.prices import ModelRef, Prices
from router.policy import AUTO
from router.settlement import Settlement
from router.upstream.base import Upstream
from router.upstream.build import Upstreams
from router.upstream.embedded.upstream import ADDRESS as EMBEDDED

WITHOUT_EMBEDDINGS = frozenset({"anthropic", "cerebras", "deepseek", "groq"})
"""Providers that are known to have none."""


class Embeddings:
    """Asks for embeddings.

    Args:
        own: the upstream that is configured for them, if one is.
        model: what to ask for where the caller names no model.
        upstreams: those behind the routes; without an own one the strong model's is asked, else the weak one's.
        prices: what models cost.
    """

    def __init__(self, *, own: Upstream | None, model: str | None, upstreams: Upstreams, prices: Prices) -> None:
        self._model = model
        self._prices = prices
        behind_routes = (upstreams.strong, upstreams.weak)
        maybe = [upstream for upstream in behind_routes if upstream is not None and _may_have_them(upstream)]
        self._candidates = maybe if own is None else [own]

    async def answer(self, call: Call, settlement: Settlement) -> WholeAnswer:
        """The first upstream's answer that has embeddings at all.

        Raises:
            NoUpstream: there is nobody to ask.
            InvalidRequest: no model is named.
            ModelNotAllowed: the key may not ask for it.
            UpstreamError: it failed; where nobody has embeddings, the failure of the one that was asked first.
        """
        if not self._candidates:
            raise NoUpstream(
                "No configured model has embeddings. Set UNDERDOG_EMBEDDINGS_URL (with its /v1) and "
                "UNDERDOG_EMBEDDINGS_MODEL."
            )
        body = {**call.body, "model": self._model_for(call)}
        require_name(call.principal, (call.request.model or AUTO, body["model"]))
        settlement.embeds(body["model"])
        first: UpstreamRefused | None = None
        for upstream in self._candidates:
            await settlement.reserve(self._expected_cost(call, upstream.provider, body["model"]), route=None)
            settlement.asks(ModelRef(upstream.provider, body["model"]))
            try:
                reply = await upstream.complete(body, endpoint="embeddings")
            except UpstreamError as error:
                settlement.attempted(error.attempts)
                if not isinstance(error, UpstreamRefused) or error.upstream_status not in NO_SUCH_ENDPOINT:
                    raise
                first = first or error
                continue
            settlement.attempted(reply.served.attempts)
            settlement.served_by(reply.served)
            settlement.answered(reply.body)
            return WholeAnswer(reply.body)
        assert first is not None
        raise first

    def _model_for(self, call: Call) -> str:
        named = call.request.model
        if named not in (AUTO, ""):
            return named
        if self._model is None:
            raise InvalidRequest("'model': name an embeddings model, or set UNDERDOG_EMBEDDINGS_MODEL.", param="model")
        return self._model

    def _expected_cost(self, call: Call, provider: str | None, model: str) -> Callable[[], Decimal | None]:
        return lambda: self._prices.price(provider, model, expected_usage(call))


def _may_have_them(upstream: Upstream) -> bool:
    # The embedded LLM is started without them: its vectors would be poor.
    return upstream.address != EMBEDDED and upstream.provider not in WITHOUT_EMBEDDINGS
