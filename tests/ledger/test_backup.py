"""The backup that docs/operations.md describes: taken beside a running server, put back, and whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from router.upstream.scripted import ScriptedServer
from tests.live import EASY, LiveServer, live_server

PATH = "/v1/chat/completions"


async def ask(server: LiveServer, text: str) -> None:
    async with server.http() as http:
        answer = await http.post(PATH, json={"messages": [{"role": "user", "content": text}]})
        assert answer.status_code == 200


async def test_a_copy_that_was_taken_beside_a_running_server_can_be_put_back(tmp_path: Path) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    ledger = home / "ledger.sqlite3"
    async with ScriptedServer() as weak:
        arguments = ["--weak-url", weak.base_url, "--no-cache"]
        async with live_server(home, *arguments) as server:
            await ask(server, EASY)
            # What `.backup` of the shell does.
            with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            await ask(server, "After the copy.")
        copy.replace(ledger)
        for beside in ("-wal", "-shm"):
            Path(f"{ledger}{beside}").unlink(missing_ok=True)
        async with live_server(home, *arguments) as server:
            assert len(server.ledger_rows()) == 1
            await ask(server, "After it was put back.")
            assert len(server.ledger_rows()) == 2
