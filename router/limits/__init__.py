"""How much may be asked in a minute and at once: by key, by team, by the server as a whole."""

from router.limits.limiter import Limiter, Taken, Unlimited

__all__ = ["Limiter", "Taken", "Unlimited"]
