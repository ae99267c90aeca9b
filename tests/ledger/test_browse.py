"""Looking through the ledger, a page at a time, on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from router.database import Database
from router.ledger import Ledger, browse
from router.ledger.browse import Conditions
from router.ledger.prompts import Exchange, PlainPrompts, opened
from router.types import ChatRequest, Message
from tests.ledger.support import a_row


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    ledger = Ledger.on(database)
    yield ledger
    await ledger.aclose()


async def names(ledger: Ledger, limit: int = 50, **conditions: Any) -> list[list[str]]:
    """The ids on every page, from the first to the last."""
    pages, before = [], None
    for _ in range(100):
        page = await ledger.page(Conditions(**conditions), limit=limit, before=before)
        pages.append([each.row.request_id for each in page.requests])
        before = page.before
        if before is None:
            return pages
    raise AssertionError("the pages never end")


def flat(pages: list[list[str]]) -> list[str]:
    return [name for page in pages for name in page]


async def test_an_empty_ledger_has_one_empty_page(ledger: Ledger) -> None:
    assert await names(ledger) == [[]]
    assert await ledger.find(["r1"]) == {}
    assert await ledger.find([]) == {}


async def test_pages_hold_every_request_once_the_newest_first(ledger: Ledger) -> None:
    rows = [a_row(f"r{number}", tenant=f"t{number % 2}") for number in range(7)]
    for row in rows:
        await ledger.record(row)
    pages = await names(ledger, limit=3)
    assert flat(pages) == [f"r{number}" for number in reversed(range(7))]
    assert max(map(len, pages)) == 3
    assert flat(await names(ledger, limit=2, tenant="t1")) == ["r5", "r3", "r1"]
    found = await ledger.page(Conditions(), limit=7)
    assert [each.row for each in found.requests] == rows[::-1]


async def test_new_requests_move_no_page(ledger: Ledger) -> None:
    for number in range(4):
        await ledger.record(a_row(f"r{number}"))
    first = await ledger.page(Conditions(), limit=2)
    await ledger.record(a_row("late"))
    second = await ledger.page(Conditions(), limit=2, before=first.before)
    assert [each.row.request_id for each in second.requests] == ["r1", "r0"]


async def test_every_condition_narrows_the_page(ledger: Ledger) -> None:
    wanted: dict[str, Any] = {
        "tenant": "acme",
        "route": "strong",
        "reason": "pinned",
        "outcome": "error",
        "cache": "bypass",
        "model": "big",
    }
    otherwise = {
        "tenant": "acme2",
        "route": "weak",
        "reason": "rule",
        "outcome": "ok",
        "cache": "miss",
        "model": "small",
    }
    await ledger.record(a_row("wanted", **wanted))
    for name, value in otherwise.items():
        await ledger.record(a_row(f"other-{name}", **wanted | {name: value}))
    assert await names(ledger, **wanted) == [["wanted"]]
    for name, value in wanted.items():
        (page,) = await names(ledger, **{name: value})
        assert "wanted" in page
        assert f"other-{name}" not in page
    assert await names(ledger, request_id="wanted") == [["wanted"]]
    assert await names(ledger, request_id="wanted", tenant="other") == [[]]
    assert await names(ledger, tenant="' OR 1=1 --") == [[]]


async def test_a_page_looks_through_so_many_and_the_next_goes_on(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browse, "LOOKED_AT", 4)
    for number in range(10):
        await ledger.record(a_row(f"r{number}", route="strong" if number == 1 else "weak"))
    pages = await names(ledger, route="strong")
    assert flat(pages) == ["r1"]
    assert len(pages) == 3
    assert await names(ledger, request_id="r1") == [["r1"]]


async def test_ratings_come_with_their_requests(ledger: Ledger) -> None:
    for name in ("r1", "r2"):
        await ledger.record(a_row(name))
    await ledger.rate("r1", "bad", tenant="acme")
    page = await ledger.page(Conditions(), limit=5)
    assert [each.rating for each in page.requests] == [None, "bad"]
    found = await ledger.find(["r1", "r2", "nobody"])
    assert {name: kept.rating for name, kept in found.items()} == {"r1": "bad", "r2": None}


async def test_what_was_said_in_a_few_requests_is_read_at_once(database: Database) -> None:
    ledger = Ledger.on(database, prompts=PlainPrompts())
    said = Exchange(ChatRequest(messages=[Message(role="user", content="Hello?")]), "Yes.")
    await ledger.submit(a_row("r1"), said)
    await ledger.submit(a_row("r2"))
    found = await ledger.said(["r1", "r2", "nobody"])
    assert {name: opened(name, sealed, [])["answer"] for name, sealed in found.items()} == {"r1": "Yes."}
    assert await ledger.said([]) == {}
    await ledger.aclose()
