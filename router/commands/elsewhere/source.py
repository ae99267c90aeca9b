"""Another gateway's file as a tree that knows its lines, and which of its entries were taken over.

YAML and JSON are read alike: JSON is YAML, but for tabs between its tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from router.errors import SettingsError

MOST_ENTRIES = 100_000
"""Anchors that stand for one another can make a small file endless."""

MOST_BYTES = 4 * 1024 * 1024

MOST_KEY_CHARS = 1_000
"""Every entry has the whole way to it."""

_MERGE = "tag:yaml.org,2002:merge"
_TOO_MANY = "The file holds too many entries, or anchors that lead back to themselves."

_NO_VALUE = (ValueError, LookupError, AttributeError, ArithmeticError)
"""What YAML's library raises where a value is none of its kind, such as a 13th month."""


class Entry:
    """A value, and where it stands.

    Attributes:
        key: the way to it, such as ``model_list[2].litellm_params.rpm``.
        line: of the file, from 1.
        value: a scalar, a dict of entries or a list of them.
        taken: whether it was taken over, or told of; so were all below it then.
    """

    def __init__(self, key: str, line: int, value: Any) -> None:
        self.key = key
        self.line = line
        self.value = value
        self.taken = False

    def get(self, *way: str) -> Entry | None:
        """The entry below that a way of names leads to; None where there is none, or nothing in it."""
        found: Entry | None = self
        for name in way:
            found = found.value.get(name) if found is not None and isinstance(found.value, dict) else None
        return None if found is None or found.value is None else found

    def fields(self) -> dict[str, Entry]:
        """The entries of a mapping by name; none where it is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    def items(self) -> list[Entry]:
        """The entries of a list; none where it is no list."""
        return self.value if isinstance(self.value, list) else []

    def take(self) -> Any:
        """The plain value; nobody needs to be told that it was left behind."""
        self.taken = True
        if isinstance(self.value, dict):
            return {name: entry.take() for name, entry in self.value.items()}
        if isinstance(self.value, list):
            return [entry.take() for entry in self.value]
        return self.value

    def left(self) -> Iterator[Entry]:
        """What was not taken, each as the largest entry of which nothing was."""
        if self.taken or self.value is None:
            return
        below = list(self.fields().values()) + self.items()
        if self.key and not any(entry.any_taken for entry in below):
            yield self
            return
        for entry in below:
            yield from entry.left()

    @property
    def any_taken(self) -> bool:
        """Whether it, or something below it, was taken."""
        below = list(self.fields().values()) + self.items()
        return self.taken or any(entry.any_taken for entry in below)


def read_source(path: Path) -> Entry:
    """The file as a tree; merges (``<<``) and anchors are resolved.

    Raises:
        SettingsError: it cannot be read, is no YAML, or holds no mapping.
    """
    import yaml

    text, reading = text_of(path), _Reading()
    try:
        tree = reading.tree(yaml.SafeLoader(text.replace("\t", " ") if path.suffix == ".json" else text))
    except (yaml.YAMLError, *_NO_VALUE) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else reading.line
        # Not by the error's own words: they quote the line, which may hold a key.
        kind = "JSON" if path.suffix == ".json" else "YAML"
        raise SettingsError(f"{path}{f', line {line}' if line else ''}: cannot be read as {kind}.") from None
    except RecursionError:
        raise SettingsError(f"{path}: nested without end.") from None
    if tree is None or not isinstance(tree.value, dict):
        raise SettingsError(f"{path}: holds no settings.")
    return tree


def text_of(path: Path) -> str:
    """The text of a file.

    Raises:
        SettingsError: it cannot be read, is no text, or is far too large.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SettingsError(f"{path}: larger than {MOST_BYTES // 1024 // 1024} MB; is it the right file?")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 text.") from error


class _Reading:
    """From YAML's nodes to entries, no more of them than a person writes."""

    def __init__(self) -> None:
        self.line = 0
        self._loader: Any = None
        self._count = 0
        self._sizes: dict[int, int] = {}

    def tree(self, loader: Any) -> Entry | None:
        """All of a document; None where there is nothing in it."""
        self._loader = loader
        try:
            node = loader.get_single_node()
            return None if node is None else self._entry(node, "")
        finally:
            loader.dispose()

    def _entry(self, node: Any, key: str) -> Entry:
        self._count += 1
        if self._count > MOST_ENTRIES:
            raise SettingsError(_TOO_MANY)
        if len(key) > MOST_KEY_CHARS:
            raise SettingsError("The file is nested without end, or has names longer than any setting's.")
        self.line = line = node.start_mark.line + 1
        if node.id == "mapping":
            fields = {}
            for name, name_node, value in self._pairs(node):
                fields[name] = self._entry(value, f"{key}.{name}" if key else name)
                fields[name].line = name_node.start_mark.line + 1
            return Entry(key, line, fields)
        if node.id == "sequence":
            return Entry(key, line, [self._entry(value, f"{key}[{at}]") for at, value in enumerate(node.value)])
        return Entry(key, line, _sound(self._loader.construct_object(node)))

    def _pairs(self, node: Any) -> list[tuple[str, Any, Any]]:
        """A mapping's names and values with what is merged into it."""
        # Merges of merges multiply before anybody could count them.
        if self._size(node) > MOST_ENTRIES:
            raise SettingsError(_TOO_MANY)
        self._loader.flatten_mapping(node)
        return [(_sound(str(self._loader.construct_object(name))), name, value) for name, value in node.value]

    def _size(self, node: Any) -> int:
        """How many pairs a mapping has with what is merged into it."""
        if id(node) not in self._sizes:
            self._sizes[id(node)] = 0  # for one that merges itself
            size = 0
            for name, value in node.value:
                merged = (value.value if value.id == "sequence" else [value]) if name.tag == _MERGE else None
                size += 1 if merged is None else sum(self._size(each) for each in merged if each.id == "mapping")
            self._sizes[id(node)] = size
        return self._sizes[id(node)]


def _sound(value: Any) -> Any:
    """A value; as text, one that can be written: JSON has signs beyond 16 bits as two halves.

    Raises:
        ValueError: it has half a sign.
    """
    return value.encode("utf-16", "surrogatepass").decode("utf-16") if isinstance(value, str) else value
