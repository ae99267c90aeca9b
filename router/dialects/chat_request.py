"""From a request body to a typed chat request, or to an error that names the field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from router.errors import UNREADABLE_JSON, InvalidRequest
from router.types import ChatRequest, Role

MAX_REASON_CHARS = 200
_TEXT_PARTS = ("text", "input_text")

_typed = msgspec.json.Decoder(ChatRequest)
_raw = msgspec.json.Decoder()
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_AT_PATH = re.compile(r"^(?P<reason>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)


def parse_chat_request(body: bytes, *, max_messages: int) -> tuple[ChatRequest, dict[str, Any]]:
    """Decode a chat request twice: what routing understands, and everything, for forwarding.

    Returns:
        The typed view and the whole body as a dict.

    Raises:
        InvalidRequest: not JSON, wrong types, unknown roles, no messages, too many messages; ``param`` names the field.
    """
    raw = decode_json(body)
    try:
        request = _typed.decode(body)
    except msgspec.ValidationError as error:
        raise invalid_field(str(error), roles=get_args(Role)) from None
    _check_messages(request, max_messages)
    if request.n is not None and request.n < 1:
        raise InvalidRequest("'n': at least one answer must be asked for.", param="n")
    return request, raw


def decode_json(body: bytes) -> dict[str, Any]:
    """The whole body.

    Raises:
        InvalidRequest: it is no JSON object.
    """
    try:
        raw = _raw.decode(body)
    except UNREADABLE_JSON as error:
        raise InvalidRequest(f"The request body is not valid JSON: {_why(body, error)}.", code="invalid_json") from None
    if not isinstance(raw, dict):
        raise InvalidRequest("The request body must be a JSON object.", code="invalid_json")
    return raw


def _why(body: bytes, error: Exception) -> str:
    if not body:
        return "it is empty"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if _SURROGATE.search(body):
        # JavaScript writes these where a string was cut in the middle of an emoji. The decoder's own words mislead.
        return f"{error}; it may hold half of a surrogate pair (\\ud800 to \\udfff), which is no character"
    return str(error).removesuffix(" - at `$[...]`")


def invalid_field(text: str, *, roles: Sequence[str] = ()) -> InvalidRequest:
    """The error for what msgspec says of a field that is missing or of the wrong type; ``roles``: those known."""
    match = _AT_PATH.match(text)
    reason, path = (match["reason"], match["path"]) if match else (text, None)
    reason = reason[:MAX_REASON_CHARS]  # it may quote a value of any length
    missing = re.search(r"missing required field `(\w+)`", reason)
    param = (path or "").lstrip(".")
    if missing:
        param = f"{param}.{missing[1]}" if param else missing[1]
        return InvalidRequest(f"'{param}' is required.", param=param)
    if roles and param.endswith(".role"):
        reason = f"{reason}; it must be one of {', '.join(roles)}"
    return InvalidRequest(f"'{param or 'body'}': {reason[0].lower()}{reason[1:]}.", param=param or None)


def _check_messages(request: ChatRequest, max_messages: int) -> None:
    if not request.messages:
        raise InvalidRequest("'messages' must hold at least one message.", param="messages")
    if len(request.messages) > max_messages:
        sentence = f"'messages' holds {len(request.messages)} messages; at most {max_messages} are accepted."
        raise InvalidRequest(sentence, param="messages")
    for position, message in enumerate(request.messages):
        if message.role == "user" and message.content in (None, "", []):
            field = f"messages[{position}].content"
            raise InvalidRequest(f"'{field}': a user message must not be empty.", param=field)
        if isinstance(message.content, list):
            _check_parts(message.content, f"messages[{position}].content")


def _check_parts(parts: list[dict[str, Any]], field: str) -> None:
    for position, part in enumerate(parts):
        kind = part.get("type")
        if not isinstance(kind, str):
            raise _wrong_part(f"{field}[{position}].type")
        if kind in _TEXT_PARTS and not isinstance(part.get("text"), str):
            raise _wrong_part(f"{field}[{position}].text")


def _wrong_part(field: str) -> InvalidRequest:
    return InvalidRequest(f"'{field}': expected `str`.", param=field)
