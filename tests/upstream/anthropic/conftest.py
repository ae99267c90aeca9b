"""Upstreams that speak Anthropic's protocol to scripted servers."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest_asyncio

from router.configured.secret import Secret
from router.upstream.anthropic import AnthropicUpstream
from router.upstream.scripted import ScriptedServer

ConnectClaude = Callable[..., AnthropicUpstream]


@pytest_asyncio.fixture
async def claude_at() -> AsyncIterator[ConnectClaude]:
    """Builds upstreams for servers, and closes them after the test."""
    upstreams: list[AnthropicUpstream] = []

    def build(server: ScriptedServer, **options: Any) -> AnthropicUpstream:
        settings = {"name": "strong", "base_url": server.base_url, "model": "claude-haiku-4-5", "api_key": Secret("sk")}
        upstream = AnthropicUpstream(**{**settings, **options})
        upstreams.append(upstream)
        return upstream

    yield build
    for upstream in upstreams:
        await upstream.aclose()
