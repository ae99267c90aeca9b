"""Where ``underdog cache`` looks: at the running server over HTTP, or, where none runs, into the cache's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, TypeVar

import httpx
import msgspec

from router.artifacts.server import RunningServer
from router.cache.disk.offline import OfflineCache
from router.cache.inventory import EntryDetail, EntryList, Order, Selection
from router.configured.secret import Secret
from router.errors import UNREADABLE_JSON, CacheError, SettingsError
from router.settings import Settings

ANSWER_TIMEOUT_S = 60.0
"""Seconds; a server that has just started reads its file first."""

T = TypeVar("T")


class Source(Protocol):
    """A cache that can be looked into. Every call may raise ``CacheError``.

    ``where`` names it to people.
    """

    where: str

    def stats(self) -> dict[str, Any]:
        """What it holds and did, by name."""
        ...

    def entries(
        self, selection: Selection, *, order: Order, limit: int, with_questions: bool, asking: str | None = None
    ) -> EntryList:
        """The first ``limit`` of the entries meant, and how many there are. ``asking``: a text in their questions."""
        ...

    def entry(self, wanted: str) -> EntryDetail:
        """One entry, by its id or the beginning of it."""
        ...

    def evict(self, wanted: str) -> str:
        """Let go of one entry; gives its whole id."""
        ...

    def evict_all(self, selection: Selection) -> int:
        """Let go of every entry that is meant; gives how many that were."""
        ...


def source_of(settings: Settings, *, offline: bool) -> Source:
    """The server at the configured address, else the file.

    Args:
        settings: where both are.
        offline: look into the file whether a server runs or not.

    Raises:
        SettingsError: no server answers, and the settings keep the cache in memory only.
    """
    server = RunningServer.at(settings.host, settings.port)
    if not offline and server.health() is not None:
        return ServerSource(server.url, settings.api_key or settings.master_key)
    if settings.cache_file is None:
        raise SettingsError(
            f"No server answers on {server.url}, and these settings keep the cache in memory only: there is nothing to "
            "look into. Name the server with --host and --port."
        )
    why = (
        "no server was asked" if offline else f"no server answers on {server.url}; name another with --host and --port"
    )
    return FileSource(settings.cache_file, why)


class FileSource:
    """The cache's file.

    Args:
        path: of the file.
        why: it is looked into, and not a server.
    """

    def __init__(self, path: Path, why: str) -> None:
        self.where = f"the file {path} ({why})"
        self._file = OfflineCache(path)

    def stats(self) -> dict[str, Any]:
        """What can be told of a file: a server counts hits and misses, too."""
        found = self._file.entries(Selection(), order="newest", limit=0, with_questions=False)
        return {"entries": found.total, "file": str(self._file.path), "file_bytes": self._file.path.stat().st_size}

    def entries(
        self, selection: Selection, *, order: Order, limit: int, with_questions: bool, asking: str | None = None
    ) -> EntryList:
        """The first ``limit`` of the entries meant, and how many there are. ``asking``: a text in their questions."""
        return self._file.entries(selection, order=order, limit=limit, with_questions=with_questions, asking=asking)

    def entry(self, wanted: str) -> EntryDetail:
        """One entry, by its id or the beginning of it."""
        return self._file.entry(wanted)

    def evict(self, wanted: str) -> str:
        """Let go of one entry; gives its whole id."""
        return self._file.evict(wanted)

    def evict_all(self, selection: Selection) -> int:
        """Let go of every entry that is meant; gives how many that were."""
        return self._file.evict_all(selection)


class _Evicted(msgspec.Struct):
    evicted: int
    id: str | None = None


class _Fault(msgspec.Struct):
    message: str


class _Refusal(msgspec.Struct):
    error: _Fault


class ServerSource:
    """A running server's cache."""

    def __init__(self, url: str, key: Secret | None) -> None:
        self.where = f"the server on {url}"
        self._url = url
        self._headers = {"authorization": f"Bearer {key.reveal()}"} if key else {}

    def stats(self) -> dict[str, Any]:
        """``GET /cache/stats``."""
        return self._ask("GET", "/cache/stats", dict[str, Any])

    def entries(
        self, selection: Selection, *, order: Order, limit: int, with_questions: bool, asking: str | None = None
    ) -> EntryList:
        """``GET /cache/entries``."""
        query = {**_conditions(selection), "order": order, "limit": limit, "questions": str(with_questions).lower()}
        if asking is not None:
            query["q"] = asking
        return self._ask("GET", "/cache/entries", EntryList, query)

    def entry(self, wanted: str) -> EntryDetail:
        """``GET /cache/entries/ID``."""
        return self._ask("GET", f"/cache/entries/{_path_part(wanted)}", EntryDetail)

    def evict(self, wanted: str) -> str:
        """``DELETE /cache/entries/ID``."""
        return self._ask("DELETE", f"/cache/entries/{_path_part(wanted)}", _Evicted).id or wanted

    def evict_all(self, selection: Selection) -> int:
        """``DELETE /cache/entries``."""
        return self._ask("DELETE", "/cache/entries", _Evicted, _conditions(selection)).evicted

    def _ask(self, method: str, path: str, kind: type[T], query: dict[str, Any] | None = None) -> T:
        try:
            answer = httpx.request(
                method,
                f"{self._url}{path}",
                params=query,
                headers=self._headers,
                timeout=ANSWER_TIMEOUT_S,
                trust_env=False,
            )
        except httpx.HTTPError as error:
            raise CacheError(f"{self.where} does not answer ({type(error).__name__}); try again.") from error
        if answer.status_code == 401:
            raise CacheError(f"{self.where} wants its key: set UNDERDOG_API_KEY to the one that it was started with.")
        try:
            if answer.status_code != 200:
                raise CacheError(f"{self.where}: {msgspec.json.decode(answer.content, type=_Refusal).error.message}")
            return msgspec.json.decode(answer.content, type=kind)
        except UNREADABLE_JSON as error:
            raise CacheError(
                f"{self.where} says nothing about its cache: it is an older Underdog, or another program."
            ) from error


def _conditions(selection: Selection) -> dict[str, Any]:
    given = {"model": selection.model, "older_than_s": selection.older_than_s}
    return {name: value for name, value in given.items() if value is not None}


def _path_part(wanted: str) -> str:
    if not wanted.isalnum():
        raise CacheError(f"'{wanted[:64]}' is no entry's id: `underdog cache list` shows them.")
    return wanted
