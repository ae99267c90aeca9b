"""What a request needs of the model that answers it, and what a model lacks for it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from router.catalogue import Abilities, Ability
from router.ledger.tokens import PER_ATTACHMENT, PER_MESSAGE, estimate_tokens
from router.types import ChatRequest, Message, Native, Shortfall

PART_ABILITIES: Mapping[str, Ability] = {
    "image_url": "images",
    "input_image": "images",
    "image": "images",
    "input_audio": "audio",
    "file": "files",
    "input_file": "files",
    "document": "files",
}
"""Parts of a message that not every model takes: those of OpenAI's two protocols and of Anthropic's."""

ROOM = 256
"""Tokens left for the answer where a request does not say how long it may be."""

MOST_PER_IMAGE = 1_600
"""Tokens that an image may take: the most of a Claude model's, more than of OpenAI's at high detail (1,105)."""

WHOLE_CHARS = 16_384
"""A longer prompt is not read whole to estimate its tokens: sixteen slices, evenly spread, stand for the rest."""

_SLICES, _SLICE_CHARS = 16, 512


WISHES = frozenset({"citations"})
"""Needs of another protocol without which an answer is still one: better met, but no reason to refuse a request."""


class Span(NamedTuple):
    """A number of tokens that is not exactly known: at least, by estimate, at most."""

    low: int
    likely: int
    high: int


class Needs:
    """What one request needs.

    ``abilities``: each with the field that asks for it. ``output``: tokens that the answer may have, None where the
    request does not say. The prompt's length is estimated when somebody asks.
    """

    def __init__(self, request: ChatRequest, body: Mapping[str, Any]) -> None:
        self._request = request
        self.abilities = _abilities(request, body)
        limits = (request.max_completion_tokens, request.max_tokens)
        # Some servers read a negative limit as none.
        self.output = next((limit for limit in limits if limit is not None and limit >= 0), None)

    @cached_property
    def bytes(self) -> int:
        """No fewer than the prompt's tokens: a token of text is one byte at least, and images have a price."""
        return sum(_size(text) for text in _texts(self._request)) + _overhead(self._request).high

    @cached_property
    def prompt(self) -> Span:
        """The tokens of the prompt, by estimate; ``router.ledger.tokens`` gives the error that the span allows for."""
        texts, overhead = _estimate("\n".join(_texts(self._request))), _overhead(self._request)
        return Span(*(text + more for text, more in zip(texts, overhead, strict=True)))


def shortfall(needs: Needs, abilities: Abilities) -> Shortfall | None:
    """What a model lacks for a request; None where it lacks nothing that is known.

    A prompt is certainly too long where the least that it can have is above the window, and perhaps where the most
    that it can have, with the answer that is asked for, is.
    """
    for ability, field in needs.abilities.items():
        if not abilities.takes(ability):
            return Shortfall(reason="capability", field=field, what=ability.replace("_", " "), takes="none")
    if needs.output is not None and abilities.max_output is not None and needs.output > abilities.max_output:
        most = f"{abilities.max_output} at most"
        return Shortfall(
            reason="capability", field="max_tokens", what=f"an answer of {needs.output} tokens", takes=most
        )
    return _too_long(needs, abilities.context)


def unspoken(native: Native | None, dialect: str | None) -> Shortfall | None:
    """What of a request in another protocol is lost on an upstream that does not speak it; None where nothing is.

    Args:
        native: the request as it came.
        dialect: what the upstream speaks beside chat completions.
    """
    if native is None or not native.needs or native.dialect == dialect:
        return None
    need = next((need for need in native.needs if need not in WISHES), native.needs[0])
    words = need.replace("_", " ")
    return Shortfall(reason="capability", field=need, what=words, takes="none", certain=need not in WISHES)


def _too_long(needs: Needs, window: int | None) -> Shortfall | None:
    room = ROOM if needs.output is None else needs.output
    if window is None or needs.bytes + room <= window:
        return None
    prompt = needs.prompt
    if min(prompt.high, needs.bytes) + room <= window:
        return None
    what = f"about {prompt.likely} tokens of prompt" + (
        "" if needs.output is None else f" and {needs.output} of answer"
    )
    return Shortfall(reason="context", field="messages", what=what, takes=f"{window}", certain=prompt.low >= window)


def _abilities(request: ChatRequest, body: Mapping[str, Any]) -> dict[Ability, str]:
    found: dict[Ability, str] = {}
    if request.tools:
        found["tools"] = "tools"
    elif body.get("functions"):
        found["tools"] = "functions"
    for number, message in enumerate(request.messages):
        if (message.role in ("tool", "function") or message.tool_calls) and "tools" not in found:
            found["tools"] = f"messages[{number}]"
        if isinstance(message.content, list):
            _add_parts(found, message.content, f"messages[{number}].content")
    if body.get("audio") or "audio" in _list(body.get("modalities")):
        found.setdefault("audio", "audio" if body.get("audio") else "modalities")
    kind = _kind(body.get("response_format"))
    if kind == "json_schema":
        found["json_schema"] = "response_format"
    elif kind == "json_object":
        found["json_mode"] = "response_format"
    return found


def _add_parts(found: dict[Ability, str], parts: list[dict[str, Any]], field: str) -> None:
    for part in parts:
        ability = PART_ABILITIES.get(part.get("type") or "")
        if ability is not None:
            found.setdefault(ability, field)


def _kind(response_format: Any) -> Any:
    return response_format.get("type") if isinstance(response_format, dict) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(request: ChatRequest) -> Iterator[str]:
    for message in request.messages:
        content = message.content
        if isinstance(content, str):
            yield content
        else:
            yield from (part["text"] for part in content or () if isinstance(part.get("text"), str))
        if message.tool_calls:
            yield msgspec.json.encode(message.tool_calls).decode()
    if request.tools:
        yield msgspec.json.encode(request.tools).decode()


def _overhead(request: ChatRequest) -> Span:
    """Tokens of the chat template and of what is no text."""
    template = PER_MESSAGE * (len(request.messages) + 1)
    attachments = sum(_attachments(message) for message in request.messages)
    each = Span(0, PER_ATTACHMENT, MOST_PER_IMAGE)
    return Span(*(template + tokens * attachments for tokens in each))


def _attachments(message: Message) -> int:
    parts = message.content if isinstance(message.content, list) else ()
    return sum(1 for part in parts if not isinstance(part.get("text"), str))


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _estimate(text: str) -> Span:
    if len(text) <= WHOLE_CHARS:
        return _span(text, estimate_tokens(text))
    step = len(text) // _SLICES
    sample = "".join(text[start : start + _SLICE_CHARS] for start in range(0, step * _SLICES, step))
    low, likely, high = _span(sample, estimate_tokens(sample))
    scale = len(text) / len(sample)
    return Span(int(low * scale), round(likely * scale), int(high * scale) + 1)


def _span(text: str, likely: int) -> Span:
    """How far an estimate may be off: a fifth for English, more for other scripts and for runs without a space."""
    characters = len(text)
    extra_bytes = 0 if text.isascii() else _size(text) - characters
    high = likely * 1.25
    if likely * 8 < characters:
        # Long runs: base64 has about three tokens for four characters, digits one for three.
        high = max(high, characters * 0.75)
    low = likely / (3 if extra_bytes * 5 > characters else 1.25)
    return Span(int(low), likely, round(high) + (likely // 3 if extra_bytes * 5 > characters else 0))
