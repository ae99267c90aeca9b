"""The verifier that serving uses: loaded once, off the path of requests, with the wording rules until then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from router.cache.judge import Judge
from router.cache.verify import Glimpse, LearnedVerifier, Verifier, WordingVerifier
from router.errors import ArtifactError
from router.scoring.verifier.conversation import Turns
from router.scoring.verifier.evidence import MAX_WRONG, NEVER

logger = logging.getLogger(__name__)


def load_verifier(folder: Path | None = None, *, max_wrong: float = MAX_WRONG) -> Verifier:
    """Load a verifier whole, its pair encoder too; about half a second of CPU.

    Args:
        folder: ``models/verifier/<version>``; None: the shipped one.
        max_wrong: share of traps that may be answered wrongly, as an upper limit.

    Raises:
        ArtifactError: it cannot be loaded; the message names the file and the remedy.
    """
    # The rules need none of this, and a server that starts should not wait for it.
    from router.scoring.verifier.artifact import default_verifier_path
    from router.scoring.verifier.verifier import PairVerifier

    pairs = PairVerifier.load(folder if folder is not None else default_verifier_path())
    pairs.load_encoder()
    return LearnedVerifier(pairs, max_wrong=max_wrong)


def adopted(verifier: Verifier, judge: Judge) -> Verifier:
    """Let ``judge`` go by this verifier and its evidence, if it has any; gives the verifier back."""
    if isinstance(verifier, LearnedVerifier):
        manifest = verifier.pairs.manifest
        judge.adopt(verifier, manifest.evidence, name=f"{manifest.label}@{manifest.digest[:16]}")
    return verifier


def load_or_rules(load: Callable[[], Verifier] = load_verifier) -> Verifier:
    """What ``load`` gives or, with one warning, the wording rules where it cannot be loaded."""
    try:
        return load()
    except ArtifactError as error:
        logger.warning("cache: rewordings are judged by rule alone, the verifier cannot be loaded: %s", error)
        return WordingVerifier()


class BackgroundVerifier:
    """Judges by the wording rules until ``load`` is through, then by what that gives.

    Args:
        load: makes the verifier; runs once, in a thread of its own, from ``start`` on.
    """

    def __init__(self, load: Callable[[], Verifier] = load_verifier) -> None:
        self._load = load
        self._current: Verifier = WordingVerifier()
        # No daemon, not even where a daemon makes it: a process that ends one within ONNX Runtime's start aborts.
        self._thread = threading.Thread(target=self._run, name="cache-verifier", daemon=False)

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> Verifier:
        """Wait until loading has ended, well or not, and give the verifier that judges from then on."""
        self._thread.join(timeout_s)
        return self._current

    @property
    def current(self) -> Verifier:
        """The verifier that judges now. Ask one object where a score is compared with a threshold."""
        return self._current

    @property
    def name(self) -> str:
        """See ``Verifier``."""
        return self._current.name

    @property
    def threshold(self) -> float:
        """See ``Verifier``."""
        return self._current.threshold

    def prepare(self, turns: Sequence[str] | str) -> Turns:
        """See ``Verifier``."""
        return Turns(turns)

    def score(self, cached: Turns, new: Turns, *, at_least: float = NEVER, seen: Glimpse | None = None) -> float:
        """See ``Verifier``."""
        return self._current.score(cached, new, at_least=at_least, seen=seen)

    def glance(self, cached: Turns, new: Turns, *, at_least: float = NEVER) -> Glimpse:
        """See ``Verifier``."""
        return self._current.glance(cached, new, at_least=at_least)

    def probability(self, cached: Turns, new: Turns) -> float:
        """See ``Verifier``."""
        return self._current.probability(cached, new)

    def same(self, cached: Turns, new: Turns) -> bool:
        """See ``Verifier``."""
        return self._current.same(cached, new)

    def _run(self) -> None:
        self._current = load_or_rules(self._load)
