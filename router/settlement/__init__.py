"""The end of a request: what it took and what came of it, written down exactly once, whatever happened."""

from router.settlement.settlement import Settlement

__all__ = ["Settlement"]
