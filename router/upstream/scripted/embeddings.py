"""The embeddings that a scripted server gives: vectors that mean nothing, but repeat, and have the form asked for."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Mapping
from typing import Any

from router.upstream.scripted.answers import Json, encode
from router.upstream.scripted.prompts import words

WIDTH = 8
"""Numbers in a vector, where the request does not say."""


WIDEST = 4096
"""Most numbers in a vector."""


def embeddings(request: Mapping[str, Any]) -> Json | None:
    """The answer to ``POST /v1/embeddings``: one vector for each text, or for each list of tokens.

    None where the request asks for vectors that nobody makes.
    """
    given = request["input"]
    several = isinstance(given, list) and not (given and isinstance(given[0], int))
    width = request.get("dimensions", WIDTH)
    if not isinstance(width, int) or not 1 <= width <= WIDEST:
        return None
    vectors = [_vector(entry, width) for entry in (given if several else [given])]
    packed = request.get("encoding_format") == "base64"
    asked = words(given)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": place, "embedding": _packed(vector) if packed else vector}
            for place, vector in enumerate(vectors)
        ],
        "model": request.get("model"),
        "usage": {"prompt_tokens": asked, "total_tokens": asked},
    }


def _vector(entry: Any, width: int) -> list[float]:
    digest = hashlib.shake_256(encode(entry)).digest(width)
    return [byte / 256 for byte in digest]  # exact in 32 bits, as base64 carries them


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
