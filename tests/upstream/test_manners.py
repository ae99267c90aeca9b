"""An upstream is asked without what it refuses of our own additions, and nobody can teach it anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router.errors import UpstreamRefused
from router.types import Native
from router.upstream.scripted import Turn
from tests.upstream.conftest import Connect, Serve

TRANSLATED = Native(dialect="responses", body={})
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi?"}]}
WISHES = {**ASK, "reasoning_effort": "high"}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_that_does_not_think_is_asked_without_and_not_again_with(
    serve: Serve, connect: Connect, *, stream: bool
) -> None:
    refusal = Turn(status=400, error_message='"llama3.1:8b" does not support thinking')
    server = await serve(turns=[refusal, Turn(reply="Yes."), Turn(reply="Yes.")])
    upstream = connect(server)
    for _ in range(2):
        if stream:
            assert [chunk async for chunk in await upstream.stream(WISHES, native=TRANSLATED)]
        else:
            await upstream.complete(WISHES, native=TRANSLATED)
    assert ["reasoning_effort" in chat.body for chat in server.chats] == [True, False, False]


async def test_other_refusals_and_efforts_that_a_caller_named_in_chat_are_passed_on(
    serve: Serve, connect: Connect
) -> None:
    said = "reasoning_effort is not supported"
    server = await serve(turns=[Turn(status=400, error_message="No."), Turn(status=400, error_message=said)])
    upstream = connect(server)
    for native in (TRANSLATED, None):
        with pytest.raises(UpstreamRefused):
            await upstream.complete(WISHES, native=native)
    assert len(server.chats) == 2


async def test_who_refuses_to_be_asked_for_usage_is_not_asked_again(serve: Serve, connect: Connect) -> None:
    detail = {
        "loc": ["body", "stream_options", "include_usage"],
        "msg": "Extra inputs are not permitted",
        "input": True,
    }
    refusal = Turn(status=422, error_body=json.dumps({"object": "error", "message": {"detail": [detail]}}))
    server = await serve(turns=[refusal, Turn(reply="Yes.")])
    upstream = connect(server)
    for asked in (ASK, ASK | {"stream_options": {"include_usage": True}}):
        assert [payload async for payload in await upstream.stream(asked)]
    assert ["stream_options" in chat.body for chat in server.chats] == [True, False, False]
    assert [payload async for payload in await connect(server, provider="mistral").stream(ASK)]
    assert "stream_options" not in server.chats[-1].body


async def test_a_refusal_that_only_quotes_the_caller_teaches_nothing(serve: Serve, connect: Connect) -> None:
    refusal = Turn(status=400, error_message="No tool is named 'stream_options' or 'reasoning_effort'.")
    server = await serve(turns=[refusal, refusal, Turn(reply="Yes.")])
    upstream = connect(server)
    with pytest.raises(UpstreamRefused):
        await upstream.stream(ASK)
    assert [payload async for payload in await upstream.stream(ASK)]
    assert [chat.body.get("stream_options") for chat in server.chats] == [
        {"include_usage": True},
        None,
        {"include_usage": True},
    ]
