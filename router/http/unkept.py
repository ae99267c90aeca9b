"""Headers of answers that are for who asked alone: they belong in no cache, and no browser takes them for a page."""

from __future__ import annotations

UNKEPT = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
