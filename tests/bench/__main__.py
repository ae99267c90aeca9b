"""``make bench``: every measurement in turn, or those that are named. ``python -m tests.bench [NAME ...]``."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tests.bench.machine import machine

NOT_MEASUREMENTS = {"__main__", "__init__", "machine", "questions"}


def names() -> list[str]:
    """The measurements: every module of this folder that can be run."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NOT_MEASUREMENTS)


def main() -> int:
    """Run them one after another, each in its own process, and say which failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(names())}; all by default")
    chosen = parser.parse_args().names or names()
    if unknown := sorted(set(chosen) - set(names())):
        parser.error(f"no measurement called {', '.join(unknown)}")
    print(machine(), flush=True)
    failed = []
    for name in chosen:
        print(f"\n=== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
