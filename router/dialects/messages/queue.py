"""Content blocks in order: Anthropic's streams tell one block after another, chat chunks may mix them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Literal

from router.dialects.base import untellable

Json = dict[str, Any]
Kind = Literal["thinking", "redacted_thinking", "text", "tool_use"]

_DELTAS: dict[str, tuple[str, str]] = {
    "thinking": ("thinking_delta", "thinking"),
    "text": ("text_delta", "text"),
    "tool_use": ("input_json_delta", "partial_json"),
}


class Block:
    """One block that grows. ``start`` is its opening form, None as long as a tool's name is not known.

    ``ended``: it takes nothing more, whatever comes. ``call_id``: the id of a tool call, once it is known.
    """

    def __init__(self, kind: Kind, start: Json | None) -> None:
        self.kind = kind
        self.start = start
        self.ended = False
        self.call_id: Any = None
        self._pieces: list[str] = []
        self._waiting: list[Json] = []
        self._json = _JsonDepth()

    @property
    def text(self) -> str:
        """All that came so far."""
        return "".join(self._pieces)

    @property
    def whole(self) -> bool:
        """Whether it may be closed as soon as another block wants to be told."""
        if self.kind != "tool_use":
            return True
        return self.start is not None and self._json.complete(self._pieces)

    def grow(self, text: str) -> None:
        """More of its text, or of a tool's input as JSON."""
        if text:
            self._pieces.append(text)
            delta, name = _DELTAS[self.kind]
            self._waiting.append({"type": delta, name: text})

    def sign(self, signature: str) -> None:
        """The signature of a block of thinking: nothing comes after it."""
        self.ended = True
        self._waiting.append({"type": "signature_delta", "signature": signature})

    def take(self) -> list[Json]:
        """The deltas that have not been told."""
        deltas, self._waiting = self._waiting, []
        return deltas


class BlockQueue:
    """The blocks of one answer: the first in the queue is being told, those behind it wait.

    A text or thinking ends where something else begins. A tool's input ends where its JSON does, or with the answer:
    pieces of parallel calls may come in any order.
    """

    def __init__(self) -> None:
        self._queue: deque[Block] = deque()
        self._calls: dict[Any, Block] = {}
        self._told = 0  # blocks that were opened
        self._open = False

    @property
    def calls_tools(self) -> bool:
        """Whether there was a tool call."""
        return bool(self._calls)

    @property
    def last(self) -> Block | None:
        """The block that began last, as long as it is not closed."""
        return self._queue[-1] if self._queue else None

    def prose(self, kind: Kind, start: Json) -> Block:
        """The block that a piece of text or thinking belongs to: the last one if it is of that kind, else a new one."""
        last = self.last
        if last is not None and last.kind == kind and not last.ended:
            return last
        return self._add(Block(kind, start))

    def call(self, index: Any) -> Block:
        """The block of a tool call; ``ended`` once it has been told."""
        if index not in self._calls:
            self._calls[index] = self._add(Block("tool_use", None))
        return self._calls[index]

    def _add(self, block: Block) -> Block:
        self._queue.append(block)
        return block

    def tell(self, *, ended: bool = False) -> Iterator[Json]:
        """The events that can be told by now; ``ended`` closes every block.

        Raises:
            UpstreamBroken: a tool call came to its end without a name.
        """
        while self._queue:
            head = self._queue[0]
            if head.start is None:
                if ended:
                    raise untellable("a tool call has no name")
                return
            if not self._open:
                self._open = True
                yield {"type": "content_block_start", "index": self._told, "content_block": head.start}
            for delta in head.take():
                yield {"type": "content_block_delta", "index": self._told, "delta": delta}
            if not ended and (len(self._queue) == 1 or not head.whole):
                return
            yield {"type": "content_block_stop", "index": self._told}
            self._queue.popleft().ended = True
            self._open = False
            self._told += 1


class _JsonDepth:
    """Follows a text until the JSON object in it ends; reads every character once."""

    def __init__(self) -> None:
        self._read = 0
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._ended = False

    def complete(self, pieces: list[str]) -> bool:
        """Whether the object in the text of ``pieces``, to which pieces were only added, is complete."""
        for piece in pieces[self._read :]:
            self._follow(piece)
        self._read = len(pieces)
        return self._ended

    def _follow(self, text: str) -> None:
        for letter in text:
            if self._escaped:
                self._escaped = False
            elif self._in_string:
                self._escaped = letter == "\\"
                self._in_string = letter != '"'
            elif letter == '"':
                self._in_string = True
            elif letter in "{[":
                self._depth += 1
            elif letter in "}]":
                self._depth -= 1
                self._ended |= self._depth == 0
