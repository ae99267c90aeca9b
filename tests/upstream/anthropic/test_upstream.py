"""Anthropic's protocol over real sockets: chat requests go in, chat completions come out."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from router.configured.secret import Secret
from router.errors import (
    UpstreamBroken,
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
)
from router.types import Native
from router.upstream.anthropic.stream import ChunkStream
from router.upstream.http_upstream import Timeouts
from router.upstream.scripted import Turn
from router.upstream.scripted.messages import SIGNATURE
from tests.upstream.anthropic.conftest import ConnectClaude
from tests.upstream.conftest import Serve

ASK = {"model": "auto", "messages": [{"role": "user", "content": "Is it one two three?"}]}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


async def chunks_of(reply: ChunkStream) -> list[dict[str, Any]]:
    return [json.loads(payload) async for payload in reply]


def told(chunks: list[dict[str, Any]], field: str) -> list[Any]:
    """What the chunks say in one field of their deltas."""
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return [delta[field] for delta in deltas if delta.get(field)]


async def test_a_message_becomes_a_chat_completion(serve: Serve, claude_at: ConnectClaude) -> None:
    server = await serve(model="claude-x", turns=[Turn(reply="Grüße ☃", thinking="Hm.", cached_tokens=2)])

    reply = await claude_at(server, provider="anthropic").complete(ASK)

    answer = json.loads(reply.body)
    ChatCompletion.model_validate(answer, strict=True)
    (choice,) = answer["choices"]
    assert choice["message"]["content"] == "Grüße ☃"
    assert choice["message"]["reasoning_content"] == "Hm."
    assert choice["message"]["thinking_blocks"] == [{"type": "thinking", "thinking": "Hm.", "signature": SIGNATURE}]
    assert choice["finish_reason"] == "stop"
    assert answer["model"] == "claude-x"
    assert answer["usage"]["prompt_tokens"] == 5
    assert answer["usage"]["prompt_tokens_details"] == {"cached_tokens": 2, "cache_creation_tokens": 0}
    assert (reply.served.provider, reply.served.model) == ("anthropic", "claude-haiku-4-5")


async def test_the_request_carries_key_version_and_model(serve: Serve, claude_at: ConnectClaude) -> None:
    server = await serve(api_key="sk-right")

    await claude_at(server, api_key=Secret("sk-right"), headers={"x-org": "o"}).complete(ASK | {"stream": True})

    (request,) = server.chats
    assert request.path == "/v1/messages"
    assert request.headers["x-api-key"] == "sk-right"
    assert "authorization" not in request.headers
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.headers["x-org"] == "o"
    assert (request.body["model"], request.body["stream"]) == ("claude-haiku-4-5", False)


async def test_a_stream_tells_the_same_as_a_whole_answer(serve: Serve, claude_at: ConnectClaude) -> None:
    turn = Turn(reply="One two, three.", thinking="First this. Then that.", cached_tokens=1, cache_written_tokens=2)
    server = await serve(model="claude-x", turns=[turn])
    upstream = claude_at(server)

    whole = json.loads((await upstream.complete(ASK)).body)
    chunks = await chunks_of(await upstream.stream(ASK))

    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    message = whole["choices"][0]["message"]
    assert "".join(told(chunks, "content")) == message["content"]
    assert "".join(told(chunks, "reasoning_content")) == message["reasoning_content"]
    assert [block for blocks in told(chunks, "thinking_blocks") for block in blocks] == message["thinking_blocks"]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == whole["usage"]
    assert server.chats[1].body["stream"] is True


async def test_tool_calls_arrive_whole_and_in_pieces(serve: Serve, claude_at: ConnectClaude) -> None:
    server = await serve(turns=[Turn(call_tool=True)])
    upstream = claude_at(server)

    (call,) = json.loads((await upstream.complete(ASK | {"tools": [TOOL]})).body)["choices"][0]["message"]["tool_calls"]
    chunks = await chunks_of(await upstream.stream(ASK | {"tools": [TOOL]}))

    pieces = [piece for calls in told(chunks, "tool_calls") for piece in calls]
    assert pieces[0]["id"] == call["id"]
    assert pieces[0]["function"]["name"] == call["function"]["name"] == "look"
    assert "".join(piece["function"]["arguments"] for piece in pieces) == call["function"]["arguments"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"


async def test_a_messages_request_is_sent_as_it_came(serve: Serve, claude_at: ConnectClaude) -> None:
    server = await serve()
    body = {
        "model": "claude-opus-5",
        "max_tokens": 99,
        "messages": [{"role": "user", "content": "Hello?"}],
        "metadata": {"user_id": "u"},
        "never_heard_of": {"deep": [1, None]},
        "stream": True,
    }
    headers = {"anthropic-beta": "context-1m-2025-08-07", "x-other": "stays here"}

    await claude_at(server).complete(ASK, native=Native(dialect="messages", body=body, headers=headers))

    (request,) = server.chats
    assert request.body == body | {"model": "claude-haiku-4-5", "stream": False}
    assert request.headers["anthropic-beta"] == "context-1m-2025-08-07"
    assert "x-other" not in request.headers


async def test_what_the_operator_says_of_the_protocol_stands_beside_or_above_the_callers_words(
    serve: Serve, claude_at: ConnectClaude
) -> None:
    server = await serve()
    body = {"max_tokens": 9, "messages": [{"role": "user", "content": "Hello?"}]}
    own = {"Anthropic-Beta": "ours", "anthropic-version": "2024-01-01"}
    native = Native(dialect="messages", body=body, headers={"anthropic-beta": "theirs", "anthropic-version": "1"})
    await claude_at(server, headers=own).complete(ASK, native=native)
    (request,) = server.chats
    assert request.headers["anthropic-beta"] == "ours, theirs"
    assert request.headers["anthropic-version"] == "2024-01-01"


@pytest.mark.parametrize(("reason", "finish"), [("length", "length"), ("content_filter", "content_filter")])
async def test_reasons_to_stop_are_said_in_openais_words(
    serve: Serve, claude_at: ConnectClaude, reason: str, finish: str
) -> None:
    server = await serve(turns=[Turn(finish_reason=reason)])
    answer = json.loads((await claude_at(server).complete(ASK)).body)
    assert answer["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limit_error"), (529, "overloaded_error"), (500, "api_error")])
async def test_a_refusal_keeps_its_status_its_type_and_when_to_come_back(
    serve: Serve, claude_at: ConnectClaude, status: int, kind: str
) -> None:
    server = await serve(turns=[Turn(status=status, error_message="Not now, sk-own.", headers={"retry-after": "7"})])

    with pytest.raises(UpstreamRefused) as caught:
        await claude_at(server, api_key=Secret("sk-own")).stream(ASK)

    assert (caught.value.upstream_status, caught.value.retry_after) == (status, "7")
    error = caught.value.payload()["error"]
    assert error == {"type": kind, "message": "Not now, ***.", "param": None, "code": None}


async def test_a_rejected_key_of_ours_does_not_look_like_the_callers(serve: Serve, claude_at: ConnectClaude) -> None:
    server = await serve(api_key="sk-right")
    with pytest.raises(UpstreamError, match="ANTHROPIC_API_KEY") as caught:
        await claude_at(server, key_setting="ANTHROPIC_API_KEY").complete(ASK)
    assert caught.value.status == 502


async def test_an_error_event_is_an_error_with_the_status_that_its_type_means(
    serve: Serve, claude_at: ConnectClaude
) -> None:
    server = await serve(turns=[Turn(fault="error-midway", error_message="Overloaded, sk.")])
    reply = await claude_at(server).stream(ASK)
    with pytest.raises(UpstreamRefused) as caught:
        await chunks_of(reply)
    assert caught.value.upstream_status == 529
    assert caught.value.message == "Overloaded, ***."


@pytest.mark.parametrize("fault", ["cut-midway", "no-finish", "not-json", "not-a-chat", "no-stream"])
async def test_a_stream_that_does_not_end_as_it_should_is_broken(
    serve: Serve, claude_at: ConnectClaude, fault: str
) -> None:
    server = await serve(turns=[Turn(fault=fault)])
    with pytest.raises(UpstreamBroken):
        await chunks_of(await claude_at(server).stream(ASK))


@pytest.mark.parametrize("fault", ["cut", "not-json", "not-a-chat", "html", "redirect"])
async def test_what_is_no_message_is_broken(serve: Serve, claude_at: ConnectClaude, fault: str) -> None:
    server = await serve(turns=[Turn(fault=fault)])
    with pytest.raises(UpstreamBroken):
        await claude_at(server).complete(ASK)


async def test_an_error_with_status_200_is_an_error(serve: Serve, claude_at: ConnectClaude) -> None:
    server = await serve(turns=[Turn(fault="error-object")])
    with pytest.raises(UpstreamRefused):
        await claude_at(server).complete(ASK)


async def test_silence_ends_a_stream(serve: Serve, claude_at: ConnectClaude) -> None:
    server = await serve(turns=[Turn(fault="hang-midway")])
    reply = await claude_at(server, timeouts=Timeouts(first_token_s=0.2)).stream(ASK)
    with pytest.raises(UpstreamTimeout):
        await chunks_of(reply)
    await server.wait_until_a_client_left()


async def test_a_stream_that_is_let_go_of_ends_at_the_upstream(serve: Serve, claude_at: ConnectClaude) -> None:
    server = await serve(turns=[Turn(fault="hang-midway")])
    reply = await claude_at(server).stream(ASK)
    await anext(aiter(reply))
    await reply.aclose()
    await server.wait_until_a_client_left()


async def test_only_chats_are_answered(serve: Serve, claude_at: ConnectClaude) -> None:
    server = await serve()
    with pytest.raises(UpstreamRefused, match="chat requests only"):
        await claude_at(server).complete({"input": "x"}, endpoint="embeddings")
    assert not server.requests
