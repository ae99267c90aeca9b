"""The pointer: what is in use and what was before, whatever happens while it is written."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from router.artifacts.pointer import KEPT, POINTER_FILE, Pointer
from router.errors import ArtifactError
from tests.artifacts.support import REPOSITORY


def labels(pointer: Pointer) -> list[str]:
    return [use.label for use in pointer.uses()]


def test_a_home_folder_without_a_pointer_has_nothing_in_use(tmp_path: Path) -> None:
    pointer = Pointer(tmp_path / "no-such-home")
    assert pointer.current() is None
    assert pointer.stamp() is None


def test_a_home_folder_that_the_pointer_makes_is_its_owners_alone(tmp_path: Path) -> None:
    Pointer(tmp_path / "home").put(tmp_path, "one/1", "1")
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_uses_are_remembered_in_order_and_taken_back_in_reverse(tmp_path: Path) -> None:
    pointer = Pointer(tmp_path / "home")
    for name in ("one", "two", "three"):
        pointer.put(tmp_path / name, f"{name}/1", name)
    assert labels(pointer) == ["one/1", "two/1", "three/1"]
    pointer.back(pointer.uses()[-1])
    assert labels(pointer) == ["one/1", "two/1"]


def test_using_the_same_again_adds_nothing_and_still_shows_as_a_change(tmp_path: Path) -> None:
    pointer = Pointer(tmp_path)
    pointer.put(tmp_path / "one", "one/1", "digest")
    before = pointer.stamp()
    pointer.put(tmp_path / "one", "one/1", "digest")
    assert labels(pointer) == ["one/1"]
    assert pointer.stamp() != before


def test_an_artifact_made_anew_in_its_folder_is_another_use(tmp_path: Path) -> None:
    pointer = Pointer(tmp_path)
    for digest in ("first", "second"):
        pointer.put(tmp_path / "one", "one/1", digest)
    assert [use.digest for use in pointer.uses()] == ["first", "second"]


def test_the_history_has_an_end(tmp_path: Path) -> None:
    pointer = Pointer(tmp_path)
    for number in range(KEPT + 5):
        pointer.put(tmp_path, f"one/{number}", str(number))
    assert labels(pointer) == [f"one/{number}" for number in range(5, KEPT + 5)]


def test_a_use_that_somebody_else_replaced_is_not_taken_back(tmp_path: Path) -> None:
    pointer = Pointer(tmp_path)
    pointer.put(tmp_path, "one/1", "1")
    seen = pointer.uses()[-1]
    pointer.put(tmp_path, "two/1", "2")
    with pytest.raises(ArtifactError, match="changed meanwhile"):
        pointer.back(seen)
    assert labels(pointer) == ["one/1", "two/1"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"uses": [{"folder": 1}]}', b"\xff\xfe"])
def test_what_is_no_pointer_is_named_with_a_remedy(content: bytes, tmp_path: Path) -> None:
    (tmp_path / POINTER_FILE).write_bytes(content)
    with pytest.raises(ArtifactError, match="remove it") as caught:
        Pointer(tmp_path).uses()
    assert POINTER_FILE in str(caught.value)


def test_a_kill_in_the_middle_leaves_a_whole_pointer(tmp_path: Path) -> None:
    draw = random.Random(7)
    pointer = Pointer(tmp_path)
    for _ in range(6):
        command = [sys.executable, "-m", "tests.artifacts.swapping_child", str(tmp_path)]
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"begun\n"
            time.sleep(draw.uniform(0.0, 0.05))
            child.kill()
        current = pointer.current()
        assert current is not None
        assert (current.label, current.digest) in {("alpha/1", "alpha" * 8), ("beta/1", "beta" * 8)}
    pointer.put(tmp_path, "gamma/1", "g")
    assert labels(pointer)[-1] == "gamma/1"
    assert [path.name for path in tmp_path.iterdir()] == [POINTER_FILE]


def test_processes_that_choose_at_once_lose_no_use(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from router.artifacts.pointer import Pointer\n"
        "home, name = map(Path, sys.argv[1:])\n"
        "for number in range(10): Pointer(home).put(name, f'{name}/{number}', f'{number}')"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], cwd=REPOSITORY) for name in ("one", "two")
    ]
    assert [child.wait() for child in children] == [0, 0]
    assert sorted(labels(Pointer(tmp_path))) == sorted(
        f"{name}/{number}" for name in ("one", "two") for number in range(10)
    )
