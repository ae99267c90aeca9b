"""The console's view of the cache: what it tells, what is found in it, and how answers are let go of."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import Visiting
from tests.browser.seeded import MARKUP, Seeded
from tests.browser.visit import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

ARABIC = "ما هي عاصمة النرويج؟"
LONG = "Which of these words is the longest? " + "Donaudampfschifffahrtsgesellschaftskapitän" * 12
PLAIN = "What is the tallest mountain of Norway?"
QUESTIONS = [PLAIN, MARKUP, ARABIC, LONG]
ROWS = ".cache-question"


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def _four_answers(changing: Seeded) -> None:
    async with changing.http() as http:
        await http.delete("/cache/entries")
        for question in QUESTIONS:
            (await changing.ask(question, http=http)).raise_for_status()
        assert (await changing.ask(PLAIN, http=http)).headers["x-router-cache"] == "exact"


async def kept(seeded: Seeded) -> set[str]:
    """The questions that are in the cache, as the server tells."""
    async with seeded.http() as http:
        found = (await http.get("/cache/entries", params={"questions": "true"})).json()
    return {entry["question"] for entry in found["entries"]}


async def _verifier_loaded(seeded: Seeded) -> None:
    """Wait for what a server loads behind its start."""
    async with seeded.http() as http:
        for _ in range(600):
            if (await http.get("/cache/stats")).json()["budget"]["verifier"] != "rules":
                return
            await asyncio.sleep(0.05)
    raise AssertionError("the verifier is not loaded")


async def opened(visiting: Visiting, seeded: Seeded, **options: str) -> Visit:
    here = await visiting(seeded, **options)
    await here.open("cache", ROWS)
    return here


async def test_it_tells_what_is_kept_what_it_saved_and_how_often_it_may_be_wrong(
    changing: Seeded, visiting: Visiting
) -> None:
    await _verifier_loaded(changing)
    here = await opened(visiting, changing)
    await expect(here.page.locator(ROWS)).to_have_count(len(QUESTIONS))
    await expect(here.page.locator(".figure", has_text="Saved")).to_contain_text("$")
    await expect(here.page.locator(".cache-summary")).to_contain_text("the budget is 1.00 %")
    await expect(here.page.get_by_role("region", name="Entries")).to_contain_text("your own tenant")


async def test_what_was_asked_is_searched_by_the_server(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    await here.page.get_by_label("Search questions").fill("TALLEST mountain")
    await expect(here.page.locator(ROWS)).to_have_count(1)
    await expect(here.page.locator(ROWS)).to_contain_text(PLAIN)
    assert any("q=TALLEST" in url for url in here.asked)
    await here.page.get_by_label("Search questions").fill("nobody asked this")
    await expect(here.page.get_by_text("No cached answer is like that.")).to_be_visible()


async def test_the_most_valuable_come_first_where_that_is_asked_for(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    await here.page.get_by_label("Order").select_option("value")
    async with changing.http() as http:
        found = (await http.get("/cache/entries?order=value&questions=true")).json()["entries"]
    await expect(here.page.locator(ROWS).first).to_contain_text(found[0]["question"][:40])


async def test_questions_and_answers_are_text_whatever_they_hold(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    for question in (MARKUP, ARABIC):
        await here.page.get_by_role("button", name=question[:30]).click()
        await expect(here.page.locator("dialog .told").first).to_have_text(question)
        await here.page.keyboard.press("Escape")
    await here.page.get_by_role("button", name="Which of these words").click()
    await expect(here.page.locator("dialog .told").first).to_have_text(LONG)
    assert await here.page.locator("main img, main script, dialog img, dialog script").count() == 0
    assert await here.sideways() == 0


async def test_one_answer_is_looked_at_and_let_go_of_by_the_keyboard_alone(
    changing: Seeded, visiting: Visiting
) -> None:
    here = await opened(visiting, changing)
    await here.tab_to(f"button {PLAIN}")
    await here.page.keyboard.press("Enter")
    await expect(here.page.get_by_role("dialog")).to_contain_text("Paris is the capital")
    await here.page.keyboard.press("Escape")
    assert PLAIN in await here.focused()
    await here.page.keyboard.press("Shift+Tab")
    await here.page.keyboard.press("Space")
    assert await here.focused() == f"input Choose: {PLAIN}"
    await here.page.get_by_role("button", name="Let go of those chosen").focus()
    await here.page.keyboard.press("Enter")
    await expect(here.page.get_by_role("dialog")).to_contain_text("cannot be undone")
    assert await here.focused() == "button Cancel"
    await here.page.keyboard.press("Shift+Tab")
    await here.page.keyboard.press("Enter")
    await expect(here.page.locator(ROWS)).to_have_count(len(QUESTIONS) - 1)
    assert await kept(changing) == set(QUESTIONS) - {PLAIN}
    assert "Search" in await here.focused()


async def test_who_says_no_lets_go_of_nothing(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    await here.page.get_by_label("Choose all shown").check()
    await here.page.get_by_role("button", name="Let go of those chosen").click()
    await here.page.get_by_role("button", name="Cancel").click()
    await expect(here.page.locator(ROWS)).to_have_count(len(QUESTIONS))
    assert await kept(changing) == set(QUESTIONS)


async def test_answers_go_by_model_and_age_after_their_number_was_told(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    await here.page.get_by_label("Age").select_option("3600")
    await here.page.get_by_role("button", name="by model and age").click()
    await expect(here.page.get_by_text("No cached answer has this model and age.").first).to_be_visible()
    await here.page.get_by_label("Age").select_option("")
    await here.page.get_by_role("button", name="by model and age").click()
    await expect(here.page.get_by_role("dialog")).to_contain_text(f"Let go of {len(QUESTIONS)} cached answers?")
    await here.page.get_by_role("button", name="Let go of them").click()
    await expect(here.page.get_by_text("No cached answer is like that.")).to_be_visible()
    assert await kept(changing) == set()


async def test_what_is_kept_for_a_key_is_not_shown_to_the_master_key(changing: Seeded, visiting: Visiting) -> None:
    async with changing.http() as http:
        key = (await http.post("/admin/keys", json={"name": "theirs"})).json()["key"]
        headers = {"authorization": f"Bearer {key}"}
        body = {"model": "auto", "messages": [{"role": "user", "content": "What is their secret?"}]}
        (await http.post("/v1/chat/completions", json=body, headers=headers)).raise_for_status()
    here = await opened(visiting, changing)
    await here.page.get_by_label("Search questions").fill("secret")
    await expect(here.page.get_by_text("No cached answer is like that.")).to_be_visible()


async def test_an_answer_that_is_looked_at_keeps_nobody_out(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing, scheme="dark", screen="phone")
    await here.page.get_by_role("button", name=MARKUP[:20]).click()
    await expect(here.page.locator("dialog .told").first).to_be_visible()
    await here.shoot("cache-entry-dark-phone")
    assert await here.axe() == []
