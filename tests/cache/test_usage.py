"""From an answer, or the chunks of one, to its tokens."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router.cache import StreamFold, read_answer
from router.types import SO_FAR, Usage
from router.upstream.anthropic import reply

USAGE = {"prompt_tokens": 20, "completion_tokens": 9}


def folded(*chunks: dict[str, Any]) -> StreamFold:
    fold = StreamFold()
    for chunk in chunks:
        fold.add(json.dumps(chunk).encode())
    return fold


def piece(text: str, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": more.pop("finish", None)}], **more}


def test_usage_in_every_chunk_is_final_with_the_last_word() -> None:
    counted = [{"prompt_tokens": 20, "completion_tokens": told} for told in (1, 2, 3)]
    midway = folded(piece("a", usage=counted[0]), piece("b", usage=counted[1]))
    assert (midway.usage, midway.so_far) == (None, Usage(prompt_tokens=20, completion_tokens=2))
    ended = folded(piece("a", usage=counted[0]), piece("b", usage=counted[1], finish="stop"))
    assert ended.usage == Usage(prompt_tokens=20, completion_tokens=2)
    told_apart = folded(piece("a", usage=counted[0], finish="stop"), {"choices": [], "usage": counted[2]})
    assert told_apart.usage == Usage(prompt_tokens=20, completion_tokens=3)


def test_what_is_so_far_is_no_part_of_the_answer() -> None:
    fold = StreamFold()
    assert fold.add(json.dumps({"choices": [], SO_FAR: USAGE}).encode()) == "private"
    assert fold.add(json.dumps(piece("a", finish="stop")).encode()) == "piece"
    assert (fold.usage, fold.so_far) == (None, Usage(prompt_tokens=20, completion_tokens=9))
    body = fold.body()
    assert body is not None
    assert b"so_far" not in body


@pytest.mark.parametrize("tier", ["flex", "priority", "default"])
def test_the_service_tier_is_read_of_whole_and_of_streamed_answers(tier: str) -> None:
    whole = read_answer(json.dumps({"choices": [], "usage": USAGE, "service_tier": tier}).encode()).usage
    chunks = (piece("a", service_tier=tier, finish="stop"), {"choices": [], "usage": USAGE})
    assert whole == folded(*chunks).usage
    assert whole is not None
    assert whole.service_tier == tier


def test_a_tier_that_is_no_text_is_none() -> None:
    usage = read_answer(json.dumps({"usage": USAGE | {"service_tier": 3}, "service_tier": ["flex"]}).encode()).usage
    assert usage is not None
    assert usage.service_tier is None


def test_every_kind_of_token_that_is_billed_apart_is_read() -> None:
    details = {
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 5, "cache_creation_tokens": 6},
        "completion_tokens_details": {"reasoning_tokens": 7, "audio_tokens": 8},
    }
    assert read_answer(json.dumps({"usage": USAGE | details}).encode()).usage == Usage(
        prompt_tokens=20,
        completion_tokens=9,
        cached_tokens=4,
        cache_written_tokens=6,
        prompt_audio_tokens=5,
        reasoning_tokens=7,
        completion_audio_tokens=8,
    )


def test_anthropics_counts_keep_what_the_price_hangs_on() -> None:
    told = reply.usage(
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 4,
            "cache_creation_input_tokens": 6,
            "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 5},
            "output_tokens": 3,
            "service_tier": "batch",
        }
    )
    assert read_answer(json.dumps({"usage": told}).encode()).usage == Usage(
        prompt_tokens=20,
        completion_tokens=3,
        cached_tokens=4,
        cache_written_tokens=6,
        cache_written_1h_tokens=5,
        service_tier="batch",
    )
    assert "service_tier" not in reply.usage({"input_tokens": 1, "service_tier": "standard"})
    assert reply.usage({"input_tokens": 1, "service_tier": "standard", "speed": "fast"})["service_tier"] == "fast"
