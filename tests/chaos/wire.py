"""Answers as bytes on the wire: the good one, and each way to spoil it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from router.upstream.scripted import Turn, answers

TAIL = " — naïve façade, 東京, 🐕‍🦺."
"""Ends every answer, so that there are characters of two, three and four bytes to cut."""

GIANT = 1_000_000


def reply_to(body: dict[str, Any]) -> str:
    """The one right answer to a request: it names what was asked, so that a mix-up shows."""
    content = body["messages"][-1]["content"]
    return f"You asked: {content}{TAIL}"


def head(status: int, content_type: str | None, *headers: str, length: int | None = None) -> bytes:
    """A response head; chunked where no length is given."""
    lines = [f"HTTP/1.1 {status} Chaos", *headers]
    if content_type:
        lines.append(f"content-type: {content_type}")
    lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; the last one where there is no data."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(body: dict[str, Any], model: str, fault: str | None) -> bytes:
    """The JSON body of an answer that does not stream."""
    reply = reply_to(body)
    completion = answers.completion(Turn(reply=reply), body, model)
    if fault == "giant":
        completion["padding"] = "x" * GIANT
    return msgspec.json.encode(completion)


def events(body: dict[str, Any], model: str, fault: str | None) -> Iterator[bytes]:
    """The events of a streamed answer, [DONE] included, as the fault would have them written."""
    end = {"crlf": b"\r\n", "cr": b"\r"}.get(fault or "", b"\n")
    if fault == "bom":
        yield b"\xef\xbb\xbf"
    for payload in _payloads(body, model, fault):
        if fault == "comments":
            yield b": keep-alive" + end + end + b"event: message\nid: 7\nretry: 10\n"
        yield _event(payload, end, two_lines=fault == "two-lines")
    if fault not in {"no-done", "no-finish"}:
        yield b"data: [DONE]" + (b"" if fault == "no-blank-line" else end + end)
    if fault == "late-bytes":
        yield b"data: {not json\n\n: and more"


def _payloads(body: dict[str, Any], model: str, fault: str | None) -> Iterator[bytes]:
    pieces = list(answers.chunks(Turn(reply=reply_to(body)), body, model))
    if fault == "giant":
        pieces[0]["padding"] = "x" * GIANT
    if fault == "usage-twice" and "usage" in pieces[-1]:
        pieces[-2]["usage"] = pieces[-1]["usage"]
    for piece in pieces:
        if fault == "no-finish" and piece["choices"] and piece["choices"][0]["finish_reason"]:
            return
        yield msgspec.json.encode(piece)


def _event(payload: bytes, end: bytes, *, two_lines: bool) -> bytes:
    if two_lines:
        before, comma, after = payload.partition(b",")
        return b"data:" + before + comma + end + b"data: " + after + end + end
    return b"data: " + payload + end + end
