"""Text of strangers on a terminal."""

from __future__ import annotations

import sys
import unicodedata


def printable(text: str, *, lines: bool = False) -> str:
    """Without control characters: whoever asked or answered has no business steering the terminal."""
    return "".join(
        " " if unicodedata.category(sign) in ("Cc", "Cf", "Cs") and not (lines and sign == "\n") else sign
        for sign in text
    )


def at_terminal(text: str) -> str:
    """Lines that are printed: as they are for files and pipes, printable where somebody looks at them."""
    return printable(text, lines=True) if sys.stdout.isatty() else text
