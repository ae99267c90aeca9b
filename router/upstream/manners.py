"""What an upstream was found to refuse of what we add to requests, so that it is asked without from then on."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from router.errors import UpstreamRefused
from router.types import Native

TELLS_USAGE = frozenset({"mistral"})
"""Providers that tell the usage of a stream by themselves, and refuse to be asked for it."""

_USAGE_REFUSED = re.compile(r"stream_options|include_usage")
_EFFORT_REFUSED = re.compile(r"reasoning.?effort|does not support thinking|think value", re.IGNORECASE)
"""In the words of OpenAI, Groq and xAI, and of Ollama."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How an upstream is asked.

    ``asks_usage``: for the usage of a stream. ``efforts_refused``: how hard to think, as translations wish where they
    can: Claude's callers do so as a rule, and their request may go to a model that does not think.
    """

    asks_usage: bool = True
    efforts_refused: frozenset[str] = frozenset()

    def after(self, error: UpstreamRefused, body: Mapping[str, Any], native: Native | None) -> Self | None:
        """Other manners to try where a refusal is about what we add; to be kept if they succeed.

        Errors quote what callers wrote: one that only looks like such a refusal must teach nothing.
        """
        if error.upstream_status >= 500:
            return None
        effort = _wished_effort(body, native)
        if effort is not None and effort not in self.efforts_refused and _EFFORT_REFUSED.search(error.message):
            return dataclasses.replace(self, efforts_refused=self.efforts_refused | {effort})
        if self.asks_usage and _USAGE_REFUSED.search(error.message):
            return dataclasses.replace(self, asks_usage=False)
        return None

    def fit(self, body: Mapping[str, Any], native: Native | None) -> Mapping[str, Any]:
        """The request without an effort that is refused. One that a caller named in chat stays."""
        if _wished_effort(body, native) not in self.efforts_refused:
            return body
        return {field: value for field, value in body.items() if field != "reasoning_effort"}

    def stream_options(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The field of this name, for a stream: usage is asked for wherever that can be."""
        options = dict(body.get("stream_options") or {})
        if self.asks_usage:
            return {"stream_options": options | {"include_usage": True}}
        options.pop("include_usage", None)
        return {"stream_options": options} if options else {}


def _wished_effort(body: Mapping[str, Any], native: Native | None) -> str | None:
    """The effort in a request that was translated."""
    effort = body.get("reasoning_effort") if native is not None else None
    return effort if isinstance(effort, str) else None
