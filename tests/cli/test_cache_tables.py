"""What ``underdog cache list`` prints, on terminals wide and narrow."""

from __future__ import annotations

import pytest

from router.cache.inventory import EntryInfo, EntryList
from router.commands.cache_tables import ID_CHARS, show_list

ENTRY = EntryInfo(
    id="0123456789abcdef",
    tenant="local",
    model="llama-3.1-8b-instruct",
    route="weak",
    age_s=75.0,
    expires_in_s=80_000.0,
    hits=1_234,
    bytes=2_345_678,
    cost_usd=0.5,
    saved_usd=1.25,
    semantic=True,
    question="What is the capital of France, and why is it not Lyon, which is older than it is?",
)


@pytest.mark.parametrize(("width", "question", "whole"), [(50, None, False), (120, None, True), (120, 90, True)])
def test_ids_and_amounts_are_never_cut_off(
    width: int, question: int | None, whole: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    show_list(EntryList(entries=[ENTRY], total=1, loading=False), "the server", width=question)
    shown = capsys.readouterr().out
    assert f" {ENTRY.id[:ID_CHARS]} " in shown
    assert " 1.250000 " in shown
    assert ("…" in shown, "What is" in shown) == (False, question is not None)
    assert ("2,345,678" in shown) is whole
    assert max(map(len, shown.splitlines())) <= width
