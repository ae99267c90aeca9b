"""Requests as rules and the hook see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from router.calls import Call
from router.needs import Needs
from router.principals import Principal
from router.rules import Facts
from router.types import ChatRequest, Endpoint, Tuning


def facts(
    *contents: Any,
    model: str = "auto",
    team: str | None = None,
    key_id: str | None = None,
    path: str = "/v1/chat/completions",
    endpoint: Endpoint = "chat/completions",
    headers: Mapping[str, str] | None = None,
    **fields: Any,
) -> Facts:
    """The facts of a request with these user turns and fields."""
    messages = [{"role": "user", "content": content} for content in contents or ("hi",)]
    body = {"messages": messages, "model": model, **fields}
    request = msgspec.convert(body, ChatRequest)
    call = Call(
        principal=Principal(tenant="acme", key_id=key_id, team=team),
        request=request,
        body=body,
        tuning=Tuning(),
        path=path,
        endpoint=endpoint,
        headers=headers or {},
    )
    return Facts(call, Needs(request, body))
