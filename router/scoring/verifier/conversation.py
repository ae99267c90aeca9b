"""Conversations turn by turn: two may share an answer where every turn of one says what that of the other says.

So what is learned of single requests, with all their kinds of traps, judges conversations too, and only turns that
differ cost anything. A question on its own is a conversation of one turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from router.scoring.verifier.evidence import ALWAYS, NEVER

if TYPE_CHECKING:
    from router.scoring.verifier.features import Prepared

MAX_CHANGED = 8
"""Turns that may differ; beyond that two conversations are two."""


class Turns:
    """The texts of a conversation that may differ, in order; what a cache keeps of it for the verifier.

    It costs next to nothing to make, since texts are read when they are first compared. Beside the strings, which are
    the caller's own, it takes some 150 bytes, and 350 more for each text of 16 words that was compared.

    Args:
        texts: of the turns; a string is a question on its own.
    """

    __slots__ = ("_prepared", "texts")

    def __init__(self, texts: Sequence[str] | str) -> None:
        self.texts = (texts,) if isinstance(texts, str) else tuple(texts)
        self._prepared: dict[int, Prepared] = {}

    def prepared(self, place: int, prepare: Callable[[str], Prepared]) -> Prepared:
        """One text as the verifier wants it, read at most once."""
        found = self._prepared.get(place)
        if found is None:
            found = self._prepared[place] = prepare(self.texts[place])
        return found


def changed_turns(cached: Turns, new: Turns) -> list[int] | None:
    """Places of the texts that differ; None where there are too many, or one conversation has more turns."""
    if len(cached.texts) != len(new.texts):
        return None
    pairs = zip(cached.texts, new.texts, strict=True)
    changed = [place for place, (one, other) in enumerate(pairs) if one != other]
    return changed if len(changed) <= MAX_CHANGED else None


def least_score(cached: Turns, new: Turns, score: Callable[[int], float], *, at_least: float = NEVER) -> float:
    """The score of the turns that are least alike.

    Args:
        cached: the conversation whose answer is kept.
        new: the one that asks now, with the same roles in the same order, and all else equal but the texts.
        score: of the texts at a place; called only where they differ.
        at_least: a score below which a pair is not served anyway: the first turn below it ends the search.

    Returns:
        ``ALWAYS`` for equal conversations, ``NEVER`` where too many turns differ.
    """
    changed = changed_turns(cached, new)
    if changed is None:
        return NEVER
    least = ALWAYS
    # The last turn first: it is what is asked, and the likeliest to differ.
    for place in reversed(changed):
        least = min(least, score(place))
        if least < at_least:
            break
    return least
