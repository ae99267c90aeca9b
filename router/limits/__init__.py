"""How much may be asked in a minute and at once: by key, by team, by the server as a whole."""

from router.limits.limiter import Limiter, Taken, Unlimited
from router.limits.local import LocalLimiter
from router.limits.shared import SharedLimiter

__all__ = ["Limiter", "LocalLimiter", "SharedLimiter", "Taken", "Unlimited"]
