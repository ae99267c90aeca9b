"""The items of an answer while they grow, and the events that tell of it.

One rule for streams and whole answers: a whole answer is a stream of one piece, so both come to the same items.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator
from typing import Any, Literal

import msgspec

from router.dialects.responses.sealed import seal
from router.errors import UNREADABLE_JSON

Json = dict[str, Any]
Status = Literal["in_progress", "completed", "incomplete"]


class Item(ABC):
    """One item of ``output`` that still grows. Its events lack their ``sequence_number``, which the stream counts.

    Args:
        index: its place in ``output``.
        item_id: its id.
    """

    def __init__(self, index: int, item_id: str) -> None:
        self.index = index
        self.id = item_id

    @abstractmethod
    def item(self, status: Status) -> Json:
        """The item as it stands."""

    @abstractmethod
    def close(self, status: Status) -> Iterator[Json]:
        """The events that end its parts and the item itself."""

    def added(self) -> Json:
        """The event that the item is there, still empty."""
        return {
            "type": "response.output_item.added",
            "output_index": self.index,
            "item": self.item("in_progress"),
        }

    def done(self, status: Status) -> Json:
        """The event that the item will not change any more."""
        return {"type": "response.output_item.done", "output_index": self.index, "item": self.item(status)}

    def event(self, kind: str, **fields: Any) -> Json:
        """An event about the item."""
        return {"type": f"response.{kind}", "item_id": self.id, "output_index": self.index, **fields}


class MessageItem(Item):
    """A message: text, and a refusal where there is one. Parts follow each other; only the last one grows."""

    def __init__(self, index: int, item_id: str) -> None:
        super().__init__(index, item_id)
        self._parts: list[Json] = []
        self._pieces: list[str] = []  # of the part that grows

    def item(self, status: Status) -> Json:
        """The message so far."""
        return {
            "id": self.id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [self._told(place) for place in range(len(self._parts))],
        }

    def text(self, delta: str, logprobs: list[Json]) -> Iterator[Json]:
        """More text."""
        part = yield from self._part("output_text")
        part["logprobs"].extend(logprobs)
        if delta:
            self._pieces.append(delta)
            yield self._of_part("output_text.delta", delta=delta, logprobs=logprobs)

    def annotate(self, annotations: Iterable[Json]) -> Iterator[Json]:
        """Marks on the text."""
        part = yield from self._part("output_text")
        for annotation in annotations:
            part["annotations"].append(annotation)
            place = len(part["annotations"]) - 1
            yield self._of_part("output_text.annotation.added", annotation=annotation, annotation_index=place)

    def refuse(self, delta: str) -> Iterator[Json]:
        """More of a refusal."""
        yield from self._part("refusal")
        self._pieces.append(delta)
        yield self._of_part("refusal.delta", delta=delta)

    def close(self, status: Status) -> Iterator[Json]:
        """See `Item.close`."""
        yield from self._close_part()
        yield self.done(status)

    def _part(self, kind: str) -> Generator[Json, None, Json]:
        """Open a part of this kind unless it is open already. Returns it."""
        if not self._parts or self._parts[-1]["type"] != kind:
            yield from self._close_part()
            empty = {"text": "", "annotations": [], "logprobs": []} if kind == "output_text" else {"refusal": ""}
            self._parts.append({"type": kind, **empty})
            self._pieces = []
            yield self._of_part("content_part.added", part=self._told(-1))
        return self._parts[-1]

    def _close_part(self) -> Iterator[Json]:
        if not self._parts:
            return
        part = self._parts[-1] = self._told(-1)
        if part["type"] == "output_text":
            yield self._of_part("output_text.done", text=part["text"], logprobs=part["logprobs"])
        else:
            yield self._of_part("refusal.done", refusal=part["refusal"])
        yield self._of_part("content_part.done", part=part)

    def _of_part(self, kind: str, **fields: Any) -> Json:
        return self.event(kind, content_index=len(self._parts) - 1, **fields)

    def _told(self, place: int) -> Json:
        """A part as it stands; that which grows gets its text in one piece."""
        part = self._parts[place]
        if part is not self._parts[-1]:
            return part
        field = "text" if part["type"] == "output_text" else "refusal"
        lists = {name: list(value) for name, value in part.items() if isinstance(value, list)}
        return {**part, **lists, field: "".join(self._pieces)}


class ReasoningItem(Item):
    """What the model thought: as the summary that was asked for, else as text of its own.

    Args:
        index: its place in ``output``.
        item_id: its id.
        summary: whether a summary was asked for.
        sealed: whether blocks that the model wants back are to be handed out.
    """

    def __init__(self, index: int, item_id: str, *, summary: bool, sealed: bool) -> None:
        super().__init__(index, item_id)
        self._summary = summary
        self._sealed = sealed
        self._pieces: list[str] = []
        self._blocks: list[Json] = []
        self._open = False

    def item(self, status: Status) -> Json:
        """The reasoning so far."""
        part = [self._part()] if self._open else []
        shown = {"summary": part} if self._summary else {"summary": [], "content": part}
        sealed = {"encrypted_content": seal(self._whole_blocks())} if self._sealed and self._blocks else {}
        return {"id": self.id, "type": "reasoning", "status": status, **shown, **sealed}

    def text(self, delta: str) -> Iterator[Json]:
        """More of the thought."""
        if not self._open:
            self._open = True
            yield self._of_part("reasoning_summary_part.added", "content_part.added", part=self._part())
        self._pieces.append(delta)
        yield self._of_part("reasoning_summary_text.delta", "reasoning_text.delta", delta=delta)

    def keep(self, blocks: Iterable[Json]) -> None:
        """Blocks that the model wants back."""
        self._blocks.extend(blocks)

    def close(self, status: Status) -> Iterator[Json]:
        """See `Item.close`."""
        if self._open:
            part = self._part()
            yield self._of_part("reasoning_summary_text.done", "reasoning_text.done", text=part["text"])
            yield self._of_part("reasoning_summary_part.done", "content_part.done", part=part)
        yield self.done(status)

    def _of_part(self, as_summary: str, as_text: str, **fields: Any) -> Json:
        if self._summary:
            return self.event(as_summary, summary_index=0, **fields)
        return self.event(as_text, content_index=0, **fields)

    def _part(self) -> Json:
        return {"type": "summary_text" if self._summary else "reasoning_text", "text": "".join(self._pieces)}

    def _whole_blocks(self) -> list[Json]:
        """In a stream a block comes with its signature, after its text."""
        return [
            {**block, "thinking": "".join(self._pieces)}
            if block.get("type") == "thinking" and not block.get("thinking")
            else block
            for block in self._blocks
        ]


class CallItem(Item):
    """A call of a function, or of a custom tool, whose input is any text.

    Args:
        index: its place in ``output``.
        item_id: its id.
        call_id: by which its output will name it.
        name: the tool's name.
        custom: whether it is a custom tool.
    """

    def __init__(self, index: int, item_id: str, *, call_id: str, name: str, custom: bool) -> None:
        super().__init__(index, item_id)
        self._call = {"call_id": call_id, "name": name}
        self._custom = custom
        self._pieces: list[str] = []

    def item(self, status: Status) -> Json:
        """The call so far."""
        kind = "custom_tool_call" if self._custom else "function_call"
        return {"id": self.id, "type": kind, "status": status, **self._call, **self._given()}

    def text(self, delta: str) -> Iterator[Json]:
        """More of what the tool is given."""
        if delta:
            self._pieces.append(delta)
            yield self.event(f"{self._events}.delta", delta=delta)

    def close(self, status: Status) -> Iterator[Json]:
        """See `Item.close`."""
        named = {} if self._custom else {"name": self._call["name"]}
        yield self.event(f"{self._events}.done", **named, **self._given())
        yield self.done(status)

    @property
    def whole(self) -> bool:
        """Whether nothing can follow: arguments that are complete JSON. A custom tool's input never tells."""
        if self._custom:
            return False
        try:
            msgspec.json.decode("".join(self._pieces))
        except UNREADABLE_JSON:
            return False
        return True

    @property
    def _events(self) -> str:
        return "custom_tool_call_input" if self._custom else "function_call_arguments"

    def _given(self) -> Json:
        return {"input" if self._custom else "arguments": "".join(self._pieces)}
