"""The teacher: a sentence-transformers model, read for its tokenizer and for vectors of tokens and sentences."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from router.errors import DataError
from training.extras import how_to_install
from training.progress import progress

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FloatArray = NDArray[np.float64]

MAX_TOKENS = 128
"""Longest text that the teacher reads. What comes later adds little to a mean, and much to the time."""

THREADS = 2
"""Fixed, since the order of a sum depends on how many threads share it, and the table must come out the same."""

KNOWN_WEIGHTS = {
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db": (
        "sentence-transformers/all-MiniLM-L6-v2",
        "Apache-2.0",
    ),
}
"""SHA-256 of weights to the model that they are and its licence: copies travel under other names."""

TOKENS_AT_ONCE = 1024
TEXTS_AT_ONCE = 32
WEIGHTS_FILE = "model.safetensors"


class Teacher:
    """A sentence-transformers model on the CPU.

    Args:
        name: what it is called in the encoder's description.
        model: the loaded model; its first module must be a transformer with a fast tokenizer.
        weights_sha256: hash of its weights, "" where they are not one file.
        licence: of the weights, "" where we do not know it.
    """

    def __init__(self, name: str, model: SentenceTransformer, *, weights_sha256: str = "", licence: str = "") -> None:
        self.name = name
        self.licence = licence
        self.weights_sha256 = weights_sha256
        self._model = model
        self._model.max_seq_length = MAX_TOKENS

    @classmethod
    def load(cls, source: str) -> Teacher:
        """Load from a folder or, where the network allows, from the hub.

        Raises:
            DataError: the ``distill`` extra is not installed, or there is no such model.
        """
        try:
            import torch
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging
        except ImportError as error:
            raise DataError(
                f"distilling needs the extra 'distill' ({error.name} is missing): {how_to_install('distill')}"
            ) from error
        logging.disable_progress_bar()
        torch.set_num_threads(THREADS)
        torch.use_deterministic_algorithms(True)
        folder = Path(source)
        try:
            model = SentenceTransformer(source, device="cpu", local_files_only=folder.is_dir())
        except (OSError, ValueError) as error:
            raise DataError(
                f"{source}: no sentence-transformers model there ({_first_line(error)}); "
                "give a folder that has modules.json, or a hub id"
            ) from error
        weights = folder / WEIGHTS_FILE
        sha256 = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else ""
        name, licence = KNOWN_WEIGHTS.get(sha256, (folder.name if folder.is_dir() else source, ""))
        return cls(name, model, weights_sha256=sha256, licence=licence)

    def tokenizer_json(self) -> str:
        """The tokenizer in the form of the ``tokenizers`` package."""
        serialised: str = self._model.tokenizer.backend_tokenizer.to_str()
        return serialised

    def token_vectors(self) -> FloatArray:
        """The model's vector of each token alone, float64 [V, width]: its last layer's mean over [CLS] token [SEP]."""
        import torch

        tokenizer = self._model.tokenizer
        transformer: Any = self._model[0]
        transformer = transformer.auto_model
        start, end = tokenizer.cls_token_id, tokenizer.sep_token_id
        size = tokenizer.backend_tokenizer.get_vocab_size()
        blocks = []
        with torch.inference_mode():
            for first in progress(range(0, size, TOKENS_AT_ONCE), label="teacher reads tokens", unit="blocks"):
                ids = torch.arange(first, min(size, first + TOKENS_AT_ONCE))
                framed = torch.stack([torch.full_like(ids, start), ids, torch.full_like(ids, end)], dim=1)
                hidden = transformer(input_ids=framed, attention_mask=torch.ones_like(framed)).last_hidden_state
                blocks.append(hidden.mean(dim=1).double().numpy())
        return np.concatenate(blocks)

    def sentence_vectors(self, texts: Sequence[str]) -> FloatArray:
        """Unit vectors float64 [N, width] of N texts, as the model itself pools them."""
        order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), texts[place]))
        starts = range(0, len(order), TEXTS_AT_ONCE)
        vectors = np.empty((len(texts), self._width()), np.float64)
        for first in progress(starts, label="teacher reads texts", unit="blocks"):
            places = order[first : first + TEXTS_AT_ONCE]
            vectors[places] = self._model.encode(
                [texts[place] for place in places], normalize_embeddings=True, show_progress_bar=False
            )
        return vectors

    def _width(self) -> int:
        width = self._model.get_embedding_dimension()
        if width is None:
            raise DataError(f"{self.name}: the model does not say how wide its vectors are; choose another teacher")
        return int(width)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
