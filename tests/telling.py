"""A failure is told when it happens: of a build that is cut off, nothing that is printed at the end is ever seen."""

from __future__ import annotations

import asyncio
import gc
import io
from collections.abc import Generator

import pytest

OUT_OF_TIME = "from pytest-timeout"
"""What the failure of a test says that took too long; the stacks of all threads are with it."""


class TellsAtOnce:
    """Prints why a test failed, with what it printed itself, before the next one begins.

    Args:
        terminal: where to; the process that collects the reports of all others has one.
    """

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.failed:
            return
        self._terminal.ensure_newline()
        self._terminal.section(f"FAILED {report.nodeid} ({report.when}, {report.duration:.1f} s)", sep="!")
        self._terminal.write_line(report.longreprtext)
        for title, content in report.sections:
            self._terminal.section(title, sep="-")
            self._terminal.write_line(content)


class ShowsTasks:
    """Adds to the report of a test that took too long where each asyncio task stood, which no thread's stack shows."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo is not None and OUT_OF_TIME in str(call.excinfo.value):
            report.sections.append(("asyncio tasks", _stacks_of_tasks()))
        return report


def _stacks_of_tasks() -> str:
    stacks = io.StringIO()
    for task in [one for one in gc.get_objects() if isinstance(one, asyncio.Task)]:
        if not task.done():
            task.print_stack(file=stacks)
    return stacks.getvalue()
