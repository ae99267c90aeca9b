"""Databases of keys, on both engines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.accounts import Accounts, Issued, Ring
from router.accounts.secrets import digest
from router.accounts.store import COMPONENT, STEPS
from router.configured.secret import Secret
from router.database import Database, migrate, open_database
from router.principals import Principal
from router.settings import Settings

ENGINES = ("sqlite", "postgres")


def settings_of(engine: str, request: pytest.FixtureRequest, home: Path) -> Settings:
    """Settings that lead to an empty database of the engine; its file, or PostgreSQL's database, goes with the test."""
    url = request.getfixturevalue("postgres_url") if engine == "postgres" else None
    return Settings(home=str(home), database_url=Secret(url) if url else None)


def a_database(settings: Settings) -> Database:
    """The database of keys, its tables there."""
    database = open_database(settings, "accounts")
    migrate(database, COMPONENT, STEPS)
    return database


def form(**fields: Any) -> bytes:
    """A form as JSON."""
    return json.dumps(fields).encode()


def enter(ring: Ring, issued: Issued | str) -> Principal:
    """Come to the door with a key."""
    text = issued if isinstance(issued, str) else issued.text.reveal()
    return ring.principal(text, digest(text))


class Place:
    """One database of keys, a ring that follows it, and another server's accounts on the same database."""

    def __init__(self, settings: Settings) -> None:
        self.database = a_database(settings)
        self._ring: Ring | None = None
        self.accounts = Accounts(self.database, changed=lambda: self.ring.refresh() if self._ring else None)
        self._elsewhere = open_database(settings, "accounts")
        self.elsewhere = Accounts(self._elsewhere)

    @property
    def ring(self) -> Ring:
        """Made when a test first wants it."""
        if self._ring is None:
            self._ring = Ring(self.database)
            self._ring.open()
            self._ring.follow()
        return self._ring

    def close(self) -> None:
        if self._ring is not None:
            self._ring.close()
        self.database.close()
        self._elsewhere.close()


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    there = Place(settings_of(request.param, request, tmp_path))
    try:
        yield there
    finally:
        there.close()
