"""The pair encoder: a small transformer that reads both texts at once, run by ONNX Runtime on one thread.

ONNX Runtime is imported and the network loaded when it is first asked, or by ``load`` before: neither belongs into a
start or an import.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.errors import ArtifactError
from router.scoring.arrays import REMEDY

PAIR_ENCODER_FILE = "pair.onnx"
START, END = "[CLS]", "[SEP]"

Ids = NDArray[np.int64]


def pair_inputs(pairs: Sequence[tuple[Ids, Ids]], start: int, end: int) -> dict[str, Ids]:
    """What the network reads of N pairs of token ids: ``ids``, ``mask`` and ``types``, int64 [N, T].

    A row is START first END second END, then 0 up to the longest; the second text and its END are of type 1.
    """
    width = max(len(first) + len(second) + 3 for first, second in pairs)
    ids, mask, types = (np.zeros((len(pairs), width), np.int64) for _ in range(3))
    for place, (first, second) in enumerate(pairs):
        split, length = len(first) + 2, len(first) + len(second) + 3
        ids[place, :length] = np.concatenate([[start], first, [end], second, [end]])
        mask[place, :length] = 1
        types[place, split:length] = 1
    return {"ids": ids, "mask": mask, "types": types}


class PairEncoder:
    """The network in a file.

    Args:
        path: ONNX with int64 inputs as :func:`pair_inputs` gives them, and one output: a logit per pair.
        start: id of the token that begins a row.
        end: id of the token that ends a text.
    """

    def __init__(self, path: Path, start: int, end: int) -> None:
        self._path = path
        self._start = start
        self._end = end
        self._session: Any = None
        self._loading = threading.Lock()

    @property
    def loaded(self) -> bool:
        """Whether the next question is answered without loading anything."""
        return self._session is not None

    def load(self) -> None:
        """Load the network: some 100 to 200 ms of CPU and 70 MB, once.

        Raises:
            ArtifactError: ONNX Runtime cannot be imported, or the file is no such network.
        """
        with self._loading:
            if self._session is None:
                self._session = _session(self._path)

    def logits(self, pairs: Sequence[tuple[Ids, Ids]]) -> NDArray[np.float64]:
        """Logits float64 [N] of N pairs of token ids; above 0 means that one answer rather serves both.

        Raises:
            ArtifactError: see ``load``.
        """
        if self._session is None:
            self.load()
        (found,) = self._session.run(None, pair_inputs(pairs, self._start, self._end))
        return np.asarray(found, np.float64).reshape(len(pairs))


def _session(path: Path) -> Any:
    # Before it is loaded: it would store an id of this machine in the user's home, and only then could be told not to.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise ArtifactError(f"{path}: ONNX Runtime cannot be loaded ({error}); install onnxruntime.") from error
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # it would keep the memory of the longest pair ever read
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises kinds of its own, which share no base but Exception
        raise ArtifactError(f"{path}: not a network that ONNX Runtime can run ({error}); {REMEDY}") from error
