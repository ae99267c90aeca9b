"""Old requests leave the ledger with all that is kept of them; totals stay."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from click.testing import CliRunner

from router.cli import main
from router.configured.secret import Secret
from router.database import Database
from router.database.sqlite import SqliteDatabase
from router.ledger import Ledger
from router.ledger.ledger import LEDGER_FILE
from router.ledger.prompts import Exchange, PlainPrompts
from router.ledger.retention import AT_ONCE, Pruner, prune
from router.types import ChatRequest, Message
from tests.ledger.conftest import Opened
from tests.ledger.support import MORNING, a_row

SAID = Exchange(ChatRequest(messages=[Message(role="user", content="a marked question")]), "a marked answer")
ALL = ("requests", "feedback", "rated_pairs", "prompts")


def counts(database: Database) -> list[int]:
    with database.reading() as connection:
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ALL]


async def test_old_requests_go_with_all_that_is_kept_of_them_and_totals_stay(opened: Opened) -> None:
    ledger = Ledger.on(opened(), prompts=PlainPrompts())
    olds = [a_row(f"old-{n}", at=MORNING - timedelta(days=9), cost_usd=Decimal("0.1")) for n in range(AT_ONCE + 20)]
    news = [a_row(f"new-{n}", cost_usd=Decimal("0.1")) for n in range(5)]
    # One waited elsewhere before it was written.
    await asyncio.gather(*(ledger.submit(row, SAID) for row in [*olds[:-1], *news, olds[-1]]))
    for row in (olds[0], news[0]):
        await ledger.rate(row.request_id, "bad", tenant="acme", pair=("1", "2"))
    before = await ledger.stats()
    assert counts(ledger.database) == [AT_ONCE + 25, 2, 2, AT_ONCE + 25]
    assert prune(ledger.database, MORNING - timedelta(days=1), pause_s=0) == AT_ONCE + 20
    assert counts(ledger.database) == [5, 1, 1, 5]
    assert prune(ledger.database, MORNING - timedelta(days=1), pause_s=0) == 0
    assert (await ledger.stats()).cost_usd == before.cost_usd
    assert await ledger.spent("server", "", MORNING - timedelta(days=30)) == Decimal("0.1") * (AT_ONCE + 25)
    await ledger.record(a_row("newest"))
    assert [row.request_id for row in await ledger.recent(1)] == ["newest"]
    await ledger.aclose()


async def test_no_byte_of_a_deleted_prompt_stays_in_the_file(tmp_path: Path) -> None:
    ledger = Ledger.on(SqliteDatabase(tmp_path / LEDGER_FILE), prompts=PlainPrompts())
    await asyncio.gather(*(ledger.submit(a_row(f"old-{n}"), SAID) for n in range(300)))
    assert prune(ledger.database, MORNING + timedelta(days=1), pause_s=0) == 300
    await ledger.aclose()
    kept = b"".join([file.read_bytes() for file in await asyncio.to_thread(lambda: [*tmp_path.iterdir()])])
    assert b"marked question" not in kept
    assert b"marked answer" not in kept


async def test_two_servers_may_prune_while_a_third_writes(opened: Opened) -> None:
    ledgers = [Ledger.on(opened()) for _ in range(3)]
    olds = [a_row(f"old-{n}", at=MORNING - timedelta(days=9)) for n in range(1200)]
    await asyncio.gather(*(ledgers[0].record(row) for row in olds))
    pruned = [asyncio.to_thread(prune, ledger.database, MORNING, pause_s=0) for ledger in ledgers[:2]]
    written = [ledgers[2].record(a_row(f"new-{n}")) for n in range(200)]
    *_, one, two = await asyncio.gather(*written, *pruned)
    assert one + two == 1200
    assert counts(ledgers[0].database)[0] == 200
    for ledger in ledgers:
        await ledger.aclose()


async def test_a_server_lets_go_of_old_requests_by_itself(database: Database) -> None:
    ledger = Ledger.on(database)
    await ledger.record(a_row("old"))
    await ledger.record(a_row("new", at=datetime.now(UTC)))
    pruner = Pruner(database, timedelta(days=1), first_s=0, every_s=0.01)
    while counts(database)[0] > 1:
        await asyncio.sleep(0.01)
    pruner.close()
    assert [row.request_id for row in await ledger.recent()] == ["new"]
    await ledger.aclose()


async def test_the_command_prunes_beside_a_server(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / LEDGER_FILE)
    await ledger.record(a_row("old"))
    await ledger.record(a_row("new", at=datetime.now(UTC)))
    words = ["ledger", "prune", "--home", str(tmp_path)]
    assert "say how many days" in CliRunner().invoke(main, words).output
    assert CliRunner().invoke(main, [*words, "--days", "1"]).output == "1 requests are gone.\n"
    assert [row.request_id for row in await ledger.recent()] == ["new"]
    await ledger.record(a_row("old-2"))
    told = json.loads(CliRunner().invoke(main, [*words, "--days", "1", "--json"]).stdout)
    since = datetime.now(UTC) - datetime.fromisoformat(told["before"])
    assert (told["pruned"], round(since / timedelta(days=1), 2)) == (1, 1)
    await ledger.aclose()


async def test_the_commands_find_a_ledger_in_postgres(postgres_url: str, tmp_path: Path) -> None:
    from router.database.postgres import PostgresDatabase

    ledger = Ledger.on(PostgresDatabase(Secret(postgres_url)))
    await ledger.record(a_row("old", key_id="laptop"))
    environment = {"UNDERDOG_DATABASE_URL": postgres_url, "UNDERDOG_HOME": str(tmp_path)}
    exported = CliRunner().invoke(main, ["ledger", "export"], env=environment)
    assert '"request_id":"old"' in exported.output
    assert "laptop" not in exported.output
    pruned = CliRunner().invoke(main, ["ledger", "prune", "--days", "1"], env=environment)
    assert pruned.output == "1 requests are gone.\n"
    await ledger.aclose()
