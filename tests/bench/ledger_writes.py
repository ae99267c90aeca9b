"""How fast the ledger writes, reads and prices here: ``python -m tests.bench.ledger_writes [--rows N] [--json]``.

Prints acknowledged rows per second at several numbers of concurrent requests, the CPU time of one row, the wait of one
request for its acknowledgement, the time of one ``/stats`` and of one budget's sum at the final size: on SQLite and,
where it is installed, on a PostgreSQL that waits for the disk. And the CPU time of pricing one answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from router.configured.secret import Secret
from router.database.postgres import PostgresDatabase
from router.ledger import Ledger
from router.ledger.prices import ModelRef, Prices
from router.ledger.reports import percentiles
from router.types import LedgerRow, Usage
from tests.services.postgres_server import a_postgres

CONCURRENCIES = (1, 16, 256)
READS = 50
PRICINGS = 20_000


def row(number: int) -> LedgerRow:
    """An ordinary answered request."""
    return LedgerRow(
        request_id=f"req-{number:012d}",
        at=datetime.now(UTC),
        tenant=f"tenant-{number % 10}",
        requested_model="auto",
        route="strong" if number % 3 == 0 else "weak",
        model="gpt-4o",
        reason="win-rate",
        win_rate=0.41,
        threshold=0.5,
        artifact="default/1",
        cache="miss",
        prompt_tokens=120,
        completion_tokens=340,
        cost_usd=Decimal("0.0037"),
        baseline_cost_usd=Decimal("0.0037"),
        latency_ms=350.0,
        decision_us=400.0,
    )


async def measure_writes(ledger: Ledger, *, first: int, rows: int, concurrency: int) -> dict[str, Any]:
    """Record ``rows`` rows from ``concurrency`` tasks, each waiting for its acknowledgement before the next."""
    numbers = iter(range(first, first + rows))
    waits_ms: list[float] = []

    async def caller() -> None:
        for number in numbers:
            began = time.perf_counter()
            await ledger.record(row(number))
            waits_ms.append((time.perf_counter() - began) * 1000)

    began, cpu_began = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(concurrency)))
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    wait = percentiles(waits_ms)
    return {
        "concurrency": concurrency,
        "rows": rows,
        "rows_per_s": round(rows / wall_s),
        "cpu_us_per_row": round(cpu_s / rows * 1e6, 1),
        "wait_ms": {"p50": round(wait.p50 or 0, 3), "p99": round(wait.p99 or 0, 3)},
    }


async def measure_reads(ledger: Ledger) -> dict[str, Any]:
    """Time ``stats`` over all tenants, as `GET /stats` asks it."""
    times_ms: list[float] = []
    for _ in range(READS):
        began = time.perf_counter()
        stats = await ledger.stats()
        times_ms.append((time.perf_counter() - began) * 1000)
    began = time.perf_counter()
    await ledger.spent("server", "", datetime.now(UTC) - timedelta(days=31))
    spent_ms = (time.perf_counter() - began) * 1000
    return {
        "rows": stats.requests,
        "stats_ms_p50": round(percentiles(times_ms).p50 or 0, 2),
        "spent_ms": round(spent_ms, 2),
    }


def measure_pricing() -> dict[str, Any]:
    """CPU time of loading the price list, and of one ``cost`` with a weak and a strong price to compute."""
    served, baseline = ModelRef("openai", "gpt-4o-mini"), ModelRef("openai", "gpt-4o")
    usage = Usage(prompt_tokens=1200, completion_tokens=340, cached_tokens=100)
    began = time.process_time()
    prices = Prices()
    prices.preload([served, baseline])
    loaded = time.process_time()
    for _ in range(PRICINGS):
        prices.cost(usage, served, baseline)
    return {
        "price_list_load_cpu_ms": round((loaded - began) * 1000),
        "cost_cpu_us": round((time.process_time() - loaded) / PRICINGS * 1e6, 2),
    }


async def measure_ledger(ledger: Ledger, rows: int) -> dict[str, Any]:
    """Writes and reads of a fresh ledger, which is closed in the end."""
    writes = []
    for turn, concurrency in enumerate(CONCURRENCIES):
        writes.append(await measure_writes(ledger, first=turn * rows, rows=rows, concurrency=concurrency))
    reads = await measure_reads(ledger)
    await ledger.aclose()
    return {"writes": writes, "reads": reads}


async def measure_postgres(folder: Path, rows: int) -> dict[str, Any] | None:
    """The same on a PostgreSQL of its own; None where there is none."""
    try:
        async with a_postgres(folder, durable=True) as server:
            database = PostgresDatabase(Secret(server.url))
            return await measure_ledger(Ledger.on(database, spool=folder / "spool.sqlite3"), rows)
    except pytest.skip.Exception:
        return None


async def measure(rows: int) -> dict[str, Any]:
    """All measurements, on fresh ledgers in the temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        ledgers = {
            "SQLite": await measure_ledger(Ledger.open(Path(folder) / "ledger.sqlite3"), rows),
            "PostgreSQL": await measure_postgres(Path(folder), rows),
        }
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {versions}"
    return {"machine": machine, "ledgers": ledgers, "prices": measure_pricing()}


def main() -> None:
    """Run the benchmark and print it, as a table or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rows", type=int, default=10_000, help="rows per number of concurrent requests (default 10000)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    result = asyncio.run(measure(options.rows))
    sys.stdout.write(json.dumps(result, indent=2) + "\n" if options.json else table(result))


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [result["machine"]]
    for engine, ledger in result["ledgers"].items():
        lines += ["", f"{engine}: not here"] if ledger is None else ["", engine, *table_of_one(ledger)]
    prices = result["prices"]
    lines.append("")
    lines.append(
        f"pricing one answer and its baseline: {prices['cost_cpu_us']} us of CPU "
        f"(price list loaded once: {prices['price_list_load_cpu_ms']} ms)"
    )
    return "\n".join(lines) + "\n"


def table_of_one(ledger: dict[str, Any]) -> list[str]:
    """The lines of one engine."""
    lines = [f"{'concurrent':>10} {'rows/s':>8} {'CPU us/row':>11} {'wait p50 ms':>12} {'p99 ms':>8}"]
    for write in ledger["writes"]:
        wait = write["wait_ms"]
        lines.append(
            f"{write['concurrency']:>10} {write['rows_per_s']:>8} {write['cpu_us_per_row']:>11} "
            f"{wait['p50']:>12} {wait['p99']:>8}"
        )
    reads = ledger["reads"]
    lines.append(
        f"over {reads['rows']} rows: stats {reads['stats_ms_p50']} ms (p50), a budget's sum {reads['spent_ms']} ms"
    )
    return lines


if __name__ == "__main__":
    main()
