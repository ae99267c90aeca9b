"""``[[deployments]]``: the endpoints behind the routes, where one each is not enough."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from router.configured.secret import Secret

Positive = Annotated[float, Meta(gt=0)]


class Deployment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One endpoint that serves one model.

    ``route``: what it answers; ``named`` is for a model that callers ask for by its id. ``provider``: a row of the
    provider table, which gives the URL, the variables that hold its key and the protocol; ``url`` instead, or to
    override it, with its ``/v1``. ``api_key``: the key itself; ``api_key_env``: variables that hold keys; several keys
    share the deployment's load. ``weight``: its share beside other deployments of the same route. ``max_concurrent``:
    requests that it may answer at once. A timeout that is not given is the server's, and so is ``hedge_after_s``.
    """

    route: Literal["weak", "strong", "named"]
    model: str | None = None
    name: str | None = None
    provider: str | None = None
    url: str | None = None
    protocol: Literal["openai", "anthropic", "any-llm"] | None = None
    api_key: Secret | None = None
    api_key_env: tuple[str, ...] = ()
    headers: dict[str, Secret] = {}
    weight: Positive = 1.0
    max_concurrent: Annotated[int, Meta(ge=1)] | None = None
    connect_timeout_s: Positive | None = None
    first_token_timeout_s: Positive | None = None
    total_timeout_s: Positive | None = None
    hedge_after_s: Positive | None = None
