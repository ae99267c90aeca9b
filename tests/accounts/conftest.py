from tests.accounts.support import place

__all__ = ["place"]
