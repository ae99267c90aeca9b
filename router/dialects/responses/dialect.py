"""``POST /v1/responses``: requests become chat completions, chat answers become responses and their events."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from router.dialects.base import Asked, Dialect, EventStream, untellable
from router.dialects.chat import encode_error
from router.dialects.chat_request import decode_json, invalid_field
from router.dialects.responses.request import ResponsesRequest, request_decoder, to_chat
from router.dialects.responses.response import frame_of, incomplete_reason, usage_of
from router.dialects.responses.telling import Telling
from router.errors import UNREADABLE_JSON, ApiError
from router.types import ChatRequest, Endpoint, Native

Json = dict[str, Any]

_RATE_LIMITED = 429

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class ResponsesDialect:
    """Implements `router.dialects.Dialect` for ``POST /v1/responses``."""

    endpoint: Endpoint = "chat/completions"

    def parse(self, body: bytes, *, headers: Mapping[str, str], max_messages: int) -> Asked:
        """See `router.dialects.Dialect.parse`."""
        sent = decode_json(body)
        try:
            request = request_decoder.decode(body)
            chat = to_chat(sent, request, max_messages=max_messages)
            return Asked(msgspec.convert(chat, ChatRequest), chat, Native(dialect="responses", body=sent))
        except msgspec.ValidationError as error:
            raise invalid_field(str(error)) from None

    def whole(self, answer: bytes, asked: Asked) -> bytes:
        """The response object."""
        told = _object(answer)
        choices = told.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
            raise untellable("it has no message")
        response = _Response(asked)
        response.begin(told)
        for _ in response.add({**choice, "delta": _numbered(choice["message"])}):
            pass
        for _ in response.finish():
            pass
        return _encode(response.object)

    def stream(self, asked: Asked) -> EventStream:
        """Events that are counted."""
        return ResponseEvents(asked)

    def error(self, error: ApiError, request_id: str) -> bytes:
        """OpenAI's error object."""
        return encode_error(error)

    def headers(self, request_id: str) -> dict[str, str]:
        """None beside ``x-request-id``, which is there anyway."""
        return {}


class _Response:
    """One response: its object, and the output that it grows."""

    def __init__(self, asked: Asked) -> None:
        sent = asked.native.body if asked.native else {}
        request = msgspec.convert(sent, ResponsesRequest)
        suffix = secrets.token_hex(16)
        self.object = frame_of(request, sent, response_id=f"resp_{suffix}", created_at=int(time.time()))
        self.finish_reason: str | None = None
        self._telling = Telling(request, suffix=suffix)

    def begin(self, told: Json) -> None:
        """What an answer or a chunk says beside its choices."""
        for name in ("model", "service_tier"):
            if isinstance(told.get(name), str):
                self.object[name] = told[name]
        if (usage := usage_of(told.get("usage"))) is not None:
            self.object["usage"] = usage

    def add(self, choice: Json) -> Iterable[Json]:
        """The events for a piece of the first choice; a response has no other."""
        if isinstance(reason := choice.get("finish_reason"), str) and reason:
            self.finish_reason = reason
        delta = choice.get("delta")
        if isinstance(delta, dict):
            yield from self._telling.add(delta, choice.get("logprobs"))

    def finish(self) -> Iterable[Json]:
        """The events that close the output, and the one that says how it ended."""
        yield from self._telling.finish(self.finish_reason)
        reason = incomplete_reason(self.finish_reason)
        self.object["output"] = self._telling.output
        self.object["status"] = "incomplete" if reason else "completed"
        if reason:
            self.object["incomplete_details"] = {"reason": reason}
        else:
            self.object["completed_at"] = int(time.time())
        yield {"type": f"response.{self.object['status']}", "response": self.object}

    def fail(self, error: ApiError) -> Json:
        """The event that ends it."""
        code = "rate_limit_exceeded" if error.status == _RATE_LIMITED else "server_error"
        self.object["output"] = self._telling.output
        self.object["status"] = "failed"
        self.object["error"] = {"code": code, "message": error.message}
        return {"type": "response.failed", "response": self.object}


class ResponseEvents:
    """Implements `router.dialects.EventStream`."""

    def __init__(self, asked: Asked) -> None:
        self._response = _Response(asked)
        self._count = 0

    def feed(self, payload: bytes) -> bytes:
        """The events for one chunk; before the first, those that say that there is a response."""
        chunk = _object(payload)
        self._response.begin(chunk)
        opening = b"" if self._count else self._begun()
        pieces = [
            self._framed(event)
            for choice in _choices(chunk)
            if not choice.get("index")
            for event in self._response.add(choice)
        ]
        return opening + b"".join(pieces)

    def end(self) -> bytes:
        """The events that close the response."""
        if self._response.finish_reason is None:
            raise untellable("it has no end")
        return b"".join(self._framed(event) for event in self._response.finish())

    def error(self, error: ApiError, request_id: str) -> bytes:
        """A failed response, and the error itself: of the two, the official clients raise the latter."""
        failed = self._framed(self._response.fail(error)) if self._count else b""
        said = error.payload()["error"]
        plain = {name: said.get(name) for name in ("code", "message", "param")}
        return failed + self._framed({"type": "error", **plain, "error": said})

    def _begun(self) -> bytes:
        response = self._response.object
        kinds = ("response.created", "response.in_progress")
        return b"".join(self._framed({"type": kind, "response": response}) for kind in kinds)

    def _framed(self, event: Json) -> bytes:
        numbered = {**event, "sequence_number": self._count}
        self._count += 1
        return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), _encode(numbered))


def _object(payload: bytes) -> Json:
    try:
        return _decode(payload)
    except UNREADABLE_JSON as error:
        raise untellable("it is not JSON") from error


def _choices(chunk: Json) -> list[Json]:
    choices = chunk.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def _numbered(message: Json) -> Json:
    """A whole message as the one delta of a stream, where calls carry their place."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    told = [call for call in calls if isinstance(call, dict)]
    return {**message, "tool_calls": [{**call, "index": place} for place, call in enumerate(told)]}


RESPONSES: Dialect = ResponsesDialect()
