"""What model servers are known by: a path that only they have, and what they say there.

Each sign is from the server's own documentation or source, as of 29 November 2026. Several servers share a port, and
some imitate others' paths: the imitators come before those whom they imitate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from router.upstream.nearby.asking import Heard, Stranger

MODEL_LIST = "/v1/models"


class Sign(Struct, frozen=True):
    """One server's sign. ``provider`` is its id in the provider table."""

    provider: str
    path: str
    known: Callable[[Heard], bool]


def _owner(name: str) -> Callable[[Heard], bool]:
    """Known by whom its models belong to, as its model list says."""
    return lambda heard: any(row.get("owned_by") == name for row in rows_of(heard.json.get("data")))


OURSELVES = "underdog"
"""Not in the provider table: it has no models of its own."""

SIGNS = (
    Sign(OURSELVES, MODEL_LIST, _owner("underdog")),
    # It answers Ollama's paths too.
    Sign("koboldcpp", "/api/extra/version", lambda heard: heard.json.get("result") == "KoboldCpp"),
    Sign("lmstudio", "/api/v0/models", lambda heard: any("state" in row for row in rows_of(heard.json.get("data")))),
    Sign("ollama", "/", lambda heard: heard.text.strip() == "Ollama is running"),
    Sign("llamacpp", "/props", lambda heard: "default_generation_settings" in heard.json),
    Sign("llamacpp", MODEL_LIST, lambda heard: heard.headers.get("server") == "llama.cpp"),
    Sign("llamacpp", MODEL_LIST, _owner("llamacpp")),
    Sign("vllm", MODEL_LIST, _owner("vllm")),
    Sign("sglang", MODEL_LIST, _owner("sglang")),
    Sign("tgi", "/info", lambda heard: "model_id" in heard.json and "max_concurrent_requests" in heard.json),
    Sign("localai", "/system", lambda heard: "backends" in heard.json),
    Sign("text-generation-webui", "/v1/internal/model/info", lambda heard: "model_name" in heard.json),
)


async def recognised(stranger: Stranger) -> str | None:
    """The id of the provider whose sign it shows; None where it shows none that we know."""
    for sign in SIGNS:
        heard = await stranger.hear(sign.path)
        # A llama.cpp that wants a key says who it is in its refusal, and others in pages of errors.
        if heard is not None and sign.known(heard):
            return sign.provider
    return None


def rows_of(value: Any) -> list[dict[str, Any]]:
    """The objects in what should be a list of objects."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
