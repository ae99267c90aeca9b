"""Money is spent only after a person has seen the estimate. The servers stand in for paid ones, as a proxy."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
from pathlib import Path

import pytest

from tests.label.conftest import Label, Serve
from tests.label.support import read_rows, write_rows

PAID = ["--weak", "http://llm.example.com/v1", "--weak-model", "gpt-4o-mini"]
ROWS = [{"prompt": f"q{number}", "answer": "yes"} for number in range(10)]


@pytest.mark.parametrize(("typed", "more", "asked"), [("n\n", [], 0), ("y\n", [], 10), ("", ["--yes"], 10)])
async def test_a_person_at_a_terminal_is_asked_before_money_is_spent(
    typed: str, more: list[str], asked: int, serve: Serve, repository: Path, tmp_path: Path
) -> None:
    server = await serve(lambda *_: "yes")
    prompts, out = write_rows(tmp_path / "p.jsonl", ROWS), tmp_path / "labels.jsonl"
    ours, theirs = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "training", "label", str(prompts), "--out", str(out), *PAID, *more),
            cwd=repository,
            env={**os.environ, "http_proxy": f"http://127.0.0.1:{server.port}"},
            stdin=theirs,
            stderr=asyncio.subprocess.PIPE,
        )
        os.write(ours, typed.encode())
        said = (await process.communicate())[1].decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "10 answers to ask for; about $0.00" in said
    assert ("Go on?" in said) is (not more)
    assert len(server.chats) == asked
    assert out.exists() is (asked > 0)
    assert process.returncode == (0 if asked else 1), said


async def test_what_was_paid_is_in_the_rows_and_in_the_summary(serve: Serve, label: Label, tmp_path: Path) -> None:
    server = await serve(lambda *_: "word " * 1000)
    prompts, out = write_rows(tmp_path / "p.jsonl", ROWS), tmp_path / "labels.jsonl"
    proxy = {"http_proxy": f"http://127.0.0.1:{server.port}"}
    done = await label(prompts, *PAID, "--out", out, env=proxy)
    assert done.exit_code == 0, done.output
    paid = sum(row["cost_usd"] for row in read_rows(out))
    assert paid > 0
    assert f"asked for 10 answers (0 retries), cost ${paid:.4f}" in done.output
