"""The pages of docs/: each is found from the index, no link leads nowhere, and moves come out as they are shown."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from router.cli import main

LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(?P<title>.+?)\s*$", re.MULTILINE)
BLOCK = re.compile(r"```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL)


def pages(repository: Path) -> list[Path]:
    return [repository / "README.md", *sorted((repository / "docs").glob("*.md"))]


def prose(path: Path) -> str:
    """A page without its blocks, in which brackets are no links."""
    return BLOCK.sub("", path.read_text(encoding="utf-8"))


def links(path: Path) -> list[str]:
    found = (match["target"] or match["image"] for match in LINK.finditer(prose(path)))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(path: Path) -> set[str]:
    """What a page's headings are called in addresses."""
    titles = (re.sub(r"[`*]|\]\([^)]*\)", "", match["title"]).lower() for match in HEADING.finditer(prose(path)))
    return {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in titles}


def test_no_link_of_a_page_leads_nowhere(repository: Path) -> None:
    dead = []
    for page in pages(repository):
        for target in links(page):
            file, _, anchor = target.partition("#")
            path = (page.parent / file).resolve() if file else page
            if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
                dead.append(f"{page.relative_to(repository)}: {target}")
    assert dead == []


def test_every_page_is_found_from_the_index_and_each_once(repository: Path) -> None:
    index = [target for target in links(repository / "docs" / "README.md") if target.endswith(".md")]
    assert sorted(index) == sorted(path.name for path in (repository / "docs").glob("*.md") if path.name != "README.md")


@pytest.mark.parametrize("limit", [400])
def test_pages_that_people_write_are_short_enough_to_read(repository: Path, limit: int) -> None:
    written = [path for path in pages(repository)[1:] if path.name not in {"api.md", "settings.md"}]
    assert {path.name: n for path in written if (n := len(path.read_text(encoding="utf-8").splitlines())) > limit} == {}


@pytest.mark.parametrize(
    ("origin", "before", "arguments"),
    [
        ("litellm", "yaml", ["--weak", "gpt-4o-mini", "--strong", "claude"]),
        ("litellm", "yaml", []),
        ("routellm", "sh", []),
        ("rigrun", "json", []),
    ],
)
def test_what_a_page_shows_before_becomes_what_it_shows_after(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str, before: str, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (repository / "docs" / f"migration-{origin}.md").read_text(encoding="utf-8")
    shown = page.partition("## Before and after")[2]
    blocks = {match["language"]: match["text"] for match in reversed(list(BLOCK.finditer(shown)))}
    source = tmp_path / f"config.{before}"
    source.write_text(blocks[before], encoding="utf-8")
    result = CliRunner().invoke(main, ["init", "--from", origin, str(source), "--json", *arguments])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["settings"] == tomllib.loads(blocks["toml"])
    assert tomllib.loads((tmp_path / "underdog.toml").read_text(encoding="utf-8")) == tomllib.loads(blocks["toml"])
