"""The journal: what it keeps, what it repairs and what it refuses."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from router.errors import DataError
from training.label.journal import Asked, Journal, Setup

WEAK = Setup(url="http://localhost/v1", model="small", max_tokens=10)
ANSWER = Asked(key="k", part="weak", text="hello", prompt_tokens=1, completion_tokens=2)


def written(path: Path) -> None:
    with Journal(path, {"weak": WEAK}) as journal:
        journal.add(ANSWER)


def test_what_was_said_is_there_after_a_reopening(tmp_path: Path) -> None:
    written(tmp_path / "j")
    with Journal(tmp_path / "j", {"weak": WEAK}) as journal:
        assert journal.get("k", "weak") == ANSWER
        assert journal.get("k", "strong") is None


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_a_last_line_that_was_cut_off_is_repaired(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "j"
    written(path)
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[-1][:kept])
    with Journal(path, {"weak": WEAK}) as journal:
        journal.add(Asked(key="other", part="weak", text="x"))
    with Journal(path, {"weak": WEAK}) as journal:
        assert len(journal) == 2
    assert path.read_bytes().startswith(whole)


def test_a_header_that_was_cut_off_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b'{"type":"setups","set')
    written(tmp_path / "j")
    with Journal(tmp_path / "j", {"weak": WEAK}) as journal:
        assert len(journal) == 1


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    written(tmp_path / "j")
    with (tmp_path / "j").open("ab") as file:
        file.write(b"\0\0\0\n")
    with pytest.raises(DataError, match=r"j:3: damaged .*delete this line"):
        Journal(tmp_path / "j", {"weak": WEAK})


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    written(tmp_path / "j")
    with pytest.raises(DataError, match=r"weak model \(model was 'small', is now 'tiny'\).*another --out"):
        Journal(tmp_path / "j", {"weak": Setup(url=WEAK.url, model="tiny", max_tokens=10)})


def test_a_role_may_be_added_later_and_is_then_held_to(tmp_path: Path) -> None:
    written(tmp_path / "j")
    strong = Setup(url="http://s/v1", model="large", max_tokens=10)
    with Journal(tmp_path / "j", {"weak": WEAK, "strong": strong}) as journal:
        assert len(journal) == 1
    with pytest.raises(DataError, match="strong model"):
        Journal(tmp_path / "j", {"strong": Setup(url="http://s/v1", model="larger", max_tokens=10)})


def test_two_runs_cannot_write_one_journal(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "j", {"weak": WEAK}),
        pytest.raises(DataError, match="another run is writing"),
    ):
        Journal(tmp_path / "j", {"weak": WEAK})


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    written(tmp_path / "j")
    assert stat.S_IMODE((tmp_path / "j").stat().st_mode) == 0o600
