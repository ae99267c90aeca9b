from __future__ import annotations

from pathlib import Path

import pytest

from router.commands.elsewhere.source import read_source
from router.errors import SettingsError

LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 6)}]\n" for n in range(1, 8))
"""A few lines whose anchors stand for half a million entries."""


def written(folder: Path, text: str, name: str = "config.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_entries_know_their_lines_through_anchors_and_merges(tmp_path: Path) -> None:
    tree = read_source(written(tmp_path, "a: &x\n  one: 1\nb:\n  <<: *x\n  two: [3,\n    4]\n"))
    one, two = tree.get("b", "one"), tree.get("b", "two")
    assert one is not None
    assert two is not None
    assert (one.line, one.value) == (2, 1)
    assert [(each.line, each.key) for each in two.items()] == [(5, "b.two[0]"), (6, "b.two[1]")]


def test_what_was_taken_is_not_left_and_the_rest_is_told_as_the_largest_whole(tmp_path: Path) -> None:
    tree = read_source(written(tmp_path, "a: {b: 1, c: {d: 2, e: 3}, f: null}\ng: [1]\n"))
    taken = tree.get("a", "b")
    assert taken is not None
    assert taken.take() == 1
    assert [each.key for each in tree.left()] == ["a.c", "g"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\nkey: sk-secret", "cannot be read as YAML"),
        ("a: !!python/name:os.system ''", "cannot be read as YAML"),
        ("- just\n- a list", "holds no settings"),
        ("", "holds no settings"),
        ("a: &a [*a]", "nested without end"),
        (LAUGHS, "too many"),
        ("a: 1\nkey: 2024-13-41", "line 2: holds a value that cannot be read"),
        ("2024-13-41: sk-secret", "line 1: holds a value"),
        (f"port: 1{'0' * 5000}", "line 1: holds a value"),
        ('model: "\\ud800"', "line 1: holds a value"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words_that_quote_nothing(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        read_source(written(tmp_path, text))
    assert "sk-secret" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_source(tmp_path / "nothing.yaml")
