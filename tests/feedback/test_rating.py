"""A rating reaches the cache only from the tenant who was answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router.cache import SemanticCache
from router.feedback import MOST_PAIR_CHARS, MOST_RECENT, Feedback
from router.ledger import Ledger
from router.principals import Principal
from tests.cache.support import answer, body, embed, ticket
from tests.ledger.support import a_row

ACME, OTHER = Principal(tenant="acme"), Principal(tenant="other")
ASKED = "What is the capital of France?"
REWORDED = "what is the capital of france"


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    ledger = Ledger.open(tmp_path / "ledger.sqlite3")
    yield ledger
    await ledger.aclose()


async def test_nobody_lets_go_of_what_answered_another_tenant(ledger: Ledger) -> None:
    cache = SemanticCache()
    asked = ticket(cache, body())
    assert asked.keys is not None
    assert cache.store(asked, answer(), embed)
    await ledger.record(a_row("r1", cache="exact", cache_key=asked.keys.exact.hex()))
    feedback = Feedback(ledger, cache, keep_pairs=False)
    assert not await feedback.rate(OTHER, "r1", "bad")
    assert cache.exact(asked) is not None
    assert await feedback.rate(ACME, "r1", "bad")
    assert cache.exact(asked) is None
    assert cache.stats().departed == {"feedback": 1}


async def test_a_rating_of_what_the_cache_had_no_part_in_is_only_kept(ledger: Ledger) -> None:
    feedback = Feedback(ledger, SemanticCache(), keep_pairs=True)
    await ledger.record(a_row("r1", cache="bypass"))
    assert await feedback.rate(ACME, "r1", "bad")
    assert not await feedback.rate(ACME, "r9", "bad")


async def test_texts_wait_for_a_rating_in_memory_and_only_where_they_may_be_kept(ledger: Ledger) -> None:
    cache = SemanticCache()
    cache.store(ticket(cache, body()), answer(), embed)
    asked = ticket(cache, body(REWORDED))
    hit = cache.lookup(asked, embed)
    assert hit is not None
    assert hit.verdict is not None
    kept, silent = Feedback(ledger, cache, keep_pairs=True), Feedback(ledger, cache, keep_pairs=False)
    for number in range(MOST_RECENT + 10):
        kept.served(asked, f"r{number}", hit, body(REWORDED)["messages"])
    silent.served(asked, "r1", hit, body(REWORDED)["messages"])
    assert kept.waiting == MOST_RECENT
    assert silent.waiting == 0


async def test_a_pair_too_long_to_be_kept_by_the_thousand_does_not_wait(ledger: Ledger) -> None:
    cache = SemanticCache()
    rules = {"role": "system", "content": "x" * (MOST_PAIR_CHARS // 2)}
    long, reworded = ({"messages": [rules, *body(text)["messages"]]} for text in (ASKED, REWORDED))
    cache.store(ticket(cache, long), answer(), embed)
    asked = ticket(cache, reworded)
    hit = cache.lookup(asked, embed)
    assert hit is not None
    feedback = Feedback(ledger, cache, keep_pairs=True)
    feedback.served(asked, "r1", hit, reworded["messages"])
    assert feedback.waiting == 0


async def test_an_account_that_fails_does_not_fail_the_request(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = SemanticCache()
    cache.store(ticket(cache, body()), answer(), embed)
    asked = ticket(cache, body(REWORDED))
    hit = cache.lookup(asked, embed)
    assert hit is not None
    monkeypatch.setattr("router.feedback.pair_of", lambda *_: 1 / 0)
    Feedback(ledger, cache, keep_pairs=True).served(asked, "r1", hit, body(REWORDED)["messages"])
    assert "ZeroDivisionError" in caplog.text
