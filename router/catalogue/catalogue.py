"""The catalogue: from a model to what it can take."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence

import msgspec

from router.catalogue.abilities import UNKNOWN, Abilities
from router.catalogue.families import family
from router.configured.catalogue import CatalogueEntry

LOCAL = "local"
"""The price list's word for models that run here, as in ``router.ledger.prices``."""

EMBEDDED = ("local", "smollm2-135m-instruct")
"""The embedded LLM, whose window is a setting."""

PARSES_FILES = frozenset({"openrouter"})
"""Providers that turn documents into text themselves, for any model (openrouter.ai/docs: PDF inputs)."""


MOST_KEPT = 4_096
"""Models whose abilities are kept at hand."""


class Catalogue:
    """What models can take. Not known is assumed.

    First found wins, ability by ability: the operator's entries, our table of families, the price list. Windows of
    open weights are those of the price list where it has a smaller one for the provider that serves them.

    Args:
        entries: the operator's own words.
        embedded_context: tokens of context that the embedded LLM is run with; None where it is not.
    """

    def __init__(self, entries: Sequence[CatalogueEntry] = (), *, embedded_context: int | None = None) -> None:
        self._entries = tuple(entries)
        self._embedded_context = embedded_context
        self._windows: dict[tuple[str | None, str], int | None] = {}
        self._known: dict[tuple[str | None, str], Abilities] = {}

    def of(self, provider: str | None, model: str) -> Abilities:
        """What a model can take.

        Args:
            provider: who serves it, by the price list's id; None where that is not known.
            model: the id by which the provider knows it.
        """
        known = self._known.get((provider, model))
        if known is None:
            if len(self._known) >= MOST_KEPT:
                # Callers may name models without end.
                self._known.clear()
            known = self._known[provider, model] = self._look_up(provider, model)
        return known

    def preload(self, models: Iterable[tuple[str | None, str]]) -> None:
        """Read the price list's windows of these models (provider, model); local ones have none there.

        Importing the list costs a fifth of a second: call it in a thread after the start. Until then, and for models
        that are not named here, a window is known from the other sources or not at all.
        """
        for provider, model in models:
            if provider != LOCAL:
                self._windows[provider, model] = _listed_window(provider, model)
                self._known.pop((provider, model), None)

    def _look_up(self, provider: str | None, model: str) -> Abilities:
        said = UNKNOWN
        for entry in self._entries:
            if fnmatch.fnmatchcase(model.lower(), entry.model.lower()):
                fields = msgspec.structs.asdict(entry)
                del fields["model"]
                said = said.over(Abilities(**fields))
        return said.over(self._known_of(provider, model))

    def _known_of(self, provider: str | None, model: str) -> Abilities:
        row = family(model)
        abilities, open_weights = (row.abilities, row.open_weights) if row else (UNKNOWN, False)
        if provider in PARSES_FILES:
            abilities = msgspec.structs.replace(abilities, files=None)
        if (provider, model) == EMBEDDED and self._embedded_context is not None:
            return msgspec.structs.replace(abilities, context=self._embedded_context)
        windows = [window for window in (abilities.context, self._windows.get((provider, model))) if window is not None]
        if not windows:
            return abilities
        return msgspec.structs.replace(abilities, context=min(windows) if open_weights else windows[0])


def _listed_window(provider: str | None, model: str) -> int | None:
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, found = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return found.context_window
