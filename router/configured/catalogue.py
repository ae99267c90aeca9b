"""``[[catalogue]]``: what the operator knows of the models."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Tokens = Annotated[int, Meta(ge=1)]


class CatalogueEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What some models can take. It stands above what the router knows itself; what is not said is left to that.

    ``model``: their id, ``*`` and ``?`` standing for any text and any letter. ``context``: tokens of prompt and answer
    together. ``max_output``: most tokens that an answer may be asked for. Of several entries that fit a model the
    first that says something counts.
    """

    model: str
    tools: bool | None = None
    images: bool | None = None
    audio: bool | None = None
    files: bool | None = None
    json_schema: bool | None = None
    json_mode: bool | None = None
    context: Tokens | None = None
    max_output: Tokens | None = None
