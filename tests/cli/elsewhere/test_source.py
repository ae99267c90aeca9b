from __future__ import annotations

import functools
from pathlib import Path

import pytest

from router.commands.elsewhere.source import read_source
from router.errors import SettingsError

LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 6)}]\n" for n in range(1, 8))
"""A few lines whose anchors stand for half a million entries."""

MERGED = "q: " + functools.reduce(lambda inner, n: f"{{<<: [&m{n} {inner}{f', *m{n}' * 9}]}}", range(9), "{x: 1, y: 2}")
"""A line whose merges stand for two thousand million entries."""


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


def test_a_sign_that_json_writes_in_halves_is_whole(tmp_path: Path) -> None:
    tree = read_source(written(tmp_path, '{"\\ud83d\\ude00": "\\ud83d\\udc4d"}', "config.json"))
    assert tree.take() == {"😀": "👍"}


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
        (MERGED, "too many"),
        (f"? {'k' * 2000}\n: {{a: 1}}", "names longer than"),
        ("a: 1\nkey: 2026-13-13", "line 2: cannot be read as YAML"),
        ("a: 1\nkey: " + "9" * 5000, "line 2: cannot be read as YAML"),
        ("a: 1\nkey: !!bool sk-secret", "line 2: cannot be read as YAML"),
        ("a: 1\nkey: !!timestamp sk-secret", "line 2: cannot be read as YAML"),
        ("a: !!int ''", "line 1: cannot be read as YAML"),
        ("key: sk-secret\0", "cannot be read as YAML"),
        ('a: 1\nkey: "sk-secret\\ud800"', "line 2: cannot be read as YAML"),
        ('a: 1\n"sk-secret\\ud800": 1', "cannot be read as YAML"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words_that_quote_nothing(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        read_source(written(tmp_path, text))
    assert "sk-secret" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_source(tmp_path / "nothing.yaml")
