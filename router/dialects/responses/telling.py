"""One answer while it is told: deltas of a chat answer go in, events of a response come out."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

import msgspec

from router.dialects.base import untellable
from router.dialects.responses.output import CallItem, Item, MessageItem, ReasoningItem, Status
from router.dialects.responses.request import ENCRYPTED, ResponsesRequest
from router.dialects.responses.response import incomplete_reason

Json = dict[str, Any]


class Telling:
    """The output of one response, growing.

    A text or a thought ends where something else begins; a call ends where another begins and its arguments are whole,
    and else with the answer, since some servers tell of several calls at once.

    Args:
        request: what is shown of the reasoning depends on it.
        suffix: makes the ids of items unique.
    """

    def __init__(self, request: ResponsesRequest, *, suffix: str) -> None:
        self._request = request
        self._suffix = suffix
        self._items: list[Json] = []  # as they stood when they were closed; empty while they grow
        self._open: dict[int, Item] = {}
        self._growing: MessageItem | ReasoningItem | None = None
        self._calls: dict[int, CallItem] = {}
        self._waiting: dict[int, Json] = {}  # calls that have no name yet

    @property
    def output(self) -> list[Json]:
        """The items; those that still grow as what they are, incomplete."""
        return [
            self._open[place].item("incomplete") if place in self._open else item
            for place, item in enumerate(self._items)
        ]

    def add(self, delta: Mapping[str, Any], logprobs: Any = None) -> Iterator[Json]:
        """The events for the next piece of a message. Fields that are not what they should be say nothing.

        Raises:
            UpstreamBroken: it goes on with a call that was over.
        """
        thought = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
        if thought:
            reasoning = yield from self._reasoning()
            yield from reasoning.text(thought)
        if blocks := _tables(delta.get("thinking_blocks")):
            reasoning = yield from self._reasoning()
            reasoning.keep(blocks)
        if content := _text(delta.get("content")):
            message = yield from self._message()
            yield from message.text(content, _logprobs(logprobs))
        if annotations := _tables(delta.get("annotations")):
            message = yield from self._message()
            yield from message.annotate(_annotation(annotation) for annotation in annotations)
        if refusal := _text(delta.get("refusal")):
            message = yield from self._message()
            yield from message.refuse(refusal)
        for place, call in enumerate(_tables(delta.get("tool_calls"))):
            yield from self._call(call, place)

    def finish(self, finish_reason: str | None) -> Iterator[Json]:
        """The events that close what is open. An answer without a word becomes an empty message.

        Raises:
            UpstreamBroken: a call has no name.
        """
        if self._waiting:
            raise untellable("it calls a tool without a name")
        if not self._items:
            message = yield from self._message()
            yield from message.text("", [])
        last = max(self._open, default=-1)
        for place in sorted(self._open):
            cut = place == last == len(self._items) - 1 and incomplete_reason(finish_reason)
            yield from self._close(place, cut=bool(cut))

    def _reasoning(self) -> Generator[Json, None, ReasoningItem]:
        """The thought that grows; returns it. Opened where there is none."""
        if not isinstance(self._growing, ReasoningItem):
            yield from self._close_growing()
            item = ReasoningItem(
                len(self._items),
                self._id("rs"),
                summary=self._request.wants_summary,
                sealed=self._request.includes(ENCRYPTED),
            )
            yield self._opened(item)
            self._growing = item
        return self._growing

    def _message(self) -> Generator[Json, None, MessageItem]:
        """The message that grows; returns it. Opened where there is none."""
        if not isinstance(self._growing, MessageItem):
            yield from self._close_growing()
            item = MessageItem(len(self._items), self._id("msg"))
            yield self._opened(item)
            self._growing = item
        return self._growing

    def _call(self, piece: Json, place: int) -> Iterator[Json]:
        index = self._call_index(piece, place)
        custom = "custom" in piece or piece.get("type") == "custom"
        told = piece.get("custom" if custom else "function")
        told = told if isinstance(told, dict) else {}
        given = told.get("input" if custom else "arguments")
        # Some servers do not write the arguments out.
        text = msgspec.json.encode(given).decode() if isinstance(given, dict) else _text(given)
        if index not in self._calls:
            waiting = self._waiting.setdefault(index, {"id": "", "name": "", "text": ""})
            waiting["id"] = waiting["id"] or _text(piece.get("id"))
            waiting["name"] = _text(told.get("name"))
            waiting["text"] += text
            if not waiting["name"]:
                return
            text = self._waiting.pop(index)["text"]
            yield from self._open_call(index, waiting, custom=custom)
        item = self._calls[index]
        if item.index in self._open:
            yield from item.text(text)
        elif text.strip():
            raise untellable("it goes on with a tool call after another one had begun")

    def _open_call(self, index: int, said: Json, *, custom: bool) -> Iterator[Json]:
        yield from self._close_growing()
        for call in self._calls.values():
            if call.index in self._open and call.whole:
                yield from self._close(call.index)
        place = len(self._items)
        call_id = said["id"] or self._id("call")
        item = CallItem(place, self._id("ctc" if custom else "fc"), call_id=call_id, name=said["name"], custom=custom)
        yield self._opened(item)
        self._calls[index] = item

    def _call_index(self, piece: Json, place: int) -> int:
        """Which call a piece belongs to. Where a server does not say, a piece with an id begins one."""
        index = piece.get("index")
        if isinstance(index, int):
            return index
        known = [*self._calls, *self._waiting]
        begins = bool(piece.get("id")) or not known
        return max(known, default=-1) + (1 if begins else 0)

    def _opened(self, item: MessageItem | ReasoningItem | CallItem) -> Json:
        self._items.append({})
        self._open[item.index] = item
        return item.added()

    def _close_growing(self) -> Iterator[Json]:
        if self._growing is not None:
            yield from self._close(self._growing.index)
            self._growing = None

    def _close(self, place: int, *, cut: bool = False) -> Iterator[Json]:
        item = self._open.pop(place)
        status: Status = "incomplete" if cut else "completed"
        yield from item.close(status)
        self._items[place] = item.item(status)

    def _id(self, kind: str) -> str:
        return f"{kind}_{self._suffix}{len(self._items):02x}"


def _text(value: Any) -> str:
    """Text, also where it comes in parts."""
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in _tables(value) if part.get("type") == "text")
    return value if isinstance(value, str) else ""


def _tables(value: Any) -> list[Json]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _logprobs(value: Any) -> list[Json]:
    return _tables(value.get("content")) if isinstance(value, dict) else []


def _annotation(annotation: Json) -> Json:
    """Chat has a citation below the name of its kind, Responses beside it."""
    kind = annotation.get("type")
    inner = annotation.get(kind) if isinstance(kind, str) else None
    return {"type": kind, **inner} if isinstance(inner, dict) else annotation
