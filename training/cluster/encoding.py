"""Encoding prompts on the workers of a cluster: the same rows as here, bit by bit, in the order of the prompts.

The encoder goes along as the bytes of its files, once to every worker; workers on other machines have none of them.
A worker that does not get the rows of our golden prompts out of it, to the bit, refuses to encode.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from distributed import Client, Future, get_worker
from distributed.scheduler import KilledWorker

from router.errors import ClusterError
from router.scoring.encoder import ENCODER_FILES, StaticEncoder, encoder_sha256
from router.scoring.inputs import Inputs
from router.scoring.manifest import file_sha256
from router.scoring.prompt import bound
from training.cluster.faults import LOST, REMEDY, STILL_S, TRIES, failures_told, killed, wait_for_a_worker
from training.encoding import Matrix, blocks_of, gathered, vectors_of
from training.golden_prompts import GOLDEN_PROMPTS

AHEAD = 2
"""Blocks given out for each thread of the workers: one that is worked on, one that waits."""

LOOK_S = 30.0
"""A block that takes longer is waited for only as long as there are workers, and no longer than ``STILL_S``."""


@dataclass(frozen=True, slots=True)
class SentEncoder:
    """An encoder on its way to the workers: files, and ``golden``, the rows float32 [G, D] of the golden prompts."""

    sha256: str
    files: Mapping[str, bytes] = field(compare=False, repr=False)
    golden: Matrix = field(compare=False, repr=False)

    @classmethod
    def of(cls, encoder: StaticEncoder, folder: Path) -> SentEncoder:
        """The files in ``folder``, from which ``encoder`` was loaded."""
        hashes = {name: file_sha256(folder / name) for name in ENCODER_FILES}
        files = {name: (folder / name).read_bytes() for name in ENCODER_FILES}
        return cls(encoder_sha256(hashes), files, Inputs(encoder).raw(GOLDEN_PROMPTS))


Work = Callable[[SentEncoder, Sequence[str]], Matrix]
"""What a worker does with a block of texts."""


@lru_cache(maxsize=1)
def unpacked(sent: SentEncoder) -> Inputs:
    """The encoder on a worker, loaded once and checked.

    Raises:
        ClusterError: it does not give the golden rows here; names the worker.
    """
    with TemporaryDirectory() as scratch:
        for name, content in sent.files.items():
            (Path(scratch) / name).write_bytes(content)
        inputs = Inputs(StaticEncoder.load(Path(scratch)))  # maps the table, which outlives the folder
    if inputs.raw(GOLDEN_PROMPTS).tobytes() != sent.golden.tobytes():
        raise ClusterError(
            f"the Dask worker {get_worker().address} gets other rows out of the same prompts than this machine; "
            "install the same checkout of Underdog there"
        )
    return inputs


def block_of_rows(sent: SentEncoder, texts: Sequence[str]) -> Matrix:
    """On a worker: raw input rows float32 [N, D]."""
    return unpacked(sent).raw(texts)


def block_of_vectors(sent: SentEncoder, texts: Sequence[str]) -> Matrix:
    """On a worker: unit vectors float32 [N, dim]."""
    return vectors_of(unpacked(sent).encoder, texts)


class EncodedThere:
    """The encoding that the workers of a cluster do.

    Blocks are given out a few ahead of the one that is waited for, so neither the scheduler nor this process ever holds
    all texts once more. A block that is lost with its worker is given out again.

    Args:
        client: is connected.
        encoder: was loaded from ``folder``.
        folder: holds the encoder's files.
    """

    def __init__(self, client: Client, encoder: StaticEncoder, folder: Path) -> None:
        self._client = client
        self._width = Inputs(encoder).width
        self._encoder = SentEncoder.of(encoder, folder)
        self._sent = self._send()

    def vectors(self, texts: Sequence[str]) -> Iterator[Matrix]:
        """Unit vectors of the texts, float32 [``TEXTS_AT_ONCE``, dim] a block."""
        return self._spread(block_of_vectors, texts)

    def rows(self, texts: Sequence[str]) -> Matrix:
        """Raw input rows float32 [N, D] of N texts, with a bar where it takes long."""
        return gathered(self._spread(block_of_rows, texts), len(texts), self._width)

    def _spread(self, work: Work, texts: Sequence[str]) -> Iterator[Matrix]:
        ahead: deque[_Given] = deque()
        with failures_told():
            most = AHEAD * sum(self._client.nthreads().values())
            for block in blocks_of(texts):
                ahead.append(self._give(work, [bound(text) for text in block]))
                if len(ahead) > most:
                    yield self._result(ahead.popleft())
            while ahead:
                yield self._result(ahead.popleft())

    def _result(self, given: _Given) -> Matrix:
        """What comes of a block; raises ``ClusterError`` where it is lost again and again."""
        for _ in range(TRIES):
            try:
                return self._awaited(given.future)
            except KilledWorker as error:
                raise killed(error) from error
            except LOST as error:
                last = error
            given = self._give_again(given)
        raise ClusterError(f"a block of prompts was lost on Dask {TRIES} times ({last}); {REMEDY}") from last

    def _awaited(self, future: Future) -> Matrix:
        deadline = monotonic() + STILL_S
        while True:
            try:
                rows: Matrix = future.result(timeout=LOOK_S)
            except TimeoutError:
                if monotonic() > deadline:
                    raise
                wait_for_a_worker(self._client)
            else:
                return rows

    def _give(self, work: Work, texts: list[str]) -> _Given:
        return _Given(work, texts, self._sent, self._client.submit(work, self._sent, texts, pure=False))

    def _give_again(self, given: _Given) -> _Given:
        wait_for_a_worker(self._client)
        if given.encoder is self._sent:  # all who had it are gone, else Dask had seen to it
            self._sent = self._send()
        return self._give(given.work, given.texts)

    def _send(self) -> Future:
        with failures_told():
            return self._client.scatter(self._encoder, broadcast=True, hash=False)


@dataclass(frozen=True, slots=True)
class _Given:
    """A block that a worker has."""

    work: Work
    texts: list[str]
    encoder: Future
    future: Future
