"""Readers: texts to tokens with vectors, by the static table that serving has, or by the teacher that it has not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from router.scoring.encoder import TOKENIZER_FILE, read_table
from router.scoring.verifier.alignment import Tokens, Vectors
from router.scoring.verifier.tokens import TokenTable
from training.progress import progress

Reader = Callable[[Sequence[str]], dict[str, Tokens]]
"""Distinct texts to their tokens."""

RARITY = 1e-3
"""Smooth inverse frequency: a token that makes up this share of a corpus weighs one half."""

MAX_TOKENS = 384
TEXTS_AT_ONCE = 64


def static_reader(folder: Path) -> Reader:
    """Vectors of the static encoder in ``folder``, the same wherever a token stands."""
    tokenizer, vectors, scales = read_table(folder)
    unweighted = TokenTable(tokenizer, vectors, scales, np.ones_like(scales))

    def read(texts: Sequence[str]) -> dict[str, Tokens]:
        found = {text: unweighted.ids(text) for text in texts}
        weights = rarity((packed.array().tolist() for packed in found.values()), len(scales))
        table = TokenTable(tokenizer, vectors, scales, weights)
        return {text: table.tokens(packed) for text, packed in found.items()}

    return read


def teacher_reader(folder: Path) -> Reader:
    """Vectors of the last layer of a sentence encoder, in context; needs the ``distill`` extra."""
    import torch
    from transformers import BertModel

    model = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    tokenizer = _plain_tokenizer(folder / TOKENIZER_FILE)
    start, end = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")

    def read(texts: Sequence[str]) -> dict[str, Tokens]:
        encodings = _encoded(tokenizer, texts)
        order = sorted(range(len(texts)), key=lambda place: len(encodings[place].ids))
        vectors: list[Vectors] = [np.zeros((0, 0), np.float32)] * len(texts)
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            for first in progress(range(0, len(order), TEXTS_AT_ONCE), label="teacher reads texts", unit="batches"):
                places = order[first : first + TEXTS_AT_ONCE]
                rows = [torch.tensor([start, *encodings[place].ids, end]) for place in places]
                ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
                mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
                hidden = torch.nn.functional.normalize(model(ids, attention_mask=mask).last_hidden_state.float(), dim=2)
                for place, row in zip(places, hidden, strict=True):
                    vectors[place] = row[1 : 1 + len(encodings[place].ids)].numpy().copy()
        return _with_kinds(texts, encodings, vectors, tokenizer.get_vocab_size())

    return read


def _plain_tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS, direction="left")  # a conversation asks at its end
    return tokenizer


def _encoded(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Encoding]:
    encodings: list[Encoding] = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    return encodings


def _with_kinds(
    texts: Sequence[str], encodings: Sequence[Encoding], vectors: Iterable[Vectors], vocabulary: int
) -> dict[str, Tokens]:
    weights = rarity((encoding.ids for encoding in encodings), vocabulary).astype(np.float64)
    found = {}
    for text, encoding, rows in zip(texts, encodings, vectors, strict=True):
        pieces = [text[first:last] for first, last in encoding.offsets]
        found[text] = Tokens.of(
            rows,
            weights[encoding.ids],
            numbers=np.array([piece[:1].isdigit() for piece in pieces], bool),
            capitals=np.array([piece[:1].isupper() for piece in pieces], bool),
        )
    return found


def rarity(texts: Iterable[Iterable[int]], vocabulary: int) -> NDArray[np.float32]:
    """float32 [V]: how little of the texts, given as token ids, each token makes up, near 1 for rare ones."""
    counts = Counter(token for text in texts for token in text)
    total = max(1, counts.total())
    shares = np.zeros(vocabulary, np.float32)
    for token, count in counts.items():
        shares[token] = count / total
    return (RARITY / (RARITY + shares)).astype(np.float32)
