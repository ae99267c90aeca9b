"""Addresses of HTTP servers, as people write them."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def http_address(text: str) -> SplitResult | None:
    """The parts of an address at which somebody could be asked; None where scheme, host or port allow nobody."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None
