"""The teacher's tokenizer, made fit for a static table: no padding, no truncation, no reserved tokens."""

from __future__ import annotations

import json
import re

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

_RESERVED = re.compile(r"\[unused\d+\]")


def static_tokenizer(teacher_json: str) -> tuple[str, NDArray[np.intp]]:
    """Strip a tokenizer of everything that a table look-up does not use.

    Reserved tokens (``[unused0]`` ...) leave the vocabulary and the ids close up. Where the vocabulary is no plain
    mapping of tokens to ids, every token stays.

    Args:
        teacher_json: a tokenizer in the form of the ``tokenizers`` package.

    Returns:
        the new tokenizer in the same form, and for each of its ids the id that the teacher has for this token.
    """
    parts = json.loads(teacher_json)
    parts.update(padding=None, truncation=None, post_processor=None)
    vocabulary = parts["model"].get("vocab")
    if not isinstance(vocabulary, dict):
        size = Tokenizer.from_str(teacher_json).get_vocab_size()
        return _dumped(parts), np.arange(size)
    added = {token["content"]: token["id"] for token in parts["added_tokens"]}
    ids = {**vocabulary, **added}
    kept = [token for token in sorted(ids, key=lambda token: ids[token]) if not _RESERVED.fullmatch(token)]
    new_ids = {token: place for place, token in enumerate(kept)}
    parts["model"]["vocab"] = {token: new_ids[token] for token in kept if token in vocabulary}
    parts["added_tokens"] = [
        {**token, "id": new_ids[token["content"]]} for token in parts["added_tokens"] if token["content"] in new_ids
    ]
    return _dumped(parts), np.array([ids[token] for token in kept], np.intp)


def special_ids(tokenizer_json: str) -> list[int]:
    """Ids of the tokens that stand for no text ([CLS], [PAD], ...) or for unknown text: they must not count."""
    parts = json.loads(tokenizer_json)
    special = {token["id"] for token in parts["added_tokens"] if token.get("special")}
    unknown = parts["model"].get("unk_token")
    vocabulary = parts["model"].get("vocab")
    if unknown is not None and isinstance(vocabulary, dict) and unknown in vocabulary:
        special.add(vocabulary[unknown])
    return sorted(special)


def _dumped(parts: dict[str, object]) -> str:
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
