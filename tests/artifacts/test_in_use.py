"""What a server starts with, and what it follows to while it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from router.artifacts import follow as module
from router.artifacts.follow import follow
from router.artifacts.in_use import InUse, load_in_use
from router.artifacts.pointer import POINTER_FILE, Pointer
from router.errors import ArtifactError
from router.scoring.artifact import load_artifact
from router.scoring.scorer import Scorer
from router.settings import Settings
from tests.artifacts.support import make_artifact
from tests.scoring import kernel_parts

Choose = Callable[[Path], Awaitable[None]]


def put(home: Path, folder: Path) -> None:
    manifest = Scorer.load(folder, verify=False).manifest
    Pointer(home).put(folder, manifest.label, manifest.digest)


def test_the_shipped_artifact_is_in_use_where_nothing_was_chosen(tmp_path: Path) -> None:
    assert load_in_use(Settings(home=str(tmp_path))).artifact == "default/1"


def test_what_was_chosen_is_in_use_and_a_pin_comes_before_it(tmp_path: Path) -> None:
    mine, pinned = make_artifact(tmp_path, "mine"), make_artifact(tmp_path, "pinned")
    put(tmp_path, mine)
    assert load_in_use(Settings(home=str(tmp_path))).artifact == "mine/1"
    assert load_in_use(Settings(home=str(tmp_path), artifact=str(pinned))).artifact == "pinned/1"


def test_the_operators_threshold_holds_whatever_artifact_is_in_use(tmp_path: Path) -> None:
    put(tmp_path, make_artifact(tmp_path, "mine", slope=1.0))
    assert load_in_use(Settings(home=str(tmp_path))).dial.default == pytest.approx(0.6)
    assert load_in_use(Settings(home=str(tmp_path), threshold=0.3)).dial.default == 0.3


@pytest.mark.parametrize("fault", ["gone", "damaged", "no pointer"])
def test_what_cannot_be_used_at_the_start_is_replaced_by_the_shipped_one_with_a_warning(
    fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mine = make_artifact(tmp_path, "mine")
    put(tmp_path, mine)
    if fault == "gone":
        mine.rename(tmp_path / "elsewhere")
    elif fault == "damaged":
        (mine / "scaler.npy").write_bytes(b"nothing of the kind")
    else:
        (tmp_path / POINTER_FILE).write_bytes(b"{")
    assert load_in_use(Settings(home=str(tmp_path))).artifact == "default/1"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "default/1 is in use instead" in record.getMessage()
    assert str(tmp_path) in record.getMessage()


def test_an_artifact_made_anew_since_it_was_chosen_is_used_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, make_artifact(tmp_path, "mine", slope=0.5))
    make_artifact(tmp_path, "mine", slope=0.9)
    assert load_in_use(Settings(home=str(tmp_path))).artifact == "mine/1"
    assert "made anew" in caplog.text


def test_an_artifact_without_the_default_operating_point_is_refused(tmp_path: Path) -> None:
    scorer = Scorer.load(make_artifact(tmp_path, "mine"))
    scorer.manifest.operating_points.clear()
    with pytest.raises(ArtifactError, match="balanced"):
        InUse.of(scorer, Settings())


def test_an_artifact_made_anew_in_its_folder_does_not_disturb_who_has_it_loaded(tmp_path: Path) -> None:
    folder = make_artifact(tmp_path, "mine")
    scorer = Scorer.load(folder)
    before = scorer.score("Prove that there are infinitely many primes.").embedding.copy()
    kernel_parts.make_artifact(tmp_path / "tiny")
    small = load_artifact(tmp_path / "tiny")
    kernel_parts.write_artifact(
        folder,
        encoder_folder=tmp_path / "tiny",
        chain=small.chain,
        curve=small.curve,
        golden=kernel_parts.GOLDEN,
        facts=kernel_parts.Facts(name="mine", version="1", command="", description="", operating_points={}),
    )
    assert Scorer.load(folder).encode("hi").shape == (kernel_parts.DIM,)
    np.testing.assert_array_equal(scorer.score("Prove that there are infinitely many primes.").embedding, before)


@pytest.fixture
async def following(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Queue[InUse]]:
    """What a server on ``tmp_path`` would put in use, one after the other."""
    monkeypatch.setattr(module, "EVERY_S", 0.01)
    taken: asyncio.Queue[InUse] = asyncio.Queue()
    pointer = Pointer(tmp_path)
    watch = asyncio.create_task(follow(pointer, Settings(), pointer.stamp(), taken.put_nowait))
    yield taken
    assert not watch.done()
    watch.cancel()


async def next_of(taken: asyncio.Queue[InUse]) -> str:
    return (await asyncio.wait_for(taken.get(), timeout=30)).artifact


async def test_a_choice_is_followed_and_so_is_going_back(tmp_path: Path, following: asyncio.Queue[InUse]) -> None:
    put(tmp_path, make_artifact(tmp_path, "mine"))
    assert await next_of(following) == "mine/1"
    pointer = Pointer(tmp_path)
    pointer.back(pointer.uses()[-1])
    assert await next_of(following) == "default/1"


async def test_an_unforeseen_fault_while_another_is_taken_over_is_said_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.01)

    def stumble(_chosen: InUse) -> None:
        raise OSError

    watch = asyncio.create_task(follow(Pointer(tmp_path), Settings(), None, stumble))
    put(tmp_path, make_artifact(tmp_path, "mine"))
    async with asyncio.timeout(30):
        while not caplog.records:
            await asyncio.sleep(0.01)
    watch.cancel()
    assert "failed with OSError; run `underdog artifacts use` again" in caplog.text


@pytest.mark.parametrize("fault", ["gone", "damaged", "other features", "no pointer"])
async def test_what_cannot_be_used_changes_nothing_and_is_said_in_one_line(
    fault: str, tmp_path: Path, following: asyncio.Queue[InUse], caplog: pytest.LogCaptureFixture
) -> None:
    mine, good = make_artifact(tmp_path, "mine"), make_artifact(tmp_path, "good")
    digest = Scorer.load(mine).manifest.digest
    if fault == "gone":
        mine.rename(tmp_path / "elsewhere")
    elif fault == "damaged":
        (mine / "vectors.npy").write_bytes((mine / "vectors.npy").read_bytes()[:-1])
    elif fault == "other features":
        manifest = mine / "manifest.json"
        manifest.write_text(manifest.read_text("utf-8").replace("length.", "breadth."), encoding="utf-8")
    if fault == "no pointer":
        (tmp_path / POINTER_FILE).write_bytes(b"{")
    else:
        Pointer(tmp_path).put(mine, "mine/1", digest)
    while not caplog.records:
        await asyncio.sleep(0.01)
    (record,) = caplog.records
    assert record.getMessage().startswith("the artifact in use stays: ")
    assert "\n" not in record.getMessage()
    assert following.empty()
    (tmp_path / POINTER_FILE).unlink()
    assert await next_of(following) == "default/1"
    put(tmp_path, good)
    assert await next_of(following) == "good/1"
