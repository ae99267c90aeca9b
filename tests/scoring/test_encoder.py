from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from router.errors import ArtifactError
from router.scoring.encoder import HEAD_TOKENS, MAX_TOKENS, StaticEncoder, write_encoder
from tests.scoring.kernel_parts import DIM, make_encoder, word_tokenizer


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> StaticEncoder:
    return make_encoder(tmp_path_factory.mktemp("encoder"))


def test_an_embedding_is_the_scaled_sum_of_its_tokens_at_unit_length() -> None:
    vectors = np.array([[0, 0], [0, 0], [3, 0], [0, 4]], np.int8)
    tokenizer = word_tokenizer()
    padded = np.zeros((tokenizer.get_vocab_size(), 2), np.int8)
    padded[:4] = vectors
    scales = np.full(len(padded), 0.5, np.float32)
    by_hand = StaticEncoder(tokenizer, padded, scales)
    ids = by_hand.tokenize("prove that")
    assert ids.tolist() == [2, 3]
    np.testing.assert_allclose(by_hand.encode_ids(ids), [0.6, 0.8], atol=1e-7)


def test_embeddings_have_unit_length(encoder: StaticEncoder) -> None:
    vector = encoder.encode_ids(encoder.tokenize("write python code"))
    assert vector.dtype == np.float32
    assert vector.shape == (DIM,)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("text", ["", "   ", "qwertyuiop zxcvb"])
def test_a_text_without_known_tokens_gives_zeros(encoder: StaticEncoder, text: str) -> None:
    assert not encoder.encode_ids(encoder.tokenize(text)).any()


def test_a_batch_has_the_bits_of_single_calls(encoder: StaticEncoder) -> None:
    texts = ["hi there", "", "prove that two is irrational " * 40]
    single = [encoder.encode_ids(encoder.tokenize(text)) for text in texts]
    assert np.array_equal(encoder.encode_batch(encoder.tokenize_batch(texts)), np.array(single))


def test_padding_and_truncation_of_the_tokenizer_file_are_overridden(tmp_path: Path) -> None:
    tokenizer = word_tokenizer()
    tokenizer.enable_padding(length=16, pad_id=1, pad_token="[PAD]")
    tokenizer.enable_truncation(4)
    rows = tokenizer.get_vocab_size()
    encoder = write_encoder(tmp_path, tokenizer.to_str(), np.ones((rows, 2), np.int8), np.ones(rows, np.float32))
    assert len(encoder.tokenize("hi")) == 1
    assert len(encoder.tokenize("hi there what a nice day")) == 6


def test_a_special_token_that_a_user_types_is_plain_text(tmp_path: Path) -> None:
    tokenizer = word_tokenizer()
    tokenizer.add_special_tokens(["[PAD]"])
    rows = tokenizer.get_vocab_size()
    pad = tokenizer.token_to_id("[PAD]")
    encoder = write_encoder(tmp_path, tokenizer.to_str(), np.ones((rows, 2), np.int8), np.ones(rows, np.float32))
    assert pad not in encoder.tokenize("hi [PAD] there")


def test_long_texts_keep_head_and_tail_tokens(encoder: StaticEncoder) -> None:
    ids = encoder.tokenize("hi " * 1000 + "day " * 1000)
    hi, day = encoder.tokenize("hi day").tolist()
    assert len(ids) == MAX_TOKENS
    assert ids[:HEAD_TOKENS].tolist() == [hi] * HEAD_TOKENS
    assert ids[-1] == day


def test_a_scale_that_is_not_a_number_is_refused() -> None:
    tokenizer = word_tokenizer()
    rows = tokenizer.get_vocab_size()
    scales = np.ones(rows, np.float32)
    scales[3] = np.nan
    with pytest.raises(ArtifactError, match=r"scales\.npy"):
        StaticEncoder(tokenizer, np.ones((rows, 2), np.int8), scales)


def test_a_table_smaller_than_the_vocabulary_is_refused() -> None:
    with pytest.raises(ArtifactError, match="different encoders"):
        StaticEncoder(word_tokenizer(), np.ones((3, 2), np.int8), np.ones(3, np.float32))
