"""OpenAI's embeddings: everything passes as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from router.dialects.base import Asked, Dialect
from router.dialects.chat import ChatDialect
from router.dialects.chat_request import decode_json, invalid_field
from router.dialects.texts import texts_of
from router.types import ChatRequest, Endpoint, Message


class EmbeddingRequest(Struct, frozen=True, kw_only=True):
    """The typed view of a request for embeddings. The rest is forwarded unseen."""

    input: str | list[Any]
    model: str = "auto"


class EmbeddingsDialect(ChatDialect):
    """Implements `router.dialects.Dialect` for ``POST /v1/embeddings``, which never streams."""

    endpoint: Endpoint = "embeddings"

    def parse(self, body: bytes, *, headers: Mapping[str, str], max_messages: int) -> Asked:
        """See `router.dialects.Dialect.parse`. Texts stand as messages, by which tokens are estimated where need be."""
        raw = decode_json(body)
        try:
            request = msgspec.convert(raw, EmbeddingRequest)
        except msgspec.ValidationError as error:
            raise invalid_field(str(error)) from None
        messages = [Message(role="user", content=text) for text in texts_of(request.input, "input")]
        return Asked(ChatRequest(messages=messages, model=request.model), raw)


EMBEDDINGS: Dialect = EmbeddingsDialect()
