"""How many requests the server answers at once."""

from __future__ import annotations

from types import TracebackType

from router.errors import TooManyRequests


class Room:
    """A context that as many requests may be in at once; one more is turned away at once rather than queued.

    A queue would hold bodies and connections for answers that come too late to be wanted.

    Args:
        most: requests at once.
    """

    __slots__ = ("held", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    def __enter__(self) -> None:
        """Come in.

        Raises:
            TooManyRequests: there is no room.
        """
        if self.held >= self.most:
            raise TooManyRequests(f"This server answers {self.most} requests at once and no more; try again soon.")
        self.held += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.held -= 1
