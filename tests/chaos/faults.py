"""Everything that an upstream can do to us, by name; `tests.chaos.server` plays it."""

from __future__ import annotations

BEFORE_THE_FIRST_BYTE = (
    "refuse",  # drops the connection, and takes no new ones for a moment
    "hang",  # accepts the request and never answers
    "reset",  # a TCP reset before any answer
    "close",  # an orderly end before any answer
    "429",
    "429-seconds",  # with Retry-After in seconds
    "429-date",  # with Retry-After as an HTTP date
    "500",
    "503",
    "503-seconds",
    "529",
    "not-json",  # promises JSON, or events, and sends something else
    "error-object",  # an error object with status 200; in a stream, as its first event
    "error-status",  # the same with the status that is meant in its `code`, as OpenRouter does
    "html",  # a web page with status 200
    "redirect",  # to another host
    "empty",  # an answer without choices; a stream of comments and [DONE]
    "half-head",  # a reset within the status line
)
"""Nothing of an answer is out: another deployment may answer, and the caller never learns."""

MIDWAY = (
    "reset-midway",
    "close-midway",
    "hang-midway",
    "error-midway",  # an error object among the events
    "not-json-midway",
    "no-finish",  # ends in good order, without finish reason or [DONE]
    "half-character",  # ends within a UTF-8 character
)
"""A stream breaks after its first event. A request that does not stream has no middle: a part of its body is sent."""

ODD = (
    "bytes",  # one byte at a time, so that characters and events are cut anywhere
    "giant",  # everything in one write, after an event of a megabyte
    "comments",  # comments, other fields and blank lines between events
    "crlf",  # lines end in CR LF
    "cr",  # lines end in CR alone
    "bom",  # a byte order mark first
    "two-lines",  # each payload over two data lines
    "usage-twice",  # usage in the last piece, and again in a chunk of its own
    "no-done",  # a finish reason and no [DONE]
    "no-type",  # no content type
    "no-blank-line",  # ends right behind [DONE]
    "late-bytes",  # something after [DONE]
)
"""Unusual, and an answer all the same: it must come through whole."""

ALL = (*BEFORE_THE_FIRST_BYTE, *MIDWAY, *ODD)

GROUPS = {"before": BEFORE_THE_FIRST_BYTE, "midway": MIDWAY, "odd": ODD, "all": ALL}


def named(text: str) -> tuple[str, ...]:
    """Faults by name or group, with commas between.

    Raises:
        ValueError: a name is unknown.
    """
    names: list[str] = []
    for word in filter(None, text.split(",")):
        if word not in GROUPS and word not in ALL:
            raise ValueError(f"'{word}' is no fault; known: {', '.join((*GROUPS, *ALL))}")
        names += GROUPS.get(word, (word,))
    return tuple(names)
