"""The console's shell: the key form, the menu, what is asked of whom, and how much of it."""

from __future__ import annotations

import pytest
from playwright.async_api import Request, expect

from tests.browser.conftest import Visiting
from tests.browser.seeded import Seeded

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_BYTES = 120_000
"""Of a first visit, charts and headers included: about a second on a slow mobile network (1 Mbit/s)."""


async def test_without_a_key_the_console_asks_for_one_and_opens_by_it(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded, key=None)
    here.expect_status(401)
    await here.page.goto(f"{seeded.server.url}/console")
    await here.page.get_by_role("heading", name="A key is needed").wait_for()
    await here.page.get_by_label("API key").fill("not-the-key")
    await here.page.keyboard.press("Enter")
    await here.page.get_by_role("heading", name="This key does not open the console").wait_for()
    await here.page.get_by_label("API key").fill(str(seeded.key))
    await here.page.keyboard.press("Enter")
    await here.page.get_by_role("heading", name="Live", exact=True).wait_for()
    await here.page.get_by_role("button", name="Forget the key").click()
    await here.page.get_by_role("heading", name="A key is needed").wait_for()


async def test_the_key_of_a_caller_opens_nothing(seeded: Seeded, visiting: Visiting) -> None:
    async with seeded.http() as http:
        secret = (await http.post("/admin/keys", json={"name": "a caller"})).json()["key"]
    here = await visiting(seeded, key=secret)
    here.expect_status(403)
    await here.page.goto(f"{seeded.server.url}/console")
    await here.page.get_by_role("heading", name="This key does not open the console").wait_for()
    assert await here.page.locator("main table, main .figure").count() == 0


async def test_keys_alone_lead_to_every_view(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    await here.open("live")
    await here.page.evaluate("document.activeElement.blur()")
    titles = ["Live", "Requests", "Dial", "Cache", "Keys and budgets", "Playground"]
    assert await here.walk(9) == [
        *("a Skip to the content", "a Underdog"),
        *(f"a {title}" for title in titles),
        "button Forget the key",
    ]
    for title in titles[1:]:
        await here.page.get_by_role("link", name=title, exact=True).focus()
        await here.page.keyboard.press("Enter")
        heading = here.page.get_by_role("heading", name=title, exact=True, level=1)
        await expect(heading).to_be_focused()
        await expect(here.page).to_have_title(f"{title} – Underdog")
        await expect(here.page.get_by_role("link", name=title, exact=True)).to_have_attribute("aria-current", "page")


async def test_the_first_stop_skips_the_menu(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    await here.open("requests")
    await here.page.evaluate("document.activeElement.blur()")
    await here.page.keyboard.press("Tab")
    await here.page.keyboard.press("Enter")
    await expect(here.page.locator("main")).to_be_focused()
    assert here.page.url.endswith("#/requests")


async def test_a_first_visit_on_a_phone_takes_few_bytes(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded, screen="phone")
    sizes: dict[str, int] = {}

    async def weigh(request: Request) -> None:
        size = await request.sizes()
        sizes[request.url] = size["responseBodySize"] + size["responseHeadersSize"]

    here.page.on("requestfinished", weigh)
    await here.open("live", ready=".figure")
    await here.page.wait_for_load_state("load")
    names = {url.rpartition("/assets/")[2] for url in sizes}
    assert {"uPlot.iife.js", "app.js", "style.css", "views/live.js"} <= names
    assert not names & {"views/playground.js", "views/dial.js"}
    assert sum(sizes.values()) < MOST_BYTES, sizes
    # What has not changed is not sent again.
    sizes.clear()
    await here.page.reload()
    await here.page.wait_for_selector(".figure")
    assert sum(sizes.values()) < MOST_BYTES / 4, sizes


async def test_a_view_that_cannot_be_fetched_is_said_and_tried_again(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    here.expect_status(500)
    await here.page.route("**/console/api/session", lambda route: route.fulfill(status=500, json={}))
    await here.page.goto(f"{seeded.server.url}/console#/requests")
    await expect(here.page.get_by_role("alert")).to_have_text("The server answered with 500.")
    await here.page.unroute("**/console/api/session")
    await here.page.get_by_role("button", name="Try again").click()
    await here.page.get_by_role("heading", name="Requests", level=1).wait_for()


async def test_a_server_that_is_away_is_said_in_words_and_found_again(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    await here.open("live", ready=".figure")
    await here.page.route("**/*", lambda route: route.abort())
    await here.page.get_by_role("link", name="Cache", exact=True).click()
    await expect(here.page.get_by_role("alert")).to_contain_text("does not answer: it was stopped, or the network is")
    await here.page.unroute("**/*")
    await here.page.get_by_role("button", name="Try again").click()
    await here.page.get_by_role("heading", name="Cache", level=1).wait_for()
    here.wrong[:] = [wrong for wrong in here.wrong if "net::ERR_FAILED" not in wrong]
