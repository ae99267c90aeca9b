"""The console's shell: the key form, the menu, what is asked of whom, and how much of it."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Visiting
from tests.browser.seeded import Seeded

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
