"""The arithmetic of a sliding window that is kept as two counters: this minute's, and that of the minute before.

Of the minute before only the share counts that still lies within the last 60 seconds. This is the "sliding window
counter" of the ``limits`` package; said here once more for what the package does not tell: when there will be room, and
when everything is free again.
"""

from __future__ import annotations

import math

from msgspec import Struct

WINDOW_S = 60


class Window(Struct, frozen=True):
    """A limit as it stands: of ``limit`` in a minute, ``current`` fell into this one and ``previous`` into the last.

    ``left_s``: seconds until this minute ends.
    """

    limit: int
    previous: int
    current: int
    left_s: float

    @property
    def used(self) -> int:
        """What counts now, in whole numbers as the ``limits`` package rounds it."""
        return math.floor(self.previous * self.left_s / WINDOW_S + self.current)

    @property
    def remaining(self) -> int:
        """What may still be taken now."""
        return max(0, self.limit - self.used)

    @property
    def reset_s(self) -> float:
        """Seconds until all of it is free again, if nothing more is taken."""
        if self.current > 0:
            return self.left_s + WINDOW_S
        return self.left_s if self.previous > 0 else 0.0

    def has_room(self, amount: int) -> bool:
        """Whether ``amount`` may be taken now."""
        return self.used + amount <= self.limit

    def wait_s(self, amount: int) -> float:
        """Seconds until ``amount`` may be taken, if nothing more is taken meanwhile; infinite where it never fits."""
        if amount > self.limit:
            return math.inf
        if self.has_room(amount):
            return 0.0
        # Whole numbers are rounded down: a count just below one more than is free is enough.
        free = self.limit - amount + 1
        if self.current < free:
            return self.left_s - (free - self.current) / self.previous * WINDOW_S
        return self.left_s + (1 - free / self.current) * WINDOW_S

    def after(self, amount: int) -> Window:
        """The same once ``amount`` was taken."""
        return Window(self.limit, self.previous, self.current + amount, self.left_s)
