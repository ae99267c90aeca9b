"""The page's words for what the server says: none of the server's own are without a meaning there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from router.replay.left_out import WHY
from router.types import CacheOutcome, LedgerRow, Reason


@pytest.fixture(scope="module")
def words(repository: Path) -> str:
    return (repository / "router/http/console/page/words.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("REASONS", get_args(Reason)),
        ("CACHE", get_args(CacheOutcome)),
        ("OUTCOMES", get_args(get_type_hints(LedgerRow)["outcome"])),
        ("LEFT_OUT", tuple(WHY)),
    ],
)
def test_every_word_of_the_server_has_one_of_the_page(words: str, name: str, said: tuple[str, ...]) -> None:
    table = words.split(f"export const {name} = {{")[1].split("};")[0]
    known = {quoted or bare for quoted, bare in re.findall(r'(?:"([\w-]+)"|\b([\w-]+)): "', table)}
    assert set(said) - known == set()
