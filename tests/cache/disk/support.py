"""A cache with a file of its own, and what tests do to that file."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from router.cache import CacheFile, SemanticCache, elapsed_s
from tests.cache.support import answer, body, completion, embed, ticket

ENCODER = "encoder of the day"
PATIENCE_S = 60.0


@contextlib.contextmanager
def cache_on(path: Path, *, encoder: str = ENCODER, **options: Any) -> Iterator[SemanticCache]:
    """A running cache that has read its file; closed in the end, which writes what waits."""
    file = CacheFile(path, encoder=encoder, linger_s=0.0)
    cache = SemanticCache(file=file, **{"clock": elapsed_s, **options})
    cache.start()
    assert file.wait_until_read(PATIENCE_S)
    try:
        yield cache
    finally:
        cache.close()


def keep(cache: SemanticCache, question: str, text: str = "kept", *, usd: str = "0.001", **others: Any) -> bool:
    told = msgspec.structs.replace(answer(completion(text)), cost_usd=Decimal(usd))
    return cache.store(ticket(cache, body(question), encoder=ENCODER, **others), told, embed)


def told(cache: SemanticCache, question: str, **others: Any) -> tuple[str, str] | None:
    """Kind of the hit and the text, or None."""
    hit = cache.lookup(ticket(cache, body(question), encoder=ENCODER, **others), embed)
    return (hit.kind, msgspec.json.decode(hit.answer.body)["choices"][0]["message"]["content"]) if hit else None


def sql(path: Path, statement: str, *parameters: Any) -> list[Any]:
    """What a statement gives, run by another connection."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement, parameters).fetchall()


def until(true: Callable[[], bool]) -> None:
    """Wait until something holds."""
    for _ in range(1200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")
