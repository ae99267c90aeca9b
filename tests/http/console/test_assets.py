"""The console's files: which there are, how they are sent, and what the page does without the chart library."""

from __future__ import annotations

import gzip
import posixpath
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from router.app import create_app
from router.http.console import assets
from router.settings import Settings

PRELOADED = re.compile(r'rel="modulepreload" href="console/assets/([^"]+)"')
LINKED = re.compile(r'(?:href|src)="console/assets/([^"]+)"')
MARKUP = re.compile(r"<style|\sstyle=|\son[a-z]+=\"|innerHTML|insertAdjacentHTML|document\.write")
IMPORTED = re.compile(r'from "(\.[^"]+)"')


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(home=str(tmp_path), weak_url="http://127.0.0.1:9/v1", weak_model="m", cache=False))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def read_anew() -> Iterator[None]:
    """The files as they are now, and again after the test."""
    assets.files.cache_clear()
    yield
    assets.files.cache_clear()


def page() -> str:
    return assets.files()["index.html"].content.decode()


def imported_from(*names: str) -> set[str]:
    """The modules that these import, and those import, by name."""
    met: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in met:
            continue
        met.add(name)
        source = assets.files()[name].content.decode()
        waiting += [posixpath.normpath(posixpath.join(posixpath.dirname(name), to)) for to in IMPORTED.findall(source)]
    return met


def test_every_file_that_the_page_names_is_there() -> None:
    assert {name for name in LINKED.findall(page()) if name not in assets.files()} == set()


def test_what_the_first_view_needs_is_asked_for_at_once() -> None:
    assert set(PRELOADED.findall(page())) == imported_from("app.js", "views/live.js") - {"app.js"}


def test_no_file_of_the_page_has_a_script_or_a_style_within_markup_or_another_host() -> None:
    for name, file in assets.files().items():
        if name in assets.CHARTS:
            continue
        text = file.content.decode()
        assert re.findall(r"<style|\sstyle=|\son[a-z]+=\"|innerHTML|insertAdjacentHTML|document\.write", text) == [], (
            name
        )
        assert [url for url in re.findall(r"https?://[^\s\"'`]+", text) if "www.w3.org" not in url] == [], name


async def test_a_file_is_sent_packed_to_who_takes_it_and_as_it_is_to_others(http: httpx.AsyncClient) -> None:
    async with http.stream("GET", "/console/assets/app.js", headers={"accept-encoding": "gzip"}) as packed:
        sent = b"".join([piece async for piece in packed.aiter_raw()])
    plain = await http.get("/console/assets/app.js", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(sent) == plain.content == (assets.PAGE / "app.js").read_bytes()
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"


async def test_a_file_that_the_browser_has_is_not_sent_again(http: httpx.AsyncClient) -> None:
    first = await http.get("/console/assets/style.css")
    again = await http.get("/console/assets/style.css", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/console", "/console/assets/app.js"])
async def test_no_file_may_run_what_is_not_a_file_of_the_page(http: httpx.AsyncClient, path: str) -> None:
    policy = (await http.get(path)).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", ["../assets.py", "..%2fassets.py", "nothing.js"])
async def test_there_is_no_file_beside_those_of_the_page(http: httpx.AsyncClient, name: str) -> None:
    assert (await http.get(f"/console/assets/{name}")).status_code == 404


@pytest.mark.usefixtures("read_anew")
def test_without_the_chart_library_the_page_asks_for_no_file_of_its(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "_of_charts", lambda _name: None)
    assert "uPlot" not in page()
    assert {name for name in LINKED.findall(page()) if name not in assets.files()} == set()


def test_with_the_chart_library_the_page_asks_for_its_files() -> None:
    assert set(assets.CHARTS) <= set(LINKED.findall(page()))


async def test_an_address_that_ends_with_a_stroke_leads_to_the_page(http: httpx.AsyncClient) -> None:
    led = await http.get("/console/")
    assert (led.status_code, led.headers["location"]) == (308, "../console")
    assert "content-security-policy" in led.headers
    found = await http.get("/console/", follow_redirects=True)
    assert (found.status_code, found.url.path) == (200, "/console")
