"""What a promise is made on: scored rows of somebody's traffic, with or without what the strong model gains on each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.errors import DataError
from router.scoring.manifest import Manifest, file_sha256
from router.scoring.scorer import Scorer
from router.scoring.shares import is_unfamiliar
from router.types import NOT_BY_THRESHOLD, WhenUnfamiliar
from training.promise.effective import effective, scored
from training.records import Drops
from training.refit.labels import Label, read_labels
from training.tables import Row, read_rows
from training.text import clean, number

FloatArray = NDArray[np.float64]

Form = Literal["pairs", "weak-only", "prompts", "ledger"]
"""Grades of both models; of the weak one alone; prompts without grades; rows of the ledger, which hold no prompts."""

LEDGER_COLUMN = "win_rate"
UNFAMILIARITY_COLUMN = "unfamiliarity"


class Rows(Struct, frozen=True, kw_only=True, eq=False):
    """N scored rows.

    ``win_rates`` float64 [N], as a threshold sees them (``effective.py``); ``gains`` float64 [N] in -1..1, or None
    where nothing is graded. ``repeated`` counts the rows whose prompt stood in an earlier row, ``unfamiliar`` those
    unlike all training. ``left_out`` says what was not used, by reason.
    """

    win_rates: FloatArray
    gains: FloatArray | None
    form: Form
    repeated: int = 0
    unfamiliar: int = 0
    left_out: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.win_rates)

    def part(self, places: NDArray[np.intp]) -> Rows:
        """The rows at ``places``, which may repeat."""
        gains = None if self.gains is None else self.gains[places]
        return Rows(win_rates=self.win_rates[places], gains=gains, form=self.form)

    @property
    def lowest_gain(self) -> float:
        """What no gain can fall below: 0 where the strong model is taken to be right."""
        return 0.0 if self.form == "weak-only" else -1.0

    @property
    def gains_are_all_or_nothing(self) -> bool:
        """Whether each row gains all or nothing, and none can lose: grades of the weak model, right or wrong."""
        return self.form == "weak-only" and self.gains is not None and bool(np.isin(self.gains, (0.0, 1.0)).all())


def read_promise_rows(path: Path, scorer: Scorer, *, graded: bool, when_unfamiliar: WhenUnfamiliar) -> Rows:
    """Read and score a file of labels, of prompts, or an export of the ledger.

    Args:
        path: JSONL, JSON, CSV or Parquet.
        scorer: scores prompts; rows of the ledger carry their win rates, and must be of this artifact.
        graded: whether gains are needed.
        when_unfamiliar: where the server sends prompts unlike all training.

    Raises:
        DataError: the file cannot be read, is of another artifact, lacks grades that are needed, or is what this
            artifact was refitted on.
    """
    _check_unseen(path, scorer.manifest)
    columns = _columns(path)
    if LEDGER_COLUMN in columns and "prompt" not in columns:
        if graded:
            raise DataError(
                f"{path}: rows of the ledger do not tell the quality; give labels, or ask for --strong-share"
            )
        return _of_ledger(path, scorer.version, when_unfamiliar)
    if not graded:
        return _of_prompts(path, scorer, when_unfamiliar)
    found = read_labels(path)
    return of_labels(found.labels, scorer, when_unfamiliar=when_unfamiliar, left_out=found.drops.by_reason())


def of_labels(
    labels: Sequence[Label], scorer: Scorer, *, when_unfamiliar: WhenUnfamiliar, left_out: dict[str, int] | None = None
) -> Rows:
    """Labels, all with grades of both models or all of the weak one's, scored."""
    prompts = [label.prompt for label in labels]
    win_rates, unfamiliar = scored(scorer, prompts)
    return Rows(
        win_rates=effective(win_rates, unfamiliar, when_unfamiliar),
        unfamiliar=int(unfamiliar.sum()),
        gains=np.array([label.gain for label in labels], np.float64),
        form="weak-only" if labels[0].strong is None else "pairs",
        repeated=_repeated(prompts),
        left_out=left_out or {},
    )


def _of_prompts(path: Path, scorer: Scorer, when_unfamiliar: WhenUnfamiliar) -> Rows:
    drops = Drops()
    prompts = []
    for row in read_rows(path, drops, path.name):
        prompt = row.values.get("prompt")
        text = clean(prompt) if isinstance(prompt, str) else ""
        if text:
            prompts.append(text)
        else:
            drops.add(path.name, "empty prompt", example=row.place)
    if not prompts:
        raise DataError(f"{path}: holds no prompts; give rows with 'prompt'")
    win_rates, unfamiliar = scored(scorer, prompts)
    return Rows(
        win_rates=effective(win_rates, unfamiliar, when_unfamiliar),
        unfamiliar=int(unfamiliar.sum()),
        gains=None,
        form="prompts",
        repeated=_repeated(prompts),
        left_out=drops.by_reason(),
    )


def routed_requests(path: Path, drops: Drops, artifact: str) -> Iterator[Row]:
    """Requests of an export that a threshold decided about: not pinned, ruled, moved or answered from the cache.

    Raises:
        DataError: one was scored by another artifact, or has no proper win rate.
    """
    for row in read_rows(path, drops, path.name):
        values = row.values
        if values.get(LEDGER_COLUMN) in (None, ""):
            drops.add(path.name, "no win rate", example=row.place)
        elif (reason := values.get("reason")) in NOT_BY_THRESHOLD:
            drops.add(path.name, str(reason), example=row.place)
        elif values.get("cache") in ("exact", "semantic"):
            drops.add(path.name, "answered from the cache", example=row.place)
        elif values.get("artifact") != artifact:
            raise DataError(
                f"{row.place}: was scored by '{values.get('artifact')}', not by {artifact}; export the rows of that "
                "artifact alone, or name the one that scored them with --artifact"
            )
        else:
            _win_rate(row)
            yield row


def _of_ledger(path: Path, artifact: str, when_unfamiliar: WhenUnfamiliar) -> Rows:
    drops = Drops()
    requests = list(routed_requests(path, drops, artifact))
    if not requests:
        raise DataError(f"{path}: holds no request that was routed by its win rate; export more of the ledger")
    return of_requests(requests, drops, when_unfamiliar)


def of_requests(requests: Sequence[Row], drops: Drops, when_unfamiliar: WhenUnfamiliar) -> Rows:
    """Requests of an export (``routed_requests``)."""
    unfamiliar = np.array([is_unfamiliar(_number_in(row, UNFAMILIARITY_COLUMN)) for row in requests], np.bool_)
    win_rates = np.array([_win_rate(row) for row in requests], np.float64)
    return Rows(
        win_rates=effective(win_rates, unfamiliar, when_unfamiliar),
        unfamiliar=int(unfamiliar.sum()),
        gains=None,
        form="ledger",
        left_out=drops.by_reason(),
    )


def _win_rate(row: Row) -> float:
    win_rate = _number_in(row, LEDGER_COLUMN)
    if win_rate is None or not 0.0 <= win_rate <= 1.0:
        raise DataError(f"{row.place}: 'win_rate' is {row.values[LEDGER_COLUMN]!r}; a number from 0 to 1 is due")
    return win_rate


def _number_in(row: Row, column: str) -> float | None:
    """The number in a column; None where it is empty, or no finite number."""
    try:
        found = number(row.values[column])
    except (KeyError, TypeError, ValueError):
        return None
    return found if isfinite(found) else None


def _check_unseen(path: Path, manifest: Manifest) -> None:
    """Rows that the classifier was fitted on look better than any that it will meet: a promise on them is void."""
    learned = {source.get("sha256") for source in manifest.training_data}
    if file_sha256(path) in learned:
        raise DataError(
            f"{path}: {manifest.label} was fitted on this very file, so it says nothing of what is to come; "
            "keep some labels aside, or label more"
        )


def _columns(path: Path) -> set[str]:
    first = next(read_rows(path, Drops(), path.name), None)
    return set() if first is None else {name for name, value in first.values.items() if value is not None}


def _repeated(prompts: Sequence[str]) -> int:
    return len(prompts) - len(set(prompts))
