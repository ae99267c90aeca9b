"""The linear algebra of distilling, which needs no torch, on a teacher whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tokenizers import Tokenizer

from training.corpus import Corpus
from training.distill.run import TEXTS_PER_SOURCE, distillation_texts
from training.distill.table import (
    fit_table,
    principal_directions,
    quantise,
    token_frequencies,
    token_weights,
)
from training.distill.vocabulary import special_ids, static_tokenizer
from training.records import Battle, Drops, Graded

WORDS = ("[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "cat", "dog", "the")


def _teacher_tokenizer() -> str:
    special = [
        {"id": WORDS.index(word), "content": word, "single_word": False, "lstrip": False, "rstrip": False}
        | {"normalized": False, "special": True}
        for word in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
    ]
    parts = {
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "padding": None,
        "added_tokens": special,
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: n for n, word in enumerate(WORDS)}, "unk_token": "[UNK]"},
    }
    return json.dumps(parts)


def test_reserved_tokens_leave_the_vocabulary_and_ids_still_point_to_the_teachers() -> None:
    stripped, teacher_ids = static_tokenizer(_teacher_tokenizer())
    tokenizer = Tokenizer.from_str(stripped)
    ids = tokenizer.encode("the cat the dog", add_special_tokens=False).ids
    assert [WORDS[teacher_ids[token]] for token in ids] == ["the", "cat", "the", "dog"]
    assert tokenizer.get_vocab_size() == len(WORDS) - 2 == len(teacher_ids)


def test_special_and_unknown_tokens_are_found_so_that_they_do_not_count() -> None:
    stripped, teacher_ids = static_tokenizer(_teacher_tokenizer())
    assert {WORDS[teacher_ids[token]] for token in special_ids(stripped)} == {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}


def test_frequent_tokens_weigh_less_and_unseen_ones_most() -> None:
    batch = [np.array([0, 0, 0, 0, 1], np.int32)] * 2000
    weights = token_weights(token_frequencies(batch, 50))
    assert weights[0] < weights[1] < weights[49] <= 1.0


def test_fitting_brings_texts_nearer_to_what_the_teacher_says_of_unseen_ones() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(60, 8))
    said = truth + generator.normal(scale=2.0, size=truth.shape)  # what the teacher makes of single tokens
    texts = [generator.integers(0, 60, 12).astype(np.int32) for _ in range(900)]
    sentences = np.stack([truth[ids].mean(axis=0) for ids in texts])
    sentences /= np.linalg.norm(sentences, axis=1, keepdims=True)
    frequencies = token_frequencies(texts[:700], 60)
    table = fit_table(said, frequencies, token_weights(frequencies), texts[:700], sentences[:700])

    def likeness(rows: np.ndarray) -> float:
        means = np.stack([rows[ids].sum(axis=0) for ids in texts[700:]])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        return float((means * sentences[700:]).sum(axis=1).mean())

    assert likeness(table) > likeness(said) + 0.1


def test_a_token_that_no_text_holds_stays_where_it_started() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(10, 4))
    texts = [generator.integers(0, 9, 6).astype(np.int32) for _ in range(40)]
    frequencies, weights = np.full(10, 0.1), np.ones(10)
    table = fit_table(vectors, frequencies, weights, texts, generator.normal(size=(40, 4)))
    start = vectors[9] - vectors.mean(axis=0)
    cosine = table[9] @ start / np.linalg.norm(table[9]) / np.linalg.norm(start)
    assert abs(cosine) == pytest.approx(1.0)


def test_quantising_moves_no_value_by_more_than_half_a_step() -> None:
    table = np.random.default_rng(0).normal(size=(30, 16))
    table[3] = 0.0
    vectors, scales = quantise(table)
    assert np.all(np.abs(vectors * scales[:, None].astype(np.float64) - table) <= 0.501 * scales[:, None] + 1e-12)
    assert scales[3] == 0.0


def test_principal_directions_are_orthonormal_and_keep_their_sign() -> None:
    sentences = np.random.default_rng(0).normal(size=(100, 12)) * np.arange(1, 13)
    first, second = principal_directions(sentences, 5), principal_directions(sentences[::-1], 5)
    np.testing.assert_allclose(first.T @ first, np.eye(5), atol=1e-9)
    np.testing.assert_allclose(first, second, atol=1e-9)


def test_the_texts_are_a_bounded_sample_of_each_suite_and_every_turn_of_the_votes() -> None:
    graded = [Graded(prompt=f"question {n}", source="exam", task="a", scores={"m": 1.0}) for n in range(900)]
    vote = Battle(prompt="one", model_a="x", model_b="y", winner="tie", source="votes", turns=("one", "two"))
    texts = distillation_texts(Corpus(battles=[vote], graded=graded, drops=Drops(), sources=()))
    assert len(texts) == TEXTS_PER_SOURCE + 2
    assert {"one", "two"} < set(texts)
