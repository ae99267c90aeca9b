"""From a request body to a typed chat request, or to an error that names the field."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from router.errors import InvalidRequest
from router.types import ChatRequest

_typed = msgspec.json.Decoder(ChatRequest)
_raw = msgspec.json.Decoder()
_AT_PATH = re.compile(r"^(?P<reason>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)


def parse_chat_request(body: bytes, *, max_messages: int) -> tuple[ChatRequest, dict[str, Any]]:
    """Decode a chat request twice: what routing understands, and everything, for forwarding.

    Returns:
        The typed view and the whole body as a dict.

    Raises:
        InvalidRequest: not JSON, wrong types, unknown roles, no messages, too many messages; ``param`` names the field.
    """
    raw = _decode_json(body)
    try:
        request = _typed.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid_field(str(error)) from None
    _check_messages(request, max_messages)
    return request, raw


def _decode_json(body: bytes) -> dict[str, Any]:
    try:
        raw = _raw.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(raw, dict):
        raise InvalidRequest("The request body must be a JSON object with a 'messages' list.", code="invalid_json")
    return raw


def _invalid_field(text: str) -> InvalidRequest:
    match = _AT_PATH.match(text)
    reason, path = (match["reason"], match["path"]) if match else (text, None)
    missing = re.search(r"missing required field `(\w+)`", reason)
    param = (path or "").lstrip(".")
    if missing:
        param = f"{param}.{missing[1]}" if param else missing[1]
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
