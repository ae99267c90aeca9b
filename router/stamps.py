"""Telling that a file is another one, without reading it."""

from __future__ import annotations

from pathlib import Path

Stamp = tuple[int, int, int]
"""Inode, time of change in nanoseconds, size: another one means another content."""


def stamp_of(file: Path) -> Stamp | None:
    """What tells one content of a file from another, by one `stat`; None where there is no file."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
