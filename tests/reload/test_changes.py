"""What of a change may come without a restart, and what a changed wiring keeps of the old one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from router.parts import Wiring, wiring_of
from router.reload.changes import LIVE, change
from router.reload.follow import follow
from router.reload.rewiring import close_leaving, rewired
from router.settings import FIELDS, Settings
from router.stamps import stamp_of
from router.sticky import InMemory
from router.upstream.pool import Pool

NEEDS_RESTART = {
    "artifact",
    "cache",
    "cache_keep_pairs",
    "cache_max_entries",
    "cache_max_mb",
    "cache_path",
    "cache_semantic",
    "cache_single_flight",
    "cache_verifier",
    "database_url",
    "home",
    "host",
    "ledger_keep_days",
    "ledger_prompts",
    "ledger_prompts_key",
    "ledger_prompts_old_keys",
    "log_format",
    "otlp_endpoint",
    "port",
    "prices_update",
    "prices_url",
    "redis_max_mb",
    "redis_prefix",
    "redis_url",
    "shutdown_delay_s",
    "shutdown_grace_s",
}
MEMORY = InMemory(time.monotonic)


def test_of_every_setting_it_is_known_whether_it_may_change() -> None:
    assert set(FIELDS) >= LIVE
    assert set(FIELDS) - LIVE == NEEDS_RESTART


def test_a_change_takes_what_it_may_and_names_the_rest() -> None:
    before = Settings(port=1, threshold=0.1)
    made = change(before, Settings(port=2, threshold=0.2, home="/h"))
    assert made.settings == Settings(port=1, threshold=0.2)
    assert (made.live, made.waiting) == ({"threshold"}, ("port", "home"))


def changed(old: Wiring, before: Settings, **fields: Any) -> tuple[Wiring, Settings]:
    after = msgspec.structs.replace(before, **fields)
    return rewired(old, change(before, after), {}, MEMORY), after


def only(upstream: Any) -> Any:
    assert isinstance(upstream, Pool)
    return upstream.members[0].upstream


def test_upstreams_that_no_change_touches_stay_the_same_objects() -> None:
    before = Settings(weak_url="http://127.0.0.1:1/v1", weak_model="m")
    old = wiring_of(before, {}, MEMORY)
    new, _ = changed(old, before, threshold=0.4, retries=2, unfamiliar="weak")
    assert new.upstreams is old.upstreams
    assert new.ways.when_unfamiliar == "weak"


def test_the_embedded_llm_is_not_started_again_for_a_change_elsewhere() -> None:
    before = Settings()
    old = wiring_of(before, {}, MEMORY)
    new, after = changed(old, before, retries=3, strong_url="http://127.0.0.1:1/v1", strong_model="m")
    assert only(new.upstreams.weak) is only(old.upstreams.weak)
    assert new.upstreams.strong is not None
    newer, _ = changed(new, after, embedded_context=1024)
    assert only(newer.upstreams.weak) is not only(new.upstreams.weak)


async def test_what_a_new_wiring_still_has_is_not_closed_with_the_old_one() -> None:
    before = Settings(strong_url="http://127.0.0.1:1/v1", strong_model="m")
    old = wiring_of(before, {}, MEMORY)
    new, _ = changed(old, before, strong_model="other")
    await close_leaving(old, new)
    assert only(new.upstreams.weak)._closing.is_set() is False
    assert only(old.upstreams.strong)._transport._closed is True
    assert only(new.upstreams.strong)._transport._closed is False


def test_a_hook_is_loaded_again_only_where_it_is_another_one(tmp_path: Path) -> None:
    source = tmp_path / "hook.py"
    source.write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('x')\ndef decide(request):\n    return None\n")
    before = Settings(hook=f"{source}:decide")
    old = wiring_of(before, {}, MEMORY)
    new, after = changed(old, before, sticky=False, retries=5)
    assert new.ways.hook is old.ways.hook
    assert (tmp_path / "ran").read_text() == "x"
    without, _ = changed(new, after, hook=None)
    assert without.ways.hook is None


@pytest.fixture
async def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Queue[str]]:
    monkeypatch.setattr("router.reload.follow.EVERY_S", 0.05)
    file, seen = tmp_path / "f.toml", asyncio.Queue[str]()
    file.write_text("first")

    async def changed_now() -> None:
        seen.put_nowait(file.read_text() if file.exists() else "gone")

    task = asyncio.create_task(follow(file, stamp_of(file), changed_now))
    yield seen
    task.cancel()


async def test_a_file_is_looked_at_once_it_rests(calls: asyncio.Queue[str], tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    async with asyncio.timeout(30):
        file.write_text("second")
        assert await calls.get() == "second"
        file.unlink()
        assert await calls.get() == "gone"
        (tmp_path / "new").write_text("third")
        (tmp_path / "new").replace(file)
        assert await calls.get() == "third"
    await asyncio.sleep(0.3)
    assert calls.empty()
