"""What completions and embeddings take: a text, tokens, or several of either."""

from __future__ import annotations

from typing import Any

from router.errors import InvalidRequest


def texts_of(given: Any, field: str) -> list[str]:
    """The texts among what is given; tokens cannot be read, and give none.

    Raises:
        InvalidRequest: it is neither text nor tokens, nor a list of one of these; ``field`` is at fault.
    """
    several = given if isinstance(given, list) else [given]
    kinds = {type(entry) for entry in several}
    tokens = kinds == {list} and all(type(token) is int for entry in several for token in entry)
    if kinds not in ({str}, {int}) and not tokens:
        raise InvalidRequest(f"'{field}': expected text, tokens, or a list of texts or of tokens.", param=field)
    return [entry for entry in several if isinstance(entry, str)]
