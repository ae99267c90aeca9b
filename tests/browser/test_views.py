"""Every view, in light and dark, on a desk and on a phone: accessible, no wider than the screen, and pictured."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visiting
from tests.browser.seeded import Seeded
from tests.browser.visit import SCREENS, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

VIEWS = {
    "live": "live",
    "requests": "requests",
    "request": "requests/{strong}",
    "request-cached": "requests/{cached}",
    "dial": "dial",
    "cache": "cache",
    "accounts": "accounts",
    "playground": "playground",
}
"""Pictures by name, and the address of each; a name in braces is the id of a request of ``seed``."""

LOOKS = [("light", "desktop"), ("dark", "desktop"), ("light", "phone"), ("dark", "phone")]


@pytest.mark.parametrize("name", VIEWS)
async def test_a_view_can_be_used_by_everybody(seeded: Seeded, visiting: Visiting, name: str) -> None:
    here = await visiting(seeded)
    await here.open(VIEWS[name].format_map(seeded.ids))
    await _settled(here)
    found = []
    for scheme, screen in LOOKS:
        await here.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await here.page.set_viewport_size(SCREENS[screen])
        found += [f"{scheme}, {screen}: {wrong}" for wrong in await here.axe()]
        if wider := await here.sideways():
            found.append(f"{scheme}, {screen}: {wider} pixels wider than the screen")
        await here.shoot(f"{name}-{scheme}-{screen}")
    assert found == []


@pytest.mark.parametrize("key", [None, "not-the-key"])
async def test_the_key_form_can_be_used_by_everybody(seeded: Seeded, visiting: Visiting, key: str | None) -> None:
    here = await visiting(seeded, key=key, screen="phone", scheme="dark")
    here.expect_status(401)
    await here.page.goto(f"{seeded.server.url}/console")
    await here.page.get_by_label("API key").wait_for()
    assert await here.axe() == []
    assert await here.sideways() == 0
    await here.shoot("key-dark-phone" if key is None else "key-refused-dark-phone")


async def _settled(here: Visit) -> None:
    """Wait until nothing is being fetched, as the view says itself."""
    await expect(here.page.locator('main [aria-busy="true"]')).to_have_count(0)
