"""What each generation of Claude takes, told from a model's id.

As of November 2026, from platform.claude.com: "Adaptive thinking", "Effort", "Structured outputs", the migration guides
for Claude 4.6 to 5.5, and the table of maximal outputs in "Models overview".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_MAX_TOKENS = 4096
"""Asked for where neither the caller nor the model's id says how long an answer may be: the protocol wants a limit."""

_ID = re.compile(
    r"claude-(?:(?P<old>\d+)(?:-(?P<old_minor>\d))?-)?(?P<family>[a-z]+)(?:-(?P<major>\d+))?(?:[-.](?P<minor>\d))?(?!\d)"
)

_ALWAYS_THINKS = frozenset({("opus", (5, 5)), ("sonnet", (5, 5))})
_ALWAYS_THINKING_FAMILIES = frozenset({"fable", "mythos"})


@dataclass(frozen=True, slots=True)
class Claude:
    """One model's abilities. The defaults are those of a model that we do not know.

    ``max_tokens``: its longest answer. ``thinks``: before it answers, where asked to; ``adaptive``: as much as it finds
    right, steered by an effort; ``budgets``: within a number of tokens; ``rests``: it can be told by name not to think.
    ``samples``: takes a temperature, ``top_p`` and ``top_k``; ``samples_by_both``: takes the first two together.
    ``schemas``: can be held to a JSON schema. ``extra_effort``: knows the effort ``xhigh``.
    """

    max_tokens: int | None = None
    thinks: bool = True
    adaptive: bool = False
    budgets: bool = True
    rests: bool = True
    samples: bool = True
    samples_by_both: bool = True
    schemas: bool = True
    extra_effort: bool = False


def claude(model: str) -> Claude:
    """The abilities of a model by its id, which may carry a date, a vendor's prefix or a version behind it."""
    match = _ID.search(model.lower())
    version = _version(match) if match else None
    if match is None or version is None:
        return Claude()
    family = match["family"]
    always_thinks = family in _ALWAYS_THINKING_FAMILIES or (family, version) in _ALWAYS_THINKS
    return Claude(
        max_tokens=_max_tokens(family, version),
        thinks=version >= (3, 7),
        adaptive=version >= (4, 6),
        budgets=version < (4, 7),
        # The generation between 4.7 and 5 rests unless told otherwise, and refuses to be told.
        rests=version < (4, 7) or (version >= (5, 0) and not always_thinks),
        samples=version < (4, 7),
        samples_by_both=version < (4, 1),
        schemas=version >= (4, 5) or (family, version) == ("opus", (4, 1)),
        extra_effort=version >= (4, 7),
    )


def _version(match: re.Match[str]) -> tuple[int, int] | None:
    if match["old"]:  # claude-3-5-haiku
        return int(match["old"]), int(match["old_minor"] or 0)
    if match["major"] and len(match["major"]) < 3:  # claude-haiku-4-5; a longer number is a date
        return int(match["major"]), int(match["minor"] or 0)
    return None


def _max_tokens(family: str, version: tuple[int, int]) -> int:
    if version >= (4, 6):
        return 128_000
    if family == "opus" and version < (4, 5):
        return 32_000 if version >= (4, 0) else 4096
    if version >= (3, 7):
        return 64_000
    return 8192 if version >= (3, 5) else 4096
