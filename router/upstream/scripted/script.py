"""What a scripted server does with each request: one `Turn` per request, the last one repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from router.errors import DataError

Fault = Literal[
    "hang",  # accepts the request and never answers
    "hang-midway",  # begins the answer and falls silent
    "cut",  # closes the connection without a byte
    "cut-midway",  # closes the connection within the answer
    "no-done",  # a stream with a finish reason and without [DONE]
    "no-finish",  # a stream that ends in good order, without finish reason or [DONE]
    "not-json",  # promises JSON and sends something else
    "not-a-chat",  # valid JSON that is no chat answer
    "no-stream",  # answers a request for a stream with a whole answer
    "html",  # a web page with status 200
    "error-object",  # an error object with status 200; in a stream, as its first event
    "error-midway",  # an error object in the middle of a stream
    "redirect",  # sends the client to another host
]

FAULTS: tuple[str, ...] = get_args(Fault)

DEFAULT_REPLY = "This is the scripted answer."


class Turn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one request is answered.

    ``status`` other than 200 answers with an error object (or ``error_body``, sent as it is). ``thinking`` is told
    before the answer. ``call_tool`` calls the first tool that the request offers, with the last message as its
    argument. Of the prompt, ``cached_tokens`` come from a prompt cache and ``cache_written_tokens`` go into one.
    ``headers`` go with any answer but a broken one. Delays are milliseconds: before the answer begins, and between the
    pieces of a stream.
    """

    reply: str = DEFAULT_REPLY
    finish_reason: str = "stop"
    thinking: str = ""
    call_tool: bool = False
    cached_tokens: Annotated[int, Meta(ge=0)] = 0
    cache_written_tokens: Annotated[int, Meta(ge=0)] = 0
    status: Annotated[int, Meta(ge=200, le=599)] = 200
    error_message: str = "The scripted server was told to refuse."
    error_body: str | None = None
    headers: dict[str, str] = {}
    fault: Fault | None = None
    delay_ms: Annotated[float, Meta(ge=0)] = 0.0
    piece_delay_ms: Annotated[float, Meta(ge=0)] = 0.0


def load_script(path: Path) -> list[Turn]:
    """Read turns from a JSON Lines file, one object with the fields of `Turn` per line.

    Raises:
        DataError: naming the file, the line and what is wrong with it.
    """
    turns = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            turns.append(msgspec.json.decode(line, type=Turn))
        except msgspec.DecodeError as error:
            raise DataError(f"{path}, line {number}: {error}.") from error
    if not turns:
        raise DataError(f"{path}: holds no turns; write one JSON object per line.")
    return turns
