"""The fallbacks of a server, from its settings."""

import logging

import pytest

from router.asking import fallbacks_of
from router.settings import Settings
from router.upstream.build import build_upstreams


async def test_fallbacks_may_be_aliases_and_one_that_nobody_has_is_pointed_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = Settings(
        weak_url="http://127.0.0.1:9/v1",
        weak_model="w",
        strong_model="gpt-4.1",
        aliases={"mine": ("nowhere/x", "w")},
        context_fallbacks=("opus", "cloud", "mine", "openai/gpt-4.1"),
        content_filter_fallbacks=("opsu",),
    )
    upstreams = build_upstreams(settings, {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"})
    with caplog.at_level(logging.WARNING):
        fallbacks = fallbacks_of(settings, upstreams)
    await upstreams.aclose()
    assert fallbacks.context == ("anthropic/claude-opus-5-5", "strong", "w", "strong")
    assert fallbacks.content_filter == ("opsu",)
    assert [record.getMessage() for record in caplog.records] == [
        "content_filter_fallbacks: 'opsu' is no route, model or alias that can be asked here by now"
    ]
