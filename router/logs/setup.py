"""How much is logged, and in which form."""

from __future__ import annotations

import io
import logging
import sys
from typing import Literal

from router.logs.json_lines import JsonLines

Form = Literal["text", "json"]
Level = Literal["info", "warning", "error"]

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

OURS = ("underdog", "router")
"""The loggers below which we say something. What libraries say below a warning may quote prompts, URLs and keys."""

NOTEWORTHY = (
    "underdog.artifacts",  # that another artifact decides from now on
    "underdog.cache",  # how much the cache is allowed, and by what evidence
    "underdog.memory",  # that memory is no longer tight
    "underdog.settings",  # that settings changed
    "underdog.shared",  # that what was away is shared again
    "underdog.traces",  # that a collector takes traces again
    "underdog.upstream",  # that a deployment answers again: that it did not is a warning
)
"""Loggers whose news is worth a line though nothing is wrong: it is told with the warnings."""

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up(form: Form, level: Level) -> None:
    """Say things on standard error from now on. Whoever has set up logging before us keeps their own form."""
    if form == "json" and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8")  # as JSON is, whatever the locale
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(TEXT))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.captureWarnings(form == "json")
    set_level(level)


def set_level(level: Level) -> None:
    """How much is said from now on: with ``info`` a line for every request as well, with ``error`` faults alone."""
    threshold = _LEVELS[level]
    logging.getLogger().setLevel(max(threshold, logging.WARNING))
    for name in OURS:
        logging.getLogger(name).setLevel(threshold)
    for name in NOTEWORTHY:
        logging.getLogger(name).setLevel(logging.ERROR if level == "error" else logging.INFO)
