"""docs/upstreams.md: its tables are the code's, its examples work."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from router.settings import load_settings
from router.upstream.aliases import SHIPPED
from router.upstream.build import build_upstreams

ENVIRON = {
    "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com",
    "AZURE_OPENAI_API_KEY": "k",
    "OPENAI_API_KEY": "k",
    "OPENAI_API_KEY_2": "k",
    "OUR_KEY": "k",
}


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "upstreams.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_code(repository: Path, page: str) -> None:
    render = runpy.run_path(str(repository / "docs" / "upstreams_page.py"))["render"]
    assert render(page) == page, "run: make docs"


def test_every_shipped_alias_is_named(page: str) -> None:
    assert [name for name in SHIPPED if f"`{name}`" not in page] == []


async def test_the_examples_are_settings_that_work(page: str, tmp_path: Path) -> None:
    examples = [text for text in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "any-llm" not in text]
    assert len(examples) == 2
    for number, example in enumerate(examples):
        config = tmp_path / f"{number}.toml"
        config.write_text(example, encoding="utf-8")
        upstreams = build_upstreams(load_settings(config=config, environ={}), ENVIRON)
        await upstreams.aclose()
        if number == 0:
            assert "our-own-model" in upstreams.named.configured
            assert upstreams.strong is not None
            assert upstreams.strong.model == "gpt-4.1"
        else:
            assert {"small", "coder"} <= set(upstreams.aliases.usable)
            assert "kimi" not in upstreams.aliases.usable
