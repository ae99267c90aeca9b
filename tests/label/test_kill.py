"""A run that is killed or interrupted goes on where it was."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from router.upstream.scripted.script import Turn
from tests.label.conftest import Serve
from tests.label.support import AnsweringServer, read_rows, write_rows

PROMPTS = 60
CONCURRENCY = 4


async def start(repository: Path, prompts: Path, server: AnsweringServer, out: Path) -> asyncio.subprocess.Process:
    words = ["label", str(prompts), "--weak", server.base_url, "--strong", server.base_url, "--out", str(out)]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "training", *words, "--concurrency", str(CONCURRENCY)),
        cwd=repository,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_a_run_that_ends_midway_goes_on_without_asking_twice(
    how: signal.Signals, serve: Serve, repository: Path, tmp_path: Path
) -> None:
    server = await serve(lambda prompt, _: Turn(reply=prompt, delay_ms=20))
    rows = [{"prompt": f"say {number}", "answer": f"say {number}"} for number in range(PROMPTS)]
    prompts, out = write_rows(tmp_path / "p.jsonl", rows), tmp_path / "labels.jsonl"
    first = await start(repository, prompts, server, out)
    while len(server.chats) < PROMPTS:  # half of them
        assert first.returncode is None, "it ended before it could be stopped"
        await asyncio.sleep(0.005)
    first.send_signal(how)
    said = (await first.communicate())[0].decode()
    if how is signal.SIGINT:
        assert first.returncode == 130
        assert "the same command goes on from there" in said
        assert "Traceback" not in said
    else:
        assert first.returncode == -signal.SIGKILL
    assert not out.exists()
    second = await start(repository, prompts, server, out)
    said = (await second.communicate())[0].decode()
    assert second.returncode == 0, said
    assert "were answered before" in said
    labels = read_rows(out)
    assert [row["prompt"] for row in labels] == [row["prompt"] for row in rows]
    assert all(row["weak_correct"] == row["strong_correct"] == 1 for row in labels)
    in_flight = 2 * CONCURRENCY  # each prompt asks two models at once
    assert len(server.asked) == PROMPTS
    assert 2 * PROMPTS <= sum(server.asked.values()) <= 2 * PROMPTS + in_flight
    third = await start(repository, prompts, server, out)
    total = sum(server.asked.values())
    await third.communicate()
    assert sum(server.asked.values()) == total
