"""Requests: the list and its search, one request with all that is told of it, and markup that stays text."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import Visiting
from tests.browser.seeded import MARKED_ANSWER, MARKUP, STRONG, Seeded
from tests.browser.visit import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROWS = "section.view.requests tbody tr"


def card(here: Visit, heading: str) -> Locator:
    return here.page.locator("section.card", has=here.page.get_by_role("heading", name=heading, exact=True))


async def test_the_list_shows_what_the_ledger_keeps_newest_first(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    await here.open("requests", ready=ROWS)
    links = await here.page.locator(f"{ROWS} th a").evaluate_all("all => all.map(a => a.hash.split('/').pop())")
    kept = [row["request_id"] for row in reversed(seeded.server.ledger_rows())]
    assert links == kept[:50]
    cached = here.page.locator(ROWS, has=here.page.locator(f"a[href$='{seeded.ids['cached']}']"))
    await expect(cached).to_contain_text("cache")
    await expect(cached).to_contain_text("asked before")


async def test_the_search_works_by_keys_alone_and_stays_in_the_address(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    await here.open("requests", ready=ROWS)
    await here.page.get_by_label("Route").focus()
    await here.page.keyboard.press("s")
    await expect(here.page.get_by_label("Route")).to_have_value("strong")
    await expect(here.page.locator(ROWS, has_text="weak")).to_have_count(0)
    met = await here.walk(8)
    assert [re.sub(r"any.*", "", name).strip() for name in met] == [
        *("select Reason", "select Cache", "select Outcome", "input Model", "input Caller", "input Request id"),
        *("button Search", "button Clear"),
    ]
    await here.page.get_by_label("Request id").focus()
    await here.page.keyboard.type(seeded.ids["strong"])
    await here.page.keyboard.press("Enter")
    await expect(here.page.locator(ROWS)).to_have_count(1)
    assert here.page.url.endswith(f"#/requests?route=strong&id={seeded.ids['strong']}")
    await here.page.locator(f"{ROWS} a").click()
    await here.page.locator("#decision").wait_for()
    await here.page.go_back()
    await expect(here.page.locator(ROWS)).to_have_count(1)
    await expect(here.page.get_by_label("Route")).to_have_value("strong")
    await here.page.get_by_role("button", name="Clear").click()
    await expect(here.page.locator(ROWS).nth(1)).to_be_visible()


async def test_the_list_is_turned_page_by_page(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    # Pages of three, so that a few requests make several.
    await here.page.route(
        "**/console/api/requests?*", lambda route: route.continue_(url=route.request.url.replace("limit=50", "limit=3"))
    )
    await here.open("requests", ready=ROWS)
    links = here.page.locator(f"{ROWS} th a")
    first = await links.evaluate_all("all => all.map(a => a.hash)")
    assert len(first) == 3
    await expect(here.page.get_by_role("button", name="Newer")).to_be_disabled()
    await here.page.get_by_role("button", name="Older").click()
    await expect(links.first).not_to_have_attribute("href", first[0])
    second = await links.evaluate_all("all => all.map(a => a.hash)")
    assert set(first).isdisjoint(second)
    await here.page.reload()
    await expect(links.first).to_have_attribute("href", second[0])
    await here.page.get_by_role("button", name="Newer").click()
    await expect(links.first).to_have_attribute("href", first[0])


async def test_a_request_says_in_a_sentence_why_it_went_where_it_went(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    said = {}
    for name, request_id in seeded.ids.items():
        await here.open(f"requests/{request_id}", ready=f"#decision, code:text-is('{request_id}')")
        await here.page.get_by_text(request_id).wait_for()
        said[name] = await here.page.locator("#decision").inner_text()
    assert re.fullmatch(r"Went to the weak model: its win rate \.\d+ is below the threshold \.\d+\.", said["weak"])
    assert re.fullmatch(r"Went to the strong model: its win rate \.\d+ reaches the threshold \.\d+\.", said["strong"])
    assert said["cached"] == "Answered from the cache: the same question was asked before."
    assert said["pinned"] == "Went to the strong model, which the caller asked for by name."
    assert re.fullmatch(r"Refused before anything was decided: \w+, status 400\.", said["refused"])


async def test_a_request_tells_what_pushed_it_what_is_like_it_and_what_it_cost(
    seeded: Seeded, visiting: Visiting
) -> None:
    here = await visiting(seeded)
    await here.open(f"requests/{seeded.ids['strong']}", ready="#decision")
    await expect(here.page.get_by_role("img", name=re.compile(r"Win rate \.\d+ of 1, threshold \.\d+"))).to_be_visible()
    pushed = card(here, "What pushed it")
    assert await pushed.locator(".push").count() > 2
    await pushed.locator("summary").click()
    await expect(pushed.locator("tbody tr", has_text="Topic")).to_contain_text("what it is about")
    near = card(here, "The nearest past requests").locator("tbody tr")
    await expect(near).to_have_count(5)
    await expect(near.first).to_contain_text("Prove that every finite group")
    cost = card(here, "Cost")
    await expect(cost).to_contain_text(re.compile(r"\$0\.\d+ as much as the strong model would have"))
    timeline = card(here, "Timeline")
    await timeline.locator("summary").click()
    steps = await timeline.locator("tbody th").all_inner_texts()
    assert steps[0] == "Arrived"
    assert steps[-1] == "End"
    assert "Decided" in steps
    await expect(card(here, "Everything else")).to_contain_text("Classifierdefault/1")


async def test_an_answer_is_rated_by_keys_and_rated_otherwise(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    await here.open(f"requests/{seeded.ids['weak']}", ready="#decision")
    good = here.page.get_by_role("button", name="Good answer")
    bad = here.page.get_by_role("button", name="Bad answer")
    await expect(good).to_have_attribute("aria-pressed", "false")
    await good.focus()
    await here.page.keyboard.press("Enter")
    await expect(good).to_have_attribute("aria-pressed", "true")
    await expect(here.page.locator("#announcements")).to_have_text("Rated good")
    await here.page.keyboard.press("Tab")
    await here.page.keyboard.press("Space")
    await expect(bad).to_have_attribute("aria-pressed", "true")
    await expect(good).to_have_attribute("aria-pressed", "false")
    await here.page.reload()
    await expect(bad).to_have_attribute("aria-pressed", "true")


async def test_markup_in_prompts_and_answers_is_shown_as_it_was_written(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    here.page.on("dialog", lambda dialog: here.wrong.append(f"a prompt ran: {dialog.message}"))
    await here.open(f"requests/{seeded.ids['markup']}", ready="#decision")
    said = card(here, "What was said")
    await expect(said.locator(".text").first).to_have_text(MARKUP)
    await expect(said.locator(".answer .text")).to_have_text(MARKED_ANSWER)
    assert await here.page.locator("main img, main script, main .text *").count() == 0
    assert not [url for url in here.asked if url.endswith("/x")]
    await here.shoot("request-with-markup")


async def test_a_request_that_nobody_knows_is_said_to_be_none(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    here.expect_status(404)
    await here.open("requests/req_of_nobody")
    await here.page.get_by_role("heading", name="There is no such request").wait_for()


async def test_a_pinned_request_names_no_threshold_that_it_met(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    await here.open(f"requests/{seeded.ids['pinned']}", ready="#decision")
    await expect(here.page.locator(".decision")).to_contain_text(STRONG)
    await expect(here.page.get_by_role("img", name="Win rate")).to_have_count(0)
    await expect(card(here, "What pushed it")).to_contain_text("named the model")


async def test_the_id_of_a_request_is_copied(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded, permissions=["clipboard-read", "clipboard-write"])
    await here.open(f"requests/{seeded.ids['weak']}", ready="#decision")
    await here.page.get_by_role("button", name="Copy the id").click()
    await here.page.get_by_role("button", name="Copied").wait_for()
    assert await here.page.evaluate("navigator.clipboard.readText()") == seeded.ids["weak"]


async def test_the_bar_of_a_timeline_is_full_however_short_the_request(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    for which in ("cached", "strong"):
        await here.open(f"requests/{seeded.ids[which]}", ready=".timeline .bar")
        bar = here.page.locator(".timeline .bar")
        filled = "bar => bar.lastElementChild.getBoundingClientRect().right - bar.getBoundingClientRect().right"
        assert await bar.evaluate(filled) == pytest.approx(0, abs=2)


async def test_a_search_of_the_address_that_no_choice_has_is_shown(seeded: Seeded, visiting: Visiting) -> None:
    here = await visiting(seeded)
    await here.page.goto(f"{seeded.server.url}/console#/requests?outcome=rejected")
    await expect(here.page.get_by_label("Outcome")).to_have_value("rejected")
    await expect(here.page.get_by_text("No request is like that.")).to_be_visible()
