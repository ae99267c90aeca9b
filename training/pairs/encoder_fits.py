"""Pair encoders as they are needed, each fitted once, and kept where a folder is named: a fit takes minutes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import msgspec
from safetensors.torch import load_file, save_file

from router.errors import DataError
from training.encoders import load_encoder
from training.pairs import recipe
from training.pairs.cross_encoder import CrossEncoder
from training.pairs.folds import only_measured
from training.pairs.near_words import near_words
from training.pairs.read import read_qqp
from training.pairs.recipe import Near, fit_general, fit_own
from training.pairs.records import RequestPair

Say = Callable[[str], None]


class EncoderFits:
    """Fits of the pair encoder that share their first stage.

    Args:
        teacher: folder of a sentence encoder.
        quora: Quora's pairs to fit on.
        near: words that stand near others.
        keep: where fits are kept, so that a run that was cut off goes on where it was; nowhere where None.
        seed: fixes the fits.
        say: is told how they go.
    """

    def __init__(
        self, teacher: Path, quora: Sequence[RequestPair], near: Near, *, keep: Path | None, seed: int, say: Say
    ) -> None:
        self._teacher = teacher
        self._quora = quora
        self._near = near
        self._keep = keep
        self._seed = seed
        self._say = say

    def own(self, pairs: Sequence[RequestPair], *, name: str, seed: int) -> CrossEncoder:
        """An encoder that has seen Quora's pairs and ``pairs``.

        Raises:
            DataError: the folder of fits cannot be written to, or what it holds cannot be read.
        """

        def fit() -> CrossEncoder:
            return fit_own(self._general, pairs, self._quora, self._near, seed=self._seed + seed, say=self._say)

        return self._kept(name, [*self._quora, *pairs], fit)

    @classmethod
    def of_data(
        cls, data: Path, encoder: Path, teacher: Path, *, keep: Path | None, seed: int, say: Say
    ) -> EncoderFits:
        """With all of Quora's pairs in the folder ``data`` but the quarter that is only measured.

        Raises:
            DataError: pairs or the static encoder in the folder ``encoder`` cannot be read.
        """
        quora = [pair for pair in read_qqp(data, most=None, seed=seed) if not only_measured(pair)]
        texts = [text for pair in quora for text in (pair.a, pair.b)]
        return cls(teacher, quora, near_words(texts, load_encoder(encoder)), keep=keep, seed=seed, say=say)

    @cached_property
    def _general(self) -> CrossEncoder:
        self._say("pair encoder: Quora's pairs")
        return self._kept(
            "general",
            self._quora,
            lambda: fit_general(self._teacher, self._quora, self._near, seed=self._seed, say=self._say),
        )

    def _kept(self, name: str, pairs: Sequence[RequestPair], fit: Callable[[], CrossEncoder]) -> CrossEncoder:
        if self._keep is None:
            return fit()
        path = self._keep / f"{name}-{_digest(self._seed, pairs)}.safetensors"
        try:
            if path.is_file():
                encoder = CrossEncoder.from_teacher(self._teacher, seed=self._seed)
                encoder.network.load_state_dict(load_file(path))
                return encoder
            self._keep.mkdir(parents=True, exist_ok=True)
            encoder = fit()
            save_file(encoder.network.state_dict(), path)
        except (OSError, RuntimeError) as error:
            raise DataError(
                f"{path}: a fit cannot be kept there ({error}); name another folder or remove it"
            ) from error
        return encoder


def _digest(seed: int, pairs: Sequence[RequestPair]) -> str:
    """Changes with the seed, with any pair that is fitted on and with the recipe's numbers."""
    return blake2b(msgspec.json.encode([seed, recipe.numbers(), pairs]), digest_size=8).hexdigest()
