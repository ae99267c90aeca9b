"""One browser a session, one server with requests in it, and visits to it that nothing may be wrong with.

Pictures of the views are written where ``--screenshots FOLDER`` says, else to ``screenshots/`` in the checkout.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from router.upstream.scripted import ScriptedServer, Turn
from tests.browser.seeded import SETTINGS, WEAK, Seeded, a_server, seed
from tests.browser.visit import Visit, visit
from tests.live import routed

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

Visiting = Callable[..., Awaitable[Visit]]
"""``await visiting(seeded, scheme="dark", screen="phone", key=None)``."""


def chromium_program() -> str:
    """Where Chromium is; a test that asks for it is skipped where it is not."""
    for name in PROGRAMS:
        if found := shutil.which(name, path="/usr/local/bin:/usr/bin:/bin") or shutil.which(name):
            return found
    pytest.skip("Chromium is not installed: apt-get install chromium")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium that all tests share."""
    program = chromium_program()
    # Its sandbox refuses root; containers give shared memory of some megabytes.
    arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=program, args=arguments)
        yield running
        await running.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def seeded(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Seeded]:
    """A closed server with requests in it; tests that change more than add requests start one of their own."""
    async with a_server(tmp_path_factory.mktemp("console")) as server:
        await seed(server)
        yield server


@pytest.fixture(scope="session")
def shots(pytestconfig: pytest.Config) -> Path:
    """Where pictures go."""
    return Path(pytestconfig.getoption("--screenshots") or pytestconfig.rootpath / "screenshots").resolve()


@pytest_asyncio.fixture(loop_scope="session")
async def visiting(browser: Browser, shots: Path) -> AsyncIterator[Visiting]:
    """Begins visits, with the server's key unless told otherwise; when the test ends, nothing may be wrong with any."""
    begun: list[Visit] = []

    async def begin(seeded: Seeded, **options: Any) -> Visit:
        key = options.pop("key", seeded.key)
        begun.append(await visit(browser, seeded.server, key=key, shots=shots, **options))
        return begun[-1]

    yield begin
    for here in begun:
        await here.page.context.close()
    assert [wrong for here in begun for wrong in here.wrong] == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def changing(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Seeded]:
    """A closed server for tests that change it: its keys, its cache, its threshold. It has a budget that lasts."""
    async with a_server(tmp_path_factory.mktemp("changing"), settings=f"budget_usd = 5000\n{SETTINGS}") as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lonely(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Seeded]:
    """An open server with a weak model alone, and no prices."""
    async with (
        ScriptedServer(model=WEAK, turns=[Turn(reply="The weak model is all there is.")]) as weak,
        routed(tmp_path_factory.mktemp("lonely"), weak, None) as server,
    ):
        yield Seeded(server, weak, weak, None)
