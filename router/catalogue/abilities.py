"""What one model can take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec
from msgspec import Struct

Ability = Literal["tools", "images", "audio", "files", "json_schema", "json_mode"]
"""What a request may need that not every model has. ``files`` are documents such as PDFs."""

ABILITIES: tuple[Ability, ...] = get_args(Ability)


class Abilities(Struct, frozen=True, kw_only=True):
    """What one model can take. None is not known, and what is not known is assumed.

    ``context``: tokens of prompt and answer together. ``max_output``: tokens that an answer may have, where the
    endpoint refuses to be asked for more.
    """

    tools: bool | None = None
    images: bool | None = None
    audio: bool | None = None
    files: bool | None = None
    json_schema: bool | None = None
    json_mode: bool | None = None
    context: int | None = None
    max_output: int | None = None

    def takes(self, ability: Ability) -> bool:
        """Whether the model has an ability, as far as is known."""
        return getattr(self, ability) is not False

    def over(self, others: Abilities) -> Abilities:
        """These abilities, and the others' where these say nothing."""
        known = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}
        return msgspec.structs.replace(others, **known)


UNKNOWN = Abilities()
"""A model of which nothing is known: assumed to take everything."""


def narrowest(models: Sequence[Abilities]) -> Abilities:
    """What any of several models takes: what one lacks counts as lacking, and the smallest window holds."""
    first, *others = models
    for other in others:
        known = {name: value for name, value in msgspec.structs.asdict(other).items() if value is not None}
        for name, value in known.items():
            mine = getattr(first, name)
            # For abilities, False is the smaller of the two; an unknown one is assumed.
            known[name] = value if mine is None else min(mine, value)
        first = msgspec.structs.replace(first, **known)
    return first
