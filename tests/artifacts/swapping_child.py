"""Puts one of two artifacts in use after the other until it is killed; a line on standard output says that it began."""

from __future__ import annotations

import sys
from itertools import cycle
from pathlib import Path

from router.artifacts.pointer import Pointer

home = Path(sys.argv[1])
for number, name in enumerate(cycle(["alpha", "beta"])):
    Pointer(home).put(home / name, f"{name}/1", name * 8)
    if not number:
        print("begun", flush=True)
