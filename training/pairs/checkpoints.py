"""Fits that take an hour, kept as they go: one that was cut off goes on with the batch that it had come to."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec
import torch

from router.errors import DataError
from training.pairs.records import RequestPair

BATCHES_APART = 250
"""How often a fit is written down: every few minutes on one core."""


class Checkpoint:
    """A file with all that a fit needs to go on.

    Args:
        path: of the file; name it after what is fitted on what, since nothing else tells.
        every: batches between two writings.
    """

    def __init__(self, path: Path, every: int = BATCHES_APART) -> None:
        self._path = path
        self._every = every

    @classmethod
    def of_fit(cls, folder: Path, settings: Sequence[object], pairs: Sequence[RequestPair]) -> Checkpoint:
        """In a folder, under a name that changes with the settings and with any pair that is shown."""
        digest = blake2b(msgspec.json.encode([settings, pairs]), digest_size=8).hexdigest()
        return cls(folder / f"going-on-{digest}.pt")

    def resume(
        self,
        network: torch.nn.Module,
        optimiser: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
    ) -> int:
        """Set all three to what was written down last; how many batches were seen by then, 0 where nothing was.

        Raises:
            DataError: the file is there and cannot be read, or is of another fit.
        """
        if not self._path.is_file():
            return 0
        try:
            state = torch.load(self._path, weights_only=True)
            network.load_state_dict(state["network"])
            optimiser.load_state_dict(state["optimiser"])
            schedule.load_state_dict(state["schedule"])
            torch.set_rng_state(state["random"])
            return int(state["batches"])
        except Exception as error:  # pickle's, zip's and torch's own share no base but Exception
            raise DataError(f"{self._path}: not a fit to go on with ({error}); remove it") from error

    def passed(
        self,
        batches: int,
        network: torch.nn.Module,
        optimiser: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
    ) -> None:
        """Write all down, where it is time to; a fit that is cut off meanwhile finds the last one whole.

        Raises:
            DataError: the file cannot be written.
        """
        if batches % self._every:
            return
        state = {
            "batches": batches,
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "schedule": schedule.state_dict(),
            "random": torch.get_rng_state(),
        }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = self._path.with_suffix(".unfinished")
            torch.save(state, unfinished)
            unfinished.replace(self._path)
        except (OSError, RuntimeError) as error:
            raise DataError(f"{self._path}: a fit cannot be kept there ({error}); name another folder") from error
