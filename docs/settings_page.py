"""Writes docs/settings.md from the settings themselves: ``python docs/settings_page.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from router.settings import PREFIX, Settings

PAGE = Path(__file__).with_name("settings.md")

HEAD = """\
# Settings

Written by `make docs` from `router/settings.py`. A setting comes from the first of these that gives it: a flag of
`underdog serve` (`--port 9000`), the environment (`UNDERDOG_PORT=9000`), a TOML file (`port = 9000`; it is named
by `--config` or `UNDERDOG_CONFIG`, or else is `./underdog.toml`; groups may be written as such: `cache.max_wrong = 0`),
the default. Keys have no flag: a command line is visible to other users of the machine. Lists and tables have none
either, and are JSON in the environment. `underdog config` shows and changes them, also under a running server:
[configuration.md](configuration.md).

| TOML | environment | default | what it does |
|---|---|---|---|
"""


def described(kind: Any) -> str:
    """The sentence that stands beside a setting."""
    if get_origin(kind) is Annotated:
        for meta in get_args(kind)[1:]:
            if isinstance(meta, msgspec.Meta) and meta.description:
                return meta.description
    raise ValueError(f"a setting of type {kind} has no description")


def shown(default: Any) -> str:
    """A default as TOML would write it."""
    if default in (None, (), {}):
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    """What a setting is where nothing gives it."""
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def render() -> str:
    """The whole page."""
    kinds = get_type_hints(Settings, include_extras=True)
    rows = []
    for field in msgspec.structs.fields(Settings):
        variable, default = PREFIX + field.name.upper(), shown(default_of(field))
        rows.append(f"| `{field.name}` | `{variable}` | {default} | {described(kinds[field.name])} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
