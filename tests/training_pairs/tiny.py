"""A BERT so small that it is fitted in no time, and a static encoder of the same words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from router.scoring.encoder import write_encoder
from training.distill.vocabulary import static_tokenizer

DIM = 16


def tiny_bert(folder: Path) -> Path:
    """A BERT of one small layer with random weights and a vocabulary of letters."""
    torch = pytest.importorskip("torch")
    from transformers import BertConfig, BertModel, BertTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{it}" for it in letters)]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=DIM, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder / "bert")
    BertTokenizer(vocab={word: place for place, word in enumerate(words)}).save_pretrained(folder / "bert")
    return folder / "bert"


def tiny_encoder(folder: Path, bert: Path) -> Path:
    """A static encoder of that BERT's words with vectors at random."""
    tokenizer_json, kept = static_tokenizer((bert / "tokenizer.json").read_text(encoding="utf-8"))
    vectors = np.random.default_rng(0).integers(-127, 128, (len(kept), DIM), np.int8)
    write_encoder(folder / "static", tokenizer_json, vectors, np.ones(len(kept), np.float32))
    return folder / "static"
