"""``python -m training`` is ``train-router``."""

from training.cli import main

if __name__ == "__main__":
    main()
