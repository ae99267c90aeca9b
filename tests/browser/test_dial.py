"""The console's dial: what a threshold gives and costs, moved by mouse and keyboard, and applied as the default."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import Visiting
from tests.browser.seeded import EASY_ONES, HARD_ONES, SHARED, Seeded
from tests.browser.visit import Visit
from tests.live import EASY

pytestmark = pytest.mark.asyncio(loop_scope="session")

READY = ".dial-said"
SLIDER = "Threshold: from this win rate on"
NUMBER = "As a number"


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def _some_requests(changing: Seeded) -> None:
    async with changing.http() as http:
        for text in (*EASY_ONES, *HARD_ONES):
            body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
            headers = {"cache-control": "no-store"}
            (await http.post("/v1/chat/completions", json=body, headers=headers)).raise_for_status()


async def dial_of(seeded: Seeded) -> dict[str, Any]:
    async with seeded.http() as http:
        answer = await http.get("/console/api/dial")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


async def opened(visiting: Visiting, seeded: Seeded, **options: str) -> Visit:
    here = await visiting(seeded, **options)
    await here.open("dial", READY)
    return here


async def number(here: Visit) -> float:
    return float(await here.page.get_by_label(NUMBER).input_value())


async def test_a_number_that_is_no_threshold_is_refused_in_words(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    field = here.page.get_by_label(NUMBER)
    before = await field.input_value()
    await field.fill("2")
    await field.press("Enter")
    await expect(here.page.get_by_role("alert").filter(has_text="a number from 0 to 1")).to_be_visible()
    await expect(field).to_have_attribute("aria-invalid", "true")
    await here.page.get_by_role("button", name="in use").click()
    await expect(field).to_have_value(before)
    await expect(field).not_to_have_attribute("aria-invalid", "true")


async def test_it_says_what_the_last_requests_would_have_cost_and_been_worth(
    changing: Seeded, visiting: Visiting
) -> None:
    own = (await dial_of(changing))["own"]
    here = await opened(visiting, changing)
    said = here.page.locator(READY)
    await expect(said).to_contain_text(f"The last {own['n']} requests would have cost $")
    await expect(said).to_contain_text("all-strong")
    await expect(said).to_contain_text("of the quality gap")
    await here.page.get_by_role("button", name="always strong").click()
    await expect(said).to_contain_text("100 %")
    await expect(here.page.locator(".figure", has_text="To the strong model")).to_contain_text("100 %")


async def test_the_slider_is_moved_and_the_choice_applied_by_the_keyboard_alone(
    changing: Seeded, visiting: Visiting
) -> None:
    before = (await dial_of(changing))["threshold"]
    here = await opened(visiting, changing)
    await here.tab_to(SLIDER)
    for _ in range(4):
        await here.page.keyboard.press("ArrowRight")
    slider = here.page.get_by_label(SLIDER)
    chosen = await number(here)
    assert chosen == pytest.approx(before + 0.004, abs=0.001)
    assert "would have cost" in str(await slider.get_attribute("aria-valuetext"))
    await here.tab_to("button Apply as the default")
    await here.page.keyboard.press("Enter")
    await expect(here.page.get_by_role("dialog")).to_contain_text("as the default?")
    await here.page.keyboard.press("Enter")
    await expect(here.page.locator("#announcements")).to_contain_text("is the default now")
    assert (await dial_of(changing))["threshold"] == pytest.approx(chosen)
    await expect(here.page.locator(".dial-apply")).to_contain_text("the settings' file")
    await expect(here.page.get_by_label(SLIDER)).to_be_focused()
    async with changing.http() as http:
        answer = await changing.ask(EASY, http=http)
    assert float(answer.headers["x-router-threshold"]) == pytest.approx(chosen, abs=1e-4)


async def test_who_says_no_changes_nothing(changing: Seeded, visiting: Visiting) -> None:
    before = (await dial_of(changing))["threshold"]
    here = await opened(visiting, changing)
    await here.page.get_by_role("button", name="cheap").click()
    await here.page.get_by_role("button", name="Apply as the default").click()
    await here.page.keyboard.press("Escape")
    assert (await dial_of(changing))["threshold"] == before


async def test_dragging_on_the_chart_chooses_the_threshold_under_the_pointer(
    changing: Seeded, visiting: Visiting
) -> None:
    here = await opened(visiting, changing)
    over = here.page.locator(".dial-canvas .u-over")
    box = await over.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    await here.page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    await here.page.mouse.down()
    left = await number(here)
    await here.page.mouse.move(box["x"] + box["width"] * 0.8, middle, steps=3)
    right = await number(here)
    await here.page.mouse.up()
    await here.page.mouse.move(box["x"] + 2, middle)
    assert left < right == await number(here)
    legend = here.page.locator(".dial .legend")
    await expect(legend.get_by_text("The artifact")).to_be_visible()
    await here.page.get_by_role("button", name="By cost").click()
    await expect(legend.get_by_text("The artifact")).to_be_hidden()
    await here.page.mouse.click(box["x"] + box["width"] - 2, middle)
    await expect(here.page.locator(READY)).to_contain_text("100 %")


async def test_named_points_are_buttons_and_say_which_is_chosen(changing: Seeded, visiting: Visiting) -> None:
    points = (await dial_of(changing))["points"]
    here = await opened(visiting, changing)
    for name, point in points.items():
        pressed = here.page.get_by_role("button", name=f"{name} .")
        await pressed.click()
        assert await number(here) == point["threshold"]
        assert await pressed.get_attribute("aria-pressed") == "true"


async def test_how_many_requests_count_can_be_chosen(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    async with here.page.expect_response(lambda response: "last=100" in response.url):
        await here.page.get_by_label("How many requests").select_option("100")
    await expect(here.page.locator(READY)).to_be_visible()


async def test_the_figures_behind_the_chart_are_in_a_table(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    await here.page.get_by_text("Figures behind the chart").click()
    rows = here.page.get_by_role("table", name="Quality and cost at each threshold").get_by_role("row")
    await expect(rows.nth(20)).to_be_visible()
    await expect(rows.filter(has_text="in use")).to_contain_text("$")


async def test_without_the_chart_library_the_table_stands_alone(changing: Seeded, visiting: Visiting) -> None:
    here = await visiting(changing)
    await here.page.route("**/uPlot.iife.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    await here.open("dial", READY)
    await expect(here.page.get_by_role("table", name="Quality and cost at each threshold")).to_be_visible()
    await expect(here.page.locator(".dial canvas")).to_have_count(0)


async def test_who_may_only_look_is_told_why_it_cannot_be_applied(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing, key=SHARED)
    await here.page.get_by_role("button", name="cheap").click()
    await expect(here.page.get_by_role("button", name="Apply as the default")).to_be_disabled()
    await expect(here.page.locator(".dial-apply")).to_contain_text("master key")


async def test_where_a_price_is_not_known_the_quality_is_told_all_the_same(
    changing: Seeded, visiting: Visiting
) -> None:
    told = await dial_of(changing)
    unknown = [name for name in told["own"] if "_usd" in name and name != "left_out_usd"]
    told["own"] |= dict.fromkeys(unknown)
    told["own"]["actual"]["cost_usd"] = None
    here = await visiting(changing)
    await here.page.route("**/console/api/dial?*", lambda route: route.fulfill(json=told))
    await here.open("dial", READY)
    await expect(here.page.locator(READY)).to_contain_text("a price is missing")
    await expect(here.page.locator(READY)).to_contain_text("% (")
    await expect(here.page.get_by_role("button", name="By cost")).to_be_disabled()


async def test_before_the_first_request_the_artifacts_curve_stands_alone(lonely: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, lonely)
    await expect(here.page.locator(READY)).to_contain_text("the prompts that the artifact was measured with")
    await expect(here.page.locator(".dial canvas")).to_have_count(1)
    await expect(here.page.get_by_role("button", name="By cost")).to_be_disabled()


async def test_a_choice_and_its_question_keep_nobody_out(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing, scheme="dark", screen="phone")
    await here.page.get_by_role("button", name="best").click()
    await here.page.get_by_text("Figures behind the chart").click()
    assert await here.sideways() == 0
    await here.page.get_by_role("button", name="Apply as the default").click()
    await here.shoot("dial-question-dark-phone")
    assert await here.axe() == []
