"""The price list that is fetched: kept, taken up by servers, and never a reason for a request to fail."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from genai_prices.data_snapshot import set_custom_snapshot

from router.cli import main
from router.errors import PriceListError
from router.ledger.price_list import PriceList
from router.ledger.price_upkeep import keep_current
from router.ledger.prices import Prices
from router.types import Usage
from router.upstream.scripted import ScriptedServer
from tests.live import EASY, live_server

PROMPT = Usage(prompt_tokens=1_000_000)


def a_list(usd: float) -> list[dict[str, Any]]:
    """A list in the form in which its makers publish it: one model at so many dollars for a million tokens."""
    model = {"id": "tomorrow-1", "match": {"equals": "tomorrow-1"}, "prices": {"input_mtok": usd, "output_mtok": usd}}
    provider = {"id": "openai", "name": "OpenAI", "api_pattern": "https://api\\.openai\\.com"}
    return [provider | {"model_match": {"starts_with": "tomorrow"}, "models": [model]}]


@pytest.fixture(autouse=True)
def _the_installed_list_comes_back() -> Iterator[None]:
    yield
    set_custom_snapshot(None)


@contextmanager
def published(body: bytes, *, status: int = 200) -> Iterator[str]:
    """A web server that has a price list; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/data.json"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_fetched_list_is_kept_and_used(tmp_path: Path) -> None:
    prices = Prices()
    assert prices.price("openai", "tomorrow-1", PROMPT) is None
    with published(json.dumps(a_list(2.5)).encode()) as url:
        fetched = PriceList(tmp_path / "home").fetch(url)
    assert (fetched.models, fetched.source) == (1, url)
    prices.forget()
    assert prices.price("openai", "tomorrow-1", PROMPT) == Decimal("2.5")
    set_custom_snapshot(None)
    assert PriceList(tmp_path / "home").adopt() == fetched
    assert Prices().price("openai", "tomorrow-1", PROMPT) == Decimal("2.5")


def test_without_a_fetched_list_the_installed_one_is_used(tmp_path: Path) -> None:
    in_use = PriceList(tmp_path).adopt()
    assert in_use.fetched_at is None
    assert in_use.models > 1500


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html>", 200),
        (b"[]", 200),
        (b'{"a": 1}', 200),
        (b'[{"id": "openai"}]', 200),
        (b"[[[", 200),
        (json.dumps(a_list(1)).encode(), 500),
    ],
)
def test_what_is_no_price_list_changes_nothing(tmp_path: Path, body: bytes, status: int) -> None:
    price_list = PriceList(tmp_path)
    with published(json.dumps(a_list(2)).encode()) as url:
        price_list.fetch(url)
    with published(body, status=status) as url, pytest.raises(PriceListError, match="prices_url"):
        price_list.fetch(url)
    assert price_list.adopt().models == 1
    assert Prices().price("openai", "tomorrow-1", PROMPT) == Decimal(2)


def test_a_damaged_file_is_told_of_and_the_list_in_use_stays(tmp_path: Path) -> None:
    price_list = PriceList(tmp_path)
    price_list.path.write_bytes(b"{")
    with pytest.raises(PriceListError, match="fetch it anew"):
        price_list.adopt()


async def test_upkeep_fetches_only_where_it_is_wanted_and_survives_what_fails(tmp_path: Path) -> None:
    price_list, told = PriceList(tmp_path), []

    async def while_kept(*, update: bool, url: str, seconds: float = 5.0) -> None:
        upkeep = keep_current(price_list, update=update, url=url, changed=lambda: told.append(1), look_every_s=0.01)
        keeping = asyncio.create_task(upkeep)
        for _ in range(int(seconds / 0.05)):
            await asyncio.sleep(0.05)
            if told:
                break
        assert not keeping.done()
        keeping.cancel()

    with published(json.dumps(a_list(3)).encode()) as url:
        await while_kept(update=False, url=url, seconds=0.2)
        assert price_list.stamp() is None
    await while_kept(update=True, url=url, seconds=0.3)  # nobody listens there any more
    assert (price_list.stamp(), told) == (None, [])
    with published(json.dumps(a_list(3)).encode()) as url:
        await while_kept(update=True, url=url)
    assert told
    assert Prices().price("openai", "tomorrow-1", PROMPT) == Decimal(3)


def test_the_command_fetches_shows_and_lists(tmp_path: Path) -> None:
    def underdog(*arguments: str) -> str:
        own = '[{"model": "own-*", "input": 0.1, "tiers": [{"above": 5, "input": 3}]}]'
        environ = {"UNDERDOG_HOME": str(tmp_path), "UNDERDOG_PRICES": own}
        result = CliRunner().invoke(main, ["prices", *arguments], env=environ, prog_name="underdog")
        assert result.exit_code == 0, result.output
        return result.output

    assert "as installed with genai-prices" in underdog("list")
    assert "input          $2.5" in underdog("show", "openai/gpt-4o")
    with published(json.dumps(a_list(7)).encode()) as url:
        config = tmp_path / "underdog.toml"
        config.write_text(f'prices_url = "{url}"')
        assert "(0 h ago)" in underdog("update", "--config", str(config))
        fetched = json.loads(underdog("update", "--json", "--config", str(config)))
        assert (fetched["list"]["models"], fetched["list"]["source"]) == (1, url)
        assert json.loads(underdog("list", "--json"))["list"] == fetched["list"]
    assert "input          $7" in underdog("show", "tomorrow-1")
    assert "input          $0.1" in underdog("show", "own-model")
    assert "your own: own-*: input 0.1, above 5 tokens input 3\n" in underdog("list")
    assert json.loads(underdog("show", "own-model", "--json"))["per_million_usd"] == {
        "input": [[None, "0.1"], [5, "3"]]
    }


async def test_a_running_server_takes_up_what_was_fetched(tmp_path: Path) -> None:
    async with ScriptedServer(model="tomorrow-1") as strong:
        deployment = {"route": "strong", "provider": "openai", "url": strong.base_url, "model": "tomorrow-1"}
        environ = {"UNDERDOG_DEPLOYMENTS": json.dumps([deployment | {"api_key": "sk-own"}])}
        async with live_server(tmp_path, environ=environ) as server, server.http() as http:
            body = {"model": "strong", "messages": [{"role": "user", "content": EASY}], "temperature": 1.5}
            first = await http.post("/v1/chat/completions", json=body)
            assert "x-router-cost-usd" not in first.headers, "nobody knows its price yet"
            with published(json.dumps(a_list(10)).encode()) as url:
                await asyncio.to_thread(PriceList(tmp_path).fetch, url)
            for _ in range(200):
                answer = await http.post("/v1/chat/completions", json=body)
                assert answer.status_code == 200
                if "x-router-cost-usd" in answer.headers:
                    break
                await asyncio.sleep(0.1)
            usage = answer.json()["usage"]
            assert Decimal(answer.headers["x-router-cost-usd"]) == usage["total_tokens"] * Decimal("0.00001")
