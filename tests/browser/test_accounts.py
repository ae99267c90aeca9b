"""The console's keys and budgets: made, shown once, changed, rotated and revoked; and what everybody used."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import Visiting
from tests.browser.seeded import SHARED, Seeded, a_new_question
from tests.browser.visit import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

READY = ".accounts h2"
MARKUP = "<img src=x onerror=alert(1)> مفتاح"
LONG = "a-very-long-name-without-a-space" * 3


async def opened(visiting: Visiting, seeded: Seeded, **options: str) -> Visit:
    here = await visiting(seeded, **options)
    await here.open("accounts", READY)
    return here


async def made(seeded: Seeded, kind: str = "keys", **form: Any) -> dict[str, Any]:
    """A key or a team, made over HTTP."""
    async with seeded.http() as http:
        answer = await http.post(f"/admin/{kind}", json=form)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def asks(seeded: Seeded, key: str, model: str = "auto") -> httpx.Response:
    """What a caller with this key gets."""
    body = {"model": model, "messages": [{"role": "user", "content": a_new_question()}]}
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=seeded.server.url, timeout=60, trust_env=False) as http:
        return await http.post("/v1/chat/completions", json=body, headers=headers)


def row(here: Visit, name: str, table: str = "Keys") -> Locator:
    return here.page.get_by_role("table", name=table, exact=True).get_by_role("row").filter(has_text=name)


async def test_a_key_is_made_by_the_keyboard_alone_works_and_is_shown_once(
    changing: Seeded, visiting: Visiting
) -> None:
    here = await opened(visiting, changing)
    await here.tab_to("button Make a key")
    await here.page.keyboard.press("Enter")
    assert await here.focused() == "input Name"
    await here.page.keyboard.type("made by hand")
    await here.tab_to("Requests a minute")
    await here.page.keyboard.type("60")
    await here.page.keyboard.press("Enter")
    box = here.page.get_by_role("dialog", name="The new key")
    await expect(box).to_contain_text("shown this once")
    key = await box.locator("code").inner_text()
    await here.page.keyboard.press("Escape")
    await expect(box).to_be_visible()
    await here.tab_to("button I have kept it")
    await here.page.keyboard.press("Enter")
    await expect(row(here, "made by hand")).to_contain_text("60 requests/min")
    await expect(here.page.get_by_role("button", name="Make a key")).to_be_focused()
    assert key not in await here.page.content()
    assert (await asks(changing, key)).status_code == 200


async def test_a_wrong_field_is_said_where_it_stands_and_nothing_is_made(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    here.expect_status(400)
    await here.page.get_by_role("button", name="Make a key").click()
    await here.page.get_by_label("Name").fill("never made")
    await here.page.get_by_label("Ends at").fill("2020-01-01T00:00")
    await here.page.get_by_role("button", name="Make it").click()
    await expect(here.page.locator("dialog .field", has_text="Ends at")).to_contain_text("lies in the past")
    assert await here.focused() == "input Ends at"
    await here.page.keyboard.press("Escape")
    await expect(row(here, "never made")).to_have_count(0)


async def test_a_key_is_changed_and_what_is_emptied_is_no_longer_limited(changing: Seeded, visiting: Visiting) -> None:
    key = await made(changing, name="to be changed", requests_per_minute=5, budget_usd="2.50", budget_period="week")
    here = await opened(visiting, changing)
    await here.page.get_by_role("button", name="Change the key to be changed").click()
    await expect(here.page.get_by_label("Budget in US dollars")).to_have_value("2.50")
    await here.page.get_by_label("Requests a minute").fill("")
    await here.page.get_by_label("Tokens a minute").fill("9000")
    await here.page.get_by_label("Budget in US dollars").fill("")
    await here.page.get_by_role("button", name="Change it").click()
    await expect(row(here, "to be changed")).to_contain_text("9,000 tokens/min")
    async with changing.http() as http:
        now = (await http.get(f"/admin/keys/{key['id']}")).json()
    assert (now["requests_per_minute"], now["tokens_per_minute"], now["budget_usd"]) == (None, 9000, None)


async def test_a_rotated_key_has_a_new_secret_and_the_old_one_ends(changing: Seeded, visiting: Visiting) -> None:
    before = await made(changing, name="to be rotated")
    here = await opened(visiting, changing)
    await here.page.get_by_role("button", name="Rotate the key to be rotated").click()
    await here.page.get_by_role("button", name="Give a new secret").click()
    box = here.page.get_by_role("dialog", name="The new secret")
    after = await box.locator("code").inner_text()
    await here.page.get_by_role("button", name="I have kept it").click()
    await expect(row(here, "to be rotated")).to_be_visible()
    assert (await asks(changing, after)).status_code == 200
    assert (await asks(changing, before["key"])).status_code == 401


async def test_a_key_is_revoked_after_a_question_and_stays_in_the_list_of_the_revoked(
    changing: Seeded, visiting: Visiting
) -> None:
    key = await made(changing, name="to be revoked")
    here = await opened(visiting, changing)
    await here.page.get_by_role("button", name="Revoke the key to be revoked").click()
    await here.page.get_by_role("button", name="Cancel").click()
    assert (await asks(changing, key["key"])).status_code == 200
    await here.page.get_by_role("button", name="Revoke the key to be revoked").click()
    await here.page.get_by_role("button", name="Revoke it").click()
    await expect(row(here, "to be revoked")).to_have_count(0)
    assert (await asks(changing, key["key"])).status_code == 401
    await here.page.get_by_label("Which keys").select_option("yes")
    await expect(row(here, "to be revoked")).to_contain_text("revoked")


async def test_a_team_is_made_and_its_budget_shown_as_a_bar(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    await here.page.get_by_role("button", name="Make a team").click()
    await here.page.get_by_label("Name").fill("spenders")
    await here.page.get_by_label("Budget in US dollars").fill("40")
    await here.page.get_by_role("button", name="Make it").click()
    await expect(row(here, "spenders", "Teams")).to_contain_text("$0 of $40.00")
    key = await made(changing, name="of the spenders", team="spenders")
    assert (await asks(changing, key["key"])).status_code == 200
    await here.open("cache", ".cache-act")
    await here.open("accounts", READY)
    await expect(row(here, "spenders", "Teams")).not_to_contain_text("$0 of")
    await expect(row(here, "spenders", "Teams").get_by_role("img")).to_be_visible()
    await expect(row(here, "of the spenders")).to_contain_text("spenders")


async def test_usage_is_told_by_day_by_model_and_by_the_names_of_keys(changing: Seeded, visiting: Visiting) -> None:
    key = await made(changing, name="a busy one")
    assert (await asks(changing, key["key"], "weak")).status_code == 200
    here = await opened(visiting, changing)
    await expect(here.page.locator(".accounts canvas")).to_have_count(1)
    await expect(row(here, "a busy one", "Usage by key")).to_contain_text("$")
    await expect(row(here, "llama-3.1-8b", "Usage by model")).to_contain_text("$")
    await here.page.get_by_text("Figures by day").click()
    await expect(here.page.get_by_role("table", name="Cost by day").get_by_role("row")).to_have_count(31)


async def test_names_are_text_whatever_they_hold(changing: Seeded, visiting: Visiting) -> None:
    for name in (MARKUP, LONG):
        await made(changing, name=name, user=name)
    here = await opened(visiting, changing, screen="phone")
    await expect(row(here, MARKUP)).to_be_visible()
    await here.page.get_by_role("button", name=f"Revoke the key {MARKUP}").click()
    await expect(here.page.get_by_role("dialog")).to_contain_text(MARKUP)
    assert await here.page.locator("main img, dialog img").count() == 0
    assert await here.sideways() == 0


async def test_who_is_not_the_master_is_told_what_to_set_and_nothing_is_asked_for(
    changing: Seeded, lonely: Seeded, visiting: Visiting
) -> None:
    await made(changing, name="not for everybody")
    for server, key in ((changing, SHARED), (lonely, None)):
        here = await visiting(server, key=key)
        await here.open("accounts", READY)
        await expect(here.page.get_by_role("region", name="Keys and teams")).to_contain_text("UNDERDOG_MASTER_KEY")
        await expect(here.page.get_by_role("table", name="Keys", exact=True)).to_have_count(0)
        assert not any("/admin/" in url for url in here.asked)


async def test_the_servers_own_budget_is_told(changing: Seeded, visiting: Visiting) -> None:
    here = await opened(visiting, changing)
    budget = here.page.get_by_role("region", name="The server's budget")
    await expect(budget).to_contain_text("$5,000.00 from")
    for part in ("Spent", "Held for requests under way", "Left"):
        await expect(budget.get_by_role("listitem").filter(has_text=part)).to_contain_text("$")


async def test_budgets_and_the_form_of_a_key_keep_nobody_out(changing: Seeded, visiting: Visiting) -> None:
    await made(changing, name="with a budget", budget_usd="5", requests_per_minute=30, models=["auto"])
    here = await opened(visiting, changing, scheme="dark", screen="phone")
    await expect(row(here, "with a budget")).to_contain_text("of $5.00")
    await here.shoot("accounts-keys-dark-phone")
    await here.page.get_by_role("button", name="Make a key").click()
    await here.shoot("accounts-form-dark-phone")
    assert await here.axe() == []
    assert await here.sideways() == 0
