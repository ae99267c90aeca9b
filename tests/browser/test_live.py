"""Live: figures that follow what happens, charts with their tables, a connection that comes back, and a first start."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Visiting
from tests.browser.seeded import STRONG, WEAK, Seeded, a_new_question, a_server

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEWEST = "section:has(> header h2:text-is('Newest requests')) tbody tr"


async def test_the_figures_are_those_of_the_server(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    await here.open("live", ready=NEWEST)
    async with seeded.http() as http:
        stats = (await http.get("/stats")).json()
    saved = here.page.locator("section:has(> header h2:text-is('Saved against all-strong'))")
    await expect(saved.locator(".saved")).to_have_text(f"${stats['saved_usd']:.2f}")
    await expect(saved).to_contain_text(
        re.compile(r"In all, since \d+ \w+ \d{4}\. Between \$[\d.]+ and \$[\d.]+ \(95\s%\)")
    )
    await expect(saved).to_contain_text(f"Requests{stats['requests']}")
    models = here.page.locator("section:has(> header h2:text-is('Models and this server'))")
    await expect(models).to_contain_text(WEAK)
    await expect(models).to_contain_text(STRONG)
    await expect(models.locator(".badge", has_text="ready")).to_have_count(2)


async def test_a_request_appears_while_one_looks_and_nothing_jumps(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    await here.open("live", ready=NEWEST)
    before = await here.page.locator(".figure, .drawing, .saved").evaluate_all("all => all.map(e => e.offsetTop)")
    known = await here.page.locator(NEWEST).count()
    async with seeded.http() as http:
        answer = await seeded.ask(a_new_question(), http=http)
    link = here.page.locator(f"{NEWEST} >> nth=0 >> a[href='#/requests/{answer.headers['x-request-id']}']")
    await link.wait_for()
    assert await here.page.locator(NEWEST).count() == min(known + 1, 25)
    after = await here.page.locator(".figure, .drawing, .saved").evaluate_all("all => all.map(e => e.offsetTop)")
    assert after == before
    await link.click()
    await expect(here.page.locator("#decision")).to_contain_text("Went to the")


async def test_charts_have_their_figures_in_tables(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    await here.open("live", ready=NEWEST)
    async with seeded.http() as http:
        await seeded.ask(a_new_question(), http=http)
    requests = here.page.locator("figure", has=here.page.locator("table caption:text('by who answered')"))
    await expect(requests.locator(".drawing canvas")).to_have_count(1)
    await requests.locator("summary").click()
    weak = requests.locator("td[data-label='weak']")
    await expect(weak.filter(has_text=re.compile("[1-9]")).first).to_be_visible()
    assert await requests.locator("tbody tr").count() > 1


async def test_without_the_chart_library_the_figures_stand_in_tables(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    await here.page.route("**/uPlot.iife.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    await here.open("live", ready=NEWEST)
    tables = here.page.locator("figure.chart table")
    await expect(tables).to_have_count(2)
    await expect(tables.first.locator("tbody tr").first).to_be_visible()
    await expect(here.page.locator(".drawing:visible")).to_have_count(0)


async def test_a_lost_connection_is_told_and_made_again(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    lost = asyncio.Event()

    async def lose(route: Route) -> None:
        if lost.is_set():
            await route.continue_()
            return
        lost.set()
        await route.fulfill(body=": nothing\n\n", content_type="text/event-stream")

    await here.page.route("**/console/api/live", lose)
    await here.open("live")
    await expect(here.page.locator(".state")).to_contain_text("Connection lost, next try in 1 s")
    await expect(here.page.locator("#announcements")).to_contain_text("Connection lost")
    await expect(here.page.locator(".state")).to_contain_text("Connected")
    await expect(here.page.locator("#announcements")).to_contain_text("Connected")
    await here.page.locator(NEWEST).first.wait_for()


async def test_a_key_that_is_refused_meanwhile_brings_the_key_form(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    here.expect_status(401)
    refusal = {"error": {"message": "This key is not valid any more.", "code": "unauthenticated"}}
    await here.page.route("**/console/api/live", lambda route: route.fulfill(status=401, json=refusal))
    await here.page.goto(f"{seeded.server.url}/console")
    await expect(here.page.get_by_role("alert")).to_have_text("This key is not valid any more.")
    await expect(here.page.get_by_label("API key")).to_be_focused()


async def test_a_first_start_says_how_to_ask_and_that_command_works(visiting: Visiting, tmp_path: Path) -> None:
    async with a_server(tmp_path, master_key=None) as new:
        here = await visiting(new)
        await here.open("live")
        await here.page.get_by_role("heading", name="Nobody has asked anything yet").wait_for()
        await here.shoot("live-first-start")
        assert await here.axe() == []
        command = await here.page.locator("pre").inner_text()
        program, url, _, header, _, body = shlex.split(command.replace("\\\n", " "))
        assert (program, url) == ("curl", f"{new.server.url}/v1/chat/completions")
        async with new.http() as http:
            answer = await http.post(url, content=body, headers=[tuple(header.split(": "))])
        assert "Paris" in answer.text
        await here.page.locator(NEWEST).first.wait_for()
        await expect(here.page.get_by_text("Nobody has asked anything yet")).to_be_hidden()
