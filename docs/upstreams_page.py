"""Writes the tables of docs/upstreams.md from the provider table: ``python docs/upstreams_page.py``."""

from __future__ import annotations

import re
from pathlib import Path

from router.upstream.provider_table import OTHER_NAMES
from router.upstream.providers import PROVIDERS, Provider

PAGE = Path(__file__).with_name("upstreams.md")

CLOUD_HEAD = "| provider | key variable | base URL | prices |\n|---|---|---|---|\n"
LOCAL_HEAD = "| server | base URL |\n|---|---|\n"


def called(provider: Provider) -> str:
    """A provider's names; bold where its key alone gives a strong model."""
    mark = "**" if provider.strong_model else ""
    others = [f"`{name}`" for name, meant in OTHER_NAMES.items() if meant == provider.id]
    return f"{mark}`{provider.id}`{mark}" + (f" ({', '.join(others)})" if others else "")


def cloud(provider: Provider) -> str:
    """The row of a provider."""
    star = "*" if provider.shared_key else ""
    keys = ", ".join(f"`{variable}`{star}" for variable in provider.key_variables)
    return f"| {called(provider)} | {keys} | `{provider.base_url}` | {'yes' if provider.priced else 'no'} |"


def local(provider: Provider) -> str:
    """The row of a local server."""
    return f"| {called(provider)} | `{provider.base_url}` |"


def render(page: str) -> str:
    """The page with its tables written again."""
    tables = {
        "providers": CLOUD_HEAD + "\n".join(cloud(provider) for provider in PROVIDERS if not provider.local),
        "local": LOCAL_HEAD + "\n".join(local(provider) for provider in PROVIDERS if provider.local),
    }
    for name, table in tables.items():
        framed = f"<!-- {name} -->\n{table}\n<!-- end -->"
        page = re.sub(f"<!-- {name} -->.*?<!-- end -->", lambda _, framed=framed: framed, page, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
