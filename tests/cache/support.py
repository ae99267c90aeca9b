"""Parts that the cache's tests share: requests, answers, a clock that is set by hand, an encoder of words."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from router.cache import SemanticCache, Ticket
from router.types import CachedAnswer, ChatRequest, Usage

HERE = Path(__file__).parent
DIM = 64


class Clock:
    """Monotonic seconds, moved by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def rows(name: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in (HERE / name).read_bytes().splitlines()]


def body(question: Any = "What is the capital of France?", **fields: Any) -> dict[str, Any]:
    return {"model": "auto", "messages": [{"role": "user", "content": question}], **fields}


def typed(raw: dict[str, Any]) -> ChatRequest:
    return msgspec.convert(raw, ChatRequest)


def ticket(cache: SemanticCache, raw: dict[str, Any], **others: Any) -> Ticket:
    given = {"tenant": "acme", "policy": "threshold=0.5", **others}
    return cache.ticket(request=typed(raw), body=raw, **given)


def completion(content: Any = "Paris.", *, finish_reason: str = "stop", **message: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, **message},
                "logprobs": None,
                "finish_reason": finish_reason,
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
    }


def answer(whole: dict[str, Any] | None = None, *, reason: str = "win-rate", route: Any = "weak") -> CachedAnswer:
    raw = msgspec.Raw(msgspec.json.encode(whole or completion()))
    return CachedAnswer(body=raw, route=route, model="m", usage=Usage(), reason=reason)


def embed(text: str) -> npt.NDArray[np.float32]:
    """Unit vector of the text's words, so that texts sharing words are near one another."""
    vector = np.zeros(DIM, dtype=np.float32)
    for word in text.lower().strip("?.! ").split():
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        vector += np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector
