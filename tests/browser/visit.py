"""A browser's visit of the console: what it shows, what it asks for, and whatever is wrong with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, Request, Response

from tests.live import LiveServer

Scheme = Literal["light", "dark"]
Screen = Literal["desktop", "phone"]

SCREENS = {"desktop": {"width": 1280, "height": 860}, "phone": {"width": 360, "height": 740}}
"""In CSS pixels; 360 is as narrow as phones are."""

SERIOUS = {"serious", "critical"}
"""The impacts that axe-core gives to what keeps people out."""

LIMIT_MS = 20_000
"""How long a page may take on a busy machine."""


@dataclass
class Visit:
    """A page of a browser, watched: ``wrong`` holds what no page of the console may do.

    That is an error in the browser's console, a script's error, a violation of the page's own security policy, and a
    request to another host. ``expect_status``: answers that a test provokes, which browsers log as errors.
    """

    server: LiveServer
    page: Page
    wrong: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)
    shots: Path | None = None

    def watch(self) -> None:
        """From now on, note what is wrong."""
        self.page.set_default_timeout(LIMIT_MS)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"script error: {error}"))
        self.page.on("request", self._on_request)
        self.page.on("response", self._on_response)

    def expect_status(self, *statuses: int) -> None:
        """Answers of these statuses are meant."""
        self.expected.update(statuses)

    async def open(self, view: str, ready: str | None = None) -> None:
        """Go to a view by its address (``"requests/ID"``), and wait for a selector within it, if one is given."""
        await self.page.goto(f"{self.server.url}/console#/{view}")
        name = view.partition("/")[0]
        await self.page.wait_for_selector(f"section.view.{name} h1")
        if ready is not None:
            await self.page.wait_for_selector(ready)

    async def axe(self) -> list[str]:
        """What axe-core finds that is serious or worse, a line each."""
        found = await Axe().run(self.page, options={"resultTypes": ["violations"]})
        return [
            f"{violation['id']}: {node['target']} {node.get('failureSummary', '')} {node['html'][:200]}"
            for violation in found.response["violations"]
            if violation["impact"] in SERIOUS
            for node in violation["nodes"]
        ]

    async def sideways(self) -> int:
        """How many pixels the page is wider than its window; 0 as it should be."""
        return int(
            await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )

    async def shoot(self, name: str) -> None:
        """Write a picture of the whole page, where pictures are asked for."""
        if self.shots is not None:
            self.shots.mkdir(parents=True, exist_ok=True)
            await self.page.screenshot(path=self.shots / f"{name}.png", full_page=True, animations="disabled")

    async def focused(self) -> str:
        """What has the focus, in words: its role or tag, and its name."""
        return str(
            await self.page.evaluate(
                "(e => `${e.getAttribute('role') ?? e.tagName.toLowerCase()} "
                "${(e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent)"
                ".trim().slice(0, 60)}`)(document.activeElement)"
            )
        )

    async def tab_to(self, wanted: str, presses: int = 120) -> None:
        """Press Tab until what has the focus is called so, as somebody without a mouse would."""
        met = []
        for _ in range(presses):
            await self.page.keyboard.press("Tab")
            met.append(await self.focused())
            if wanted in met[-1]:
                return
        raise AssertionError(f"Tab does not lead to {wanted!r}, but to {met}")

    async def walk(self, presses: int) -> list[str]:
        """Press Tab so many times, and say what had the focus after each."""
        met = []
        for _ in range(presses):
            await self.page.keyboard.press("Tab")
            met.append(await self.focused())
        return met

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not self._is_meant(message.text):
            self.wrong.append(f"{message.type}: {message.text}")

    def _is_meant(self, text: str) -> bool:
        return any(f"status of {status}" in text for status in self.expected)

    def _on_request(self, request: Request) -> None:
        self.asked.append(request.url)
        if not request.url.startswith((f"{self.server.url}/", "data:")):
            self.wrong.append(f"request to another host: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.wrong.append(f"{response.status} of {urlsplit(response.url).path}")


async def visit(
    browser: Browser,
    server: LiveServer,
    *,
    scheme: Scheme = "light",
    screen: Screen = "desktop",
    key: str | None = None,
    shots: Path | None = None,
    **options: Any,
) -> Visit:
    """A new visit, in a context of its own, with a key where one is given; end it by ``visit.page.context.close()``."""
    touch = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2} if screen == "phone" else {}
    context = await browser.new_context(
        viewport=SCREENS[screen],
        color_scheme=scheme,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="Europe/Berlin",
        **touch,
        **options,
    )
    if key is not None:
        await context.add_init_script(f"sessionStorage.setItem('underdog-key', {json.dumps(key)})")
    here = Visit(server, await context.new_page(), shots=shots)
    here.watch()
    return here
