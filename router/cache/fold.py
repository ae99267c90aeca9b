"""From the chunks of a stream to facts about the answer, and to the whole answer where it is to be cached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from router.errors import UNREADABLE_JSON
from router.types import NATIVE, SO_FAR, Usage

DEFAULT_MAX_BYTES = 8 * 2**20
"""Bytes of chunks kept for one answer; a longer one still settles, but cannot be cached."""

MAX_COUNT = 2**40
"""Largest token count believed. The ledger would refuse a larger one, and with it the whole row."""

Kind = Literal["piece", "usage", "private"]
"""What a chunk is: a piece of the answer; usage and no choice, the form that ``include_usage`` adds at the end; or for
the ledger alone, never for the caller."""

LABELS = frozenset({"role", "id", "type", "name", "object", "format"})
"""String fields that name something. Any other string in a delta is a piece of text, and pieces are joined."""


class _Delta(msgspec.Struct):
    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: list[dict[str, Any]] | None = None
    function_call: Any = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    text: Any = None
    finish_reason: str | None = None

    def spoken(self) -> Iterator[str]:
        """All text in it that a model must have written: answer, thoughts, refusal, calls of tools."""
        if self.delta is None:
            yield from _texts(self.text)
        else:
            yield from _spoken(self.delta)

    @property
    def piece(self) -> str | None:
        """Text that it adds: in a chat's delta, or a completion's own."""
        content = self.delta.content if self.delta is not None else self.text
        return content if isinstance(content, str) else None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None
    service_tier: Any = None
    so_far: dict[str, Any] | None = msgspec.field(default=None, name=SO_FAR)


class _WholeChoice(msgspec.Struct):
    message: _Delta | None = None
    text: Any = None
    finish_reason: str | None = None


class _Whole(msgspec.Struct):
    choices: list[_WholeChoice] | None = None
    usage: Any = None
    model: Any = None
    service_tier: Any = None


def _spoken(said: _Delta) -> Iterator[str]:
    for part in (said.content, said.refusal, said.reasoning_content or said.reasoning):
        yield from _texts(part)
    for call in said.tool_calls or ():
        function = call.get("function")
        if isinstance(function, dict):
            yield from _texts(function.get("name"))
            yield from _texts(function.get("arguments"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield value


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_whole = msgspec.json.Decoder(_Whole).decode
_decode_any = msgspec.json.Decoder(dict[str, Any]).decode


class AnswerFacts(NamedTuple):
    """What settling an answer needs to know of it. ``usage`` is None where the upstream did not say."""

    finish_reason: str | None
    usage: Usage | None
    model: str | None
    choices: list[_WholeChoice]

    @property
    def text(self) -> str:
        """All that the model wrote, thoughts and calls of tools among it, as tokens are counted."""
        spoken = (_texts(one.text) if one.message is None else _spoken(one.message) for one in self.choices)
        return "".join(text for texts in spoken for text in texts)


def read_answer(body: bytes | msgspec.Raw) -> AnswerFacts:
    """The facts of a whole answer to a chat, or of another endpoint; what is missing reads as absent. Never raises."""
    try:
        whole = _decode_whole(body)
    except UNREADABLE_JSON:
        return AnswerFacts(None, None, None, [])
    choices = whole.choices or []
    return AnswerFacts(
        finish_reason=choices[0].finish_reason if choices else None,
        usage=read_usage(whole.usage, whole.service_tier),
        model=whole.model if isinstance(whole.model, str) else None,
        choices=choices,
    )


def read_usage(usage: Any, service_tier: Any = None) -> Usage | None:
    """OpenAI's ``usage`` object as a record; None for anything that is none.

    ``service_tier`` is what stands beside it; providers of other protocols tell it within.
    """
    if not isinstance(usage, dict) or not ("prompt_tokens" in usage or "completion_tokens" in usage):
        return None
    if any(isinstance(value, int) and value > MAX_COUNT for value in usage.values()):
        return None
    asked, told = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    tier = usage.get("service_tier") or service_tier
    return Usage(
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        cached_tokens=_count(asked, "cached_tokens"),
        cache_written_tokens=_count(asked, "cache_creation_tokens"),
        cache_written_1h_tokens=_count(asked, "cache_creation_1h_tokens"),
        prompt_audio_tokens=_count(asked, "audio_tokens"),
        completion_audio_tokens=_count(told, "audio_tokens"),
        reasoning_tokens=_count(told, "reasoning_tokens"),
        service_tier=tier if isinstance(tier, str) else None,
    )


def _count(table: Any, name: str) -> int:
    value = table.get(name) if isinstance(table, dict) else None
    return value if isinstance(value, int) and 0 < value <= MAX_COUNT else 0


class StreamFold:
    """Takes the payload of every chunk of a live stream, and knows at any moment how far the answer has come.

    ``add`` decodes only what settling needs and keeps the payload; the whole body is put together once, when asked for.

    Args:
        max_bytes: chunks are kept up to this many bytes; beyond it ``body`` gives None.
    """

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.so_far: Usage | None = None
        self.started = False
        self.error: Any = None
        self._lengths: list[int] = []
        self._open: set[int] = set()
        self._seen: set[int] = set()
        self._service_tier: Any = None
        self._payloads: list[bytes] = []
        self._room = max_bytes
        self._whole = True

    @property
    def finished(self) -> bool:
        """Whether every choice seen has its finish reason, and no error came."""
        return bool(self._seen) and not self._open and self.error is None

    def add(self, payload: bytes) -> Kind:
        """Take the next chunk (the text after ``data:``). One that cannot be read only makes ``body`` give None."""
        try:
            chunk = _decode_chunk(payload)
        except UNREADABLE_JSON:
            self._whole = False
            return "piece"
        if chunk.so_far is not None:
            self.so_far = read_usage(chunk.so_far)
            return "private"
        self._keep(payload)
        self._service_tier = chunk.service_tier or self._service_tier
        if chunk.error is not None:
            self.error = chunk.error
            self._whole = False
        for choice in chunk.choices or ():
            self._follow(choice)
        if chunk.usage is None:
            return "piece"
        self._count(chunk)
        return "usage" if chunk.choices == [] else "piece"

    def _count(self, chunk: _Chunk) -> None:
        """Usage comes at the end; where it comes in every chunk, that of one with choices is only what was so far."""
        usage = read_usage(chunk.usage, self._service_tier)
        if usage is not None:
            self.so_far = usage
            if not chunk.choices or self.finished:
                self.usage = usage

    @property
    def pieces(self) -> tuple[int, ...] | None:
        """Characters of text in each chunk that carried text, the opening one first; None of several choices."""
        return tuple(self._lengths) if self._seen == {0} else None

    def text(self) -> str:
        """All that the model has written so far, thoughts and calls of tools among it, one choice after another."""
        texts: dict[int, list[str]] = {}
        for payload in self._payloads:
            for choice in _decode_chunk(payload).choices or ():
                texts.setdefault(choice.index, []).extend(choice.spoken())
        return "".join(piece for pieces in texts.values() for piece in pieces)

    def body(self) -> bytes | None:
        """The ``chat.completion`` body that the stream told; None if any of it was unreadable, an error or too long."""
        if not self._whole or not self._seen:
            return None
        try:
            return msgspec.json.encode(_fold(self._payloads))
        except (*UNREADABLE_JSON, msgspec.EncodeError, TypeError, LookupError, AttributeError):
            return None  # fields that we do not check on the way had contents that do not fit together

    def _keep(self, payload: bytes) -> None:
        self._room -= len(payload)
        if self._room < 0:
            self._whole = False
        else:
            self._payloads.append(payload)

    def _follow(self, choice: _Choice) -> None:
        index = choice.index
        if index not in self._seen:
            self._seen.add(index)
            self._open.add(index)
        piece = choice.piece
        if piece is not None:
            self._lengths.append(len(piece))
        if not self.started:
            self.started = bool(piece or (choice.delta is not None and _says_something(choice.delta)))
        if choice.finish_reason is not None:
            self._open.discard(index)
            if index == 0:
                self.finish_reason = choice.finish_reason


def _says_something(delta: _Delta) -> bool:
    return bool(
        delta.content
        or delta.tool_calls
        or delta.refusal
        or delta.reasoning_content
        or delta.reasoning
        or delta.function_call
    )


class _Text(list[str]):
    """A text that still grows, in pieces: joined once at the end, a long answer costs linear time."""


class _Growing:
    """One choice while its chunks are being joined."""

    def __init__(self, index: int) -> None:
        self._message: dict[str, Any] = {"role": "assistant", "content": None}
        self._choice: dict[str, Any] = {
            "index": index,
            "message": self._message,
            "logprobs": None,
            "finish_reason": None,
        }
        self._rest: dict[str, Any] | None = None

    def add(self, part: dict[str, Any]) -> None:
        message = self._message
        for name, value in (part.pop("delta", None) or {}).items():
            if value is not None or name not in message:
                message[name] = _joined(name, message.get(name), value)
        logprobs = part.pop("logprobs", None)
        if logprobs is not None:
            self._choice["logprobs"] = _joined("logprobs", self._choice["logprobs"], logprobs)
        if part != self._rest:  # most often it says the same once more
            self._rest = part
            _take_last(self._choice, part)

    def whole(self) -> Any:
        return _grown(self._choice)


def _fold(payloads: list[bytes]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    choices: dict[int, _Growing] = {}
    usage: Any = None
    rest: dict[str, Any] | None = None
    for payload in payloads:
        chunk = _decode_any(payload)
        chunk.pop(NATIVE, None)  # a piece, which says nothing alone
        usage = chunk.pop("usage", None) or usage
        for part in chunk.pop("choices", None) or ():
            index = part.get("index", 0)
            if index not in choices:
                choices[index] = _Growing(index)
            choices[index].add(part)
        if chunk != rest:  # most often it says the same once more
            rest = chunk
            _take_last(whole, chunk)
    whole["object"] = "chat.completion"
    whole["choices"] = [choices[index].whole() for index in sorted(choices)]
    if usage is not None:
        whole["usage"] = usage
    return whole


def _take_last(target: dict[str, Any], source: dict[str, Any]) -> None:
    for name, value in source.items():
        if value is not None or name not in target:
            target[name] = value


def _joined(name: str, old: Any, new: Any) -> Any:
    """What a field of a delta adds to what came before: text and lists grow, tool calls merge, the rest is replaced.

    ``old`` is ours and grows where it stands.
    """
    if isinstance(new, str) and name not in LABELS:
        text = old if isinstance(old, _Text) else _Text()
        text.append(new)
        return text
    if isinstance(new, list):
        so_far = old if isinstance(old, list) else []
        if name == "tool_calls":
            _join_calls(so_far, new)
        else:
            so_far.extend(new)
        return so_far
    if isinstance(new, dict):
        merged = old if isinstance(old, dict) else {}
        for inner, value in new.items():
            if value is not None or inner not in merged:
                merged[inner] = _joined(inner, merged.get(inner), value)
        return merged
    # An empty label says nothing: some servers repeat `"name": ""` in every later piece of a tool call.
    return new if new != "" or old is None else old


def _join_calls(calls: list[Any], new: list[Any]) -> None:
    """Tool calls come in pieces; ``index`` says which call a piece belongs to, and is not part of the call."""
    for item in new:
        place = item.get("index", len(calls))
        piece = {name: value for name, value in item.items() if name != "index"}
        if place < len(calls):
            calls[place] = _joined("", calls[place], piece)
        else:
            calls.append(_joined("", None, piece))


def _grown(value: Any) -> Any:
    """The same value with every text in one piece."""
    if isinstance(value, _Text):
        return "".join(value)
    if isinstance(value, dict):
        return {name: _grown(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_grown(inner) for inner in value]
    return value
