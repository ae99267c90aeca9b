"""The price list in use: the one that came with the `genai-prices` package, or a newer one that was fetched.

A fetched list is kept in the home folder with the time of its fetch, whence a server takes it up. Nothing is fetched
unless the operator asks for it, by `underdog prices update` or by the setting `prices_update`.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from router.errors import UNREADABLE_JSON, PriceListError
from router.stamps import Stamp, stamp_of

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

PRICES_FILE = "prices.json"
"""Name of the fetched list in the home folder."""

MOST_BYTES = 50_000_000
"""Largest list that is taken; that of 2026 has some 5 MB."""

FETCH_TIMEOUT_S = 30.0

PACKAGE = "genai-prices"


class ListInUse(Struct, frozen=True, kw_only=True):
    """What is known of the list. ``fetched_at`` is None for the installed one. ``newest``: its latest change."""

    version: str
    fetched_at: datetime | None
    source: str | None
    providers: int
    models: int
    newest: date | None


class _Kept(Struct, frozen=True, kw_only=True):
    fetched_at: datetime
    source: str
    providers: list[Any]


class PriceList:
    """The fetched price list of one home folder. Every method blocks, and imports the package: not for event loops.

    Args:
        home: the folder.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / PRICES_FILE

    def stamp(self) -> Stamp | None:
        """What tells one file from another without reading it; None where none was fetched."""
        return stamp_of(self.path)

    def kept_since(self) -> datetime | None:
        """When the file was written; None where there is none."""
        try:
            return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)
        except OSError:
            return None

    def adopt(self) -> ListInUse:
        """Use the fetched list in this process where there is one; else the installed one stays.

        Raises:
            PriceListError: the file cannot be used; whatever list was in use stays so.
        """
        from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot

        try:
            kept = self._kept()
        except FileNotFoundError:
            return _described(None)
        providers = _read(kept.providers, str(self.path))
        set_custom_snapshot(DataSnapshot(providers, from_auto_update=True, timestamp=kept.fetched_at))
        return _described(kept)

    def fetch(self, url: str | None = None) -> ListInUse:
        """Fetch the list, keep it, and use it in this process.

        Args:
            url: where it is; None for the address that its makers give.

        Raises:
            PriceListError: it cannot be had, or is none; the one that is kept stays.
        """
        from genai_prices.update_prices import DEFAULT_UPDATE_URL

        source = url or DEFAULT_UPDATE_URL
        try:
            raw = msgspec.json.decode(_fetched(source))
        except UNREADABLE_JSON as error:
            raise PriceListError(f"{source}: this is no price list ({error}); check `prices_url`.") from error
        _read(raw, source)
        self._keep(_Kept(fetched_at=datetime.now(UTC), source=source, providers=raw))
        return self.adopt()

    def _kept(self) -> _Kept:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise PriceListError(f"{self.path}: cannot be read ({error.strerror}); check its permissions.") from error
        except UNREADABLE_JSON as error:
            raise PriceListError(f"{self.path}: no price list ({error}); remove it, or fetch it anew.") from error

    def _keep(self, kept: _Kept) -> None:
        partial = self.path.with_name(f"{PRICES_FILE}.{os.getpid()}.part")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial.write_bytes(msgspec.json.encode(kept))
            partial.replace(self.path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise PriceListError(
                f"{self.path}: cannot be written ({error.strerror}); check its permissions and the space left."
            ) from error


def _fetched(url: str) -> bytes:
    import httpx

    body = bytearray()
    try:
        with httpx.stream("GET", url, timeout=FETCH_TIMEOUT_S) as response:
            response.raise_for_status()
            for part in response.iter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise PriceListError(f"{url}: longer than any price list; check `prices_url`.")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise PriceListError(f"{url}: cannot be fetched ({error}); try again, or set `prices_url`.") from error
    return bytes(body)


def _read(raw: Any, source: str) -> list[Any]:
    """The providers of a list as the package has them.

    Raises:
        PriceListError: it is none, or one that the installed package cannot read.
    """
    try:
        # The package has no public way to read a list that is not just being fetched by itself.
        from genai_prices.types import _providers_from_raw

        providers: list[Any] = _providers_from_raw(raw)
        if not sum(len(provider.models) for provider in providers):
            raise ValueError("it has no models")
    except Exception as error:
        said = str(error).splitlines()[0][:200]
        remedy = f"upgrade {PACKAGE}, or check `prices_url`"
        raise PriceListError(f"{source}: not a price list that {PACKAGE} can read ({said}); {remedy}.") from error
    return providers


def _described(kept: _Kept | None) -> ListInUse:
    from genai_prices.data_snapshot import get_snapshot

    providers = get_snapshot().providers
    models = [model for provider in providers for model in provider.models]
    return ListInUse(
        version=importlib.metadata.version(PACKAGE),
        fetched_at=kept.fetched_at if kept else None,
        source=kept.source if kept else None,
        providers=len(providers),
        models=len(models),
        newest=max((day for model in models for day in _changes(model)), default=None),
    )


def _changes(model: ModelInfo) -> Iterator[date]:
    """The days up to now from which a price of a model holds."""
    today = datetime.now(UTC).date()
    conditions = [*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ())]
    for condition in conditions:
        day = getattr(condition.constraint, "start_date", None)
        if day is not None and day <= today:
            yield day
