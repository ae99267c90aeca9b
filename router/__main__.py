"""``python -m router`` is ``underdog``."""

from router.cli import main

if __name__ == "__main__":
    main()
