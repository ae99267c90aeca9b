"""Progress is shown to people who wait at a terminal, and to nobody else."""

from __future__ import annotations

import io
import time
from contextlib import redirect_stderr

import pytest

from training import progress as module
from training.progress import progress, quiet


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _wanted(monkeypatch):
    monkeypatch.setattr(module._Display, "wanted", True)


def shown_on(screen, seconds):
    """What appears on ``screen`` while three items take ``seconds`` each."""
    with redirect_stderr(screen):
        slowly = (time.sleep(seconds) or number for number in range(3))
        assert list(progress(slowly, label="reading votes")) == [0, 1, 2]
    return screen.getvalue()


def test_a_terminal_sees_what_takes_longer_than_the_delay(monkeypatch):
    monkeypatch.setattr(module, "DELAY_S", 0.01)
    assert "reading votes" in shown_on(Terminal(), seconds=0.15)


def test_a_terminal_sees_nothing_of_what_is_quick():
    assert shown_on(Terminal(), seconds=0.15).strip() == ""


def test_a_pipe_sees_no_progress(monkeypatch):
    monkeypatch.setattr(module, "DELAY_S", 0.01)
    assert shown_on(io.StringIO(), seconds=0.15) == ""


def test_a_terminal_sees_nothing_when_asked_to_be_quiet(monkeypatch):
    monkeypatch.setattr(module, "DELAY_S", 0.01)
    quiet()
    assert shown_on(Terminal(), seconds=0.15) == ""
