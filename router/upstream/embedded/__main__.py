"""``python -m router.upstream.embedded``: fetch the embedded LLM ahead of the first start, and print where it lies."""

from __future__ import annotations

import sys

from router.errors import UnderdogError
from router.settings import load_settings
from router.upstream.embedded.fetch import fetch_weights


def main() -> int:
    """Fetch into the home folder of the settings; returns the exit status."""
    try:
        print(fetch_weights(load_settings().home_path))
    except UnderdogError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
