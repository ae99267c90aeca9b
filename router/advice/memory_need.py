"""How much memory a model takes: its weights, what it remembers of a conversation, and what computing takes."""

from __future__ import annotations

from msgspec import Struct

from router.advice.local_models import Build, LocalModel

MIB = 1024**2
GIB = 1024**3

KV_BYTES = 2
"""Bytes of one number in the key-value cache: 16 bits, what llama.cpp and Ollama take unless told otherwise."""

COMPUTE_BYTES = 560 * MIB
"""Room for intermediate results: what llama.cpp's logs say of 8B models at 8,192 tokens in batches of 512.

Of Qwen2.5 7B at 4,096 tokens with flash attention they say 304 MiB.
"""

DRIVER_BYTES = 464 * MIB
"""What a driver's context takes of a GPU's memory: an allowance of ours, since it differs by driver."""


class MemoryNeed(Struct, frozen=True):
    """What a model takes, in bytes, at a length of context in tokens."""

    weights: int
    kv_cache: int
    overhead: int
    context: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.kv_cache + self.overhead


def kv_cache_bytes(model: LocalModel, context: int) -> int:
    """Bytes that ``context`` tokens take in the key-value cache.

    As if every layer remembered every token: models with sliding windows (gpt-oss) take less.
    """
    return 2 * model.layers * model.kv_heads * model.head_dim * KV_BYTES * context


def memory_need(model: LocalModel, build: Build, *, context: int, gpu: bool) -> MemoryNeed:
    """What a model needs to answer one request at a time, of at most ``context`` tokens or of the most it takes."""
    context = min(context, model.context)
    overhead = COMPUTE_BYTES + (DRIVER_BYTES if gpu else 0)
    return MemoryNeed(build.size, kv_cache_bytes(model, context), overhead, context)
