"""What was asked and answered, kept by a whole server: buffered, streamed and from the cache."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from router.configured.secret import Secret
from router.database.sqlite import SqliteDatabase
from router.ledger.ledger import LEDGER_FILE
from router.ledger.prompts import new_key, read_key, read_prompt
from router.upstream.scripted import ScriptedServer
from tests.live import routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = {"role": "user", "content": "Where does the marked river rise?"}


async def test_every_kind_of_answer_is_kept_as_the_caller_saw_it_and_encrypted(
    tmp_path: Path, weak: ScriptedServer
) -> None:
    key = new_key()
    variables = {"UNDERDOG_LEDGER_PROMPTS": "true", "UNDERDOG_LEDGER_PROMPTS_KEY": key}
    async with routed(tmp_path, weak, None, **variables) as server, server.http() as http:
        ids = []
        for body in ({}, {}, {"stream": True, "seed": 5}):
            answer = await http.post("/v1/chat/completions", json={"model": "auto", "messages": [QUESTION], **body})
            ids.append(answer.headers["x-request-id"])
            assert answer.status_code == 200
        for path, body in (("/v1/chat/completions", {"messages": "none"}), ("/nowhere", {})):
            await http.post(path, json=body)
        rows = [await server.ledger_row(each) for each in ids]
    assert [row["cache"] for row in rows] == ["miss", "exact", "miss"]
    database = SqliteDatabase(tmp_path / LEDGER_FILE)
    for each in ids:
        found = read_prompt(database, each, [read_key(Secret(key))])
        assert found == {"messages": [QUESTION], "answer": "from the weak one"}
    database.close()
    for file in await asyncio.to_thread(lambda: [*tmp_path.glob("ledger*")]):
        assert b"marked river" not in file.read_bytes()
