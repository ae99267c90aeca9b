"""What pages of others can do to the console of an open server from within the operator's browser: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser

from tests.browser.seeded import Seeded

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = "<!doctype html><title>another page</title>"

ATTACK = """async ([url, id]) => {
  const failed = () => "failed";
  const said = (answer) => answer.text().then((text) => `${answer.status} ${text.length}`);
  const rated = JSON.stringify({ rating: "bad" });
  const simple = { method: "POST", mode: "no-cors", headers: { "content-type": "text/plain" }, body: rated };
  await fetch(`${url}/console/api/requests/${id}/rating`, simple).catch(failed);
  const read = await fetch(`${url}/console/api/requests`).then(said, failed);
  const put = { method: "PUT", body: '{"threshold": 0}', headers: { "content-type": "application/json" } };
  const set = await fetch(`${url}/console/api/dial`, put).then(said, failed);
  const watched = await new Promise((resolve) => {
    const source = new EventSource(`${url}/console/api/live`);
    source.onmessage = source.onopen = () => resolve("watched");
    source.onerror = () => { source.close(); resolve("failed"); };
  });
  const frame = document.createElement("iframe");
  frame.src = `${url}/console`;
  const loaded = new Promise((resolve) => { frame.onload = resolve; });
  document.body.append(frame);
  await loaded;
  let framed = "hidden";
  try { framed = frame.contentDocument?.body.textContent ?? "hidden"; } catch { framed = "hidden"; }
  return { read, set, watched, framed };
}"""


@asynccontextmanager
async def another_server() -> AsyncIterator[int]:
    """The port of a server on this machine that has one page."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len(PAGE)}\r\nconnection: close\r\n\r\n"
        writer.write(f"{head}{PAGE}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1"])
async def test_a_page_of_another_origin_reads_nothing_and_changes_nothing(
    browser: Browser, lonely: Seeded, host: str
) -> None:
    async with lonely.server.http() as http, another_server() as port:
        body = {"model": "auto", "messages": [{"role": "user", "content": f"What does {host} want?"}]}
        asked = (await http.post("/v1/chat/completions", json=body)).headers["x-request-id"]
        context = await browser.new_context()
        try:
            page = await context.new_page()
            if host == "evil.example":  # a page whose requests are routed asks no server beforehand what it may
                await page.route(
                    f"http://{host}:*/**", lambda route: route.fulfill(body=PAGE, content_type="text/html")
                )
            await page.goto(f"http://{host}:{port}/")
            found = await page.evaluate(ATTACK, [lonely.server.url, asked])
        finally:
            await context.close()
        kept = (await http.get(f"/console/api/requests/{asked}")).json()["request"]
    assert found == {"read": "failed", "set": "failed", "watched": "failed", "framed": "hidden"}
    assert kept["rating"] is None
