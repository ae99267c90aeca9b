"""A streamed message as Anthropic's own client folds it, and the checks that a stream must pass on the way."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from anthropic._streaming import SSEDecoder
from anthropic.lib.streaming._messages import accumulate_event

Json = dict[str, Any]


def events_of(wire: bytes) -> list[Json]:
    """The events in the bytes of a stream, as the client's decoder reads them; each is named after its type."""
    events = []
    for sent in SSEDecoder().iter_bytes(iter([wire])):
        data = json.loads(sent.data)
        assert sent.event == data["type"]
        events.append(data)
    return events


def folded(events: Iterable[Json]) -> Json:
    """The message that the client has in the end, as it would send it back."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        if event["type"] != "ping":
            snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)  # type: ignore[arg-type]
    told: Json = json.loads(snapshot.to_json(exclude_none=True))
    for block in told["content"]:
        block.pop("parsed_output", None)
    return told


def check_order(events: list[Json]) -> None:
    """A message begins, tells its blocks one after another, and ends; nothing stands outside."""
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["message_start", "ping"]
    assert kinds[-2:] == ["message_delta", "message_stop"]
    open_block: int | None = None
    closed = 0
    for event in events[2:-2]:
        match event["type"]:
            case "content_block_start":
                assert open_block is None
                assert event["index"] == closed
                open_block = closed
            case "content_block_delta":
                assert event["index"] == open_block
            case "content_block_stop":
                assert event["index"] == open_block
                open_block, closed = None, closed + 1
            case other:
                raise AssertionError(f"{other} within a message")
    assert open_block is None
