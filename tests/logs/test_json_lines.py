"""Records as lines of JSON."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from router.logs import REQUEST_ID, JsonLines, set_level
from router.logs.setup import NOTEWORTHY, OURS


def line(message: str = "told", *arguments: object, **more: Any) -> dict[str, Any]:
    record = logging.getLogger("underdog.tests").makeRecord(
        "underdog.tests", logging.WARNING, __file__, 1, message, arguments, more.pop("exc_info", None), extra=more
    )
    written = JsonLines().format(record)
    assert "\n" not in written
    return dict(json.loads(written))


def test_a_line_says_when_how_grave_by_whom_and_what() -> None:
    said = line("%s of %d", "two\nlines", 3)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said.pop("time"))
    assert said == {"level": "warning", "logger": "underdog.tests", "message": "two\nlines of 3"}


def test_a_line_has_the_id_of_the_request_that_is_being_answered() -> None:
    token = REQUEST_ID.set("req_1")
    assert line()["request_id"] == "req_1"
    REQUEST_ID.reset(token)
    assert "request_id" not in line()


def test_fields_of_a_record_are_fields_of_its_line() -> None:
    said = line(fields={"request_id": "req_2", "cost_usd": Decimal("0.00000012"), "tokens": 7})
    assert (said["request_id"], said["cost_usd"], said["tokens"]) == ("req_2", 1.2e-7, 7)


def test_a_traceback_is_within_the_line() -> None:
    try:
        raise ValueError("what went wrong")
    except ValueError as error:
        said = line(exc_info=(ValueError, error, error.__traceback__))
    assert said["exception"].startswith("Traceback (most recent call last):\n")
    assert said["exception"].endswith("ValueError: what went wrong")


@pytest.mark.parametrize("awkward", ["\ud800", '"\\', "\x00\u2028"])
def test_whatever_is_said_can_be_read_again(awkward: str) -> None:
    assert line("%s", awkward)["message"]


def test_lines_are_utf_8_whatever_the_locale(repository: Path) -> None:
    program = "import logging, router.logs as logs; logs.set_up('json', 'info'); logging.warning('für 5 € 🙂')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=repository,
        env={**os.environ, "PYTHONIOENCODING": "ascii:backslashreplace"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stderr)["message"] == "für 5 € 🙂"


def test_the_level_is_for_what_we_say_and_never_lower_than_a_warning_for_libraries() -> None:
    names = ("", *OURS, *NOTEWORTHY)
    before = {name: logging.getLogger(name).level for name in names}
    try:
        set_level("info")
        assert logging.getLogger("underdog.requests").isEnabledFor(logging.INFO)
        assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
        set_level("warning")
        assert not logging.getLogger("underdog.requests").isEnabledFor(logging.INFO)
        assert logging.getLogger("underdog.settings").isEnabledFor(logging.INFO)
        set_level("error")
        assert not logging.getLogger("underdog.settings").isEnabledFor(logging.WARNING)
        assert not logging.getLogger("httpx").isEnabledFor(logging.WARNING)
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
