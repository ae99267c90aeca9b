"""As much of PromQL as our dashboard and alerts use: which metrics a query reads, and by which labels."""

from __future__ import annotations

import re

FUNCTIONS = frozenset({"abs", "histogram_quantile", "increase", "max", "rate", "sum", "vector"})
WORDS = frozenset({"by", "or", "offset"})

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_SELECTED = re.compile(r"\b([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\})?")
_LABEL = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)")
_BY = re.compile(r"\bby\s*\(([^)]*)\)")
_RANGE = re.compile(r"\[[^\]]*\]|\boffset\s+\d+[smhdw]")


def read(query: str) -> tuple[set[str], set[str]]:
    """The metrics of a query, by full name, and the names of all labels in it.

    Raises:
        ValueError: brackets that do not match, or a word that is none of PromQL's that we use.
    """
    bare = _STRING.sub('""', query)
    for opening, closing in ("()", "[]", "{}"):
        if bare.count(opening) != bare.count(closing):
            raise ValueError(f"brackets of {query}")
    labels = {label.strip() for match in _BY.finditer(bare) for label in match[1].split(",")}
    bare = _RANGE.sub("", _BY.sub(" ", bare))
    metrics = set()
    for match in _SELECTED.finditer(bare):
        name, selector = match.groups()
        if bare[match.end(1) :].lstrip().startswith("("):
            if name not in FUNCTIONS:
                raise ValueError(f"{name} in {query}")
        elif name not in WORDS:
            metrics.add(name)
            labels |= set(_LABEL.findall(selector or ""))
    return metrics, labels
