"""The extra for everything else: the library any-llm between us and a scripted server, over real sockets."""

import asyncio
import importlib.util
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from router.configured.deployments import Deployment
from router.configured.secret import Secret
from router.errors import (
    InvalidRequest,
    SettingsError,
    UpstreamBroken,
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from router.types import Native
from router.upstream.any_llm import AnyLLMUpstream
from router.upstream.connect import connect
from router.upstream.http_upstream import Timeouts
from router.upstream.scripted import ScriptedServer, Turn
from tests.upstream.conftest import Serve

INSTALLED = importlib.util.find_spec("any_llm") is not None
needs_library = pytest.mark.skipif(not INSTALLED, reason="the extra all-providers (any-llm-sdk) is not installed")

ASK: dict[str, Any] = {
    "model": "auto",
    "messages": [{"role": "user", "content": "Is it one two three?"}],
    "temperature": 0.5,
}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
Through = Callable[..., AnyLLMUpstream]


@pytest_asyncio.fixture
async def through() -> AsyncIterator[Through]:
    """Builds upstreams that ask a server by way of the library's OpenAI provider."""
    built: list[AnyLLMUpstream] = []

    def make(server: ScriptedServer | None, **options: Any) -> AnyLLMUpstream:
        url = server.base_url if server else "http://127.0.0.1:9/v1"
        settings = {"name": "strong", "provider": "openai", "model": "m", "api_key": Secret("sk"), "base_url": url}
        built.append(AnyLLMUpstream(**{**settings, **options}))
        return built[-1]

    yield make
    for upstream in built:
        await upstream.aclose()


def test_without_the_library_a_deployment_that_names_it_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['any_llm'] = None\n"
        "import importlib.util; importlib.util.find_spec = lambda name: None\n"
        "from router.upstream.any_llm import AnyLLMUpstream\n"
        "try: AnyLLMUpstream(name='mine', provider='bedrock', model='m')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert "SettingsError" in done.stdout
    assert "underdog-router[all-providers]" in done.stdout


@needs_library
def test_importing_the_library_connects_to_nobody_and_is_not_needed_to_import_us() -> None:
    script = (
        "import socket, sys\n"
        "def refuse(*arguments): raise AssertionError('a connection')\n"
        "import router.upstream.connect\n"
        "assert 'any_llm' not in sys.modules\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "import any_llm; print('quiet')"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "quiet"


@needs_library
async def test_a_whole_answer_comes_through(serve: Serve, through: Through) -> None:
    server = await serve(model="far-model", api_key="sk", turns=[Turn(reply="Grüße ☃", thinking="Hm.")])

    reply = await through(server).complete(ASK)

    answer = json.loads(reply.body)
    ChatCompletion.model_validate(answer)
    assert answer["choices"][0]["message"]["content"] == "Grüße ☃"
    assert answer["choices"][0]["message"]["reasoning_content"] == "Hm."
    assert answer["usage"]["prompt_tokens"] == 5
    assert (reply.served.provider, reply.served.model) == ("openai", "m")
    assert server.chats[0].body["temperature"] == 0.5
    assert server.chats[0].body["model"] == "m"


@needs_library
async def test_a_stream_comes_through_and_ends_with_its_usage(serve: Serve, through: Through) -> None:
    server = await serve(turns=[Turn(reply="One two, three.")])

    chunks = [json.loads(payload) async for payload in await through(server).stream(ASK)]

    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    said = [choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]]
    assert "".join(said) == "One two, three."
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks if chunk.get("usage")] == [3]


@needs_library
async def test_a_translated_request_has_the_words_that_its_provider_knows(serve: Serve, through: Through) -> None:
    server = await serve()
    said = {
        "role": "assistant",
        "content": "No.",
        "reasoning_content": "Hm.",
        "thinking_blocks": [{"type": "thinking"}],
    }
    asked = ASK | {"messages": [*ASK["messages"], said, *ASK["messages"]], "max_tokens": 9}
    native = Native(dialect="messages", body={})
    upstream = through(server)
    await upstream.complete(asked, native=native)
    async for _ in await upstream.stream(asked, native=native):
        pass
    for chat in server.chats:
        assert chat.body["messages"][1] == {"role": "assistant", "content": "No."}
        assert chat.body["max_completion_tokens"] == 9


@needs_library
async def test_tool_calls_come_through(serve: Serve, through: Through) -> None:
    server = await serve(turns=[Turn(call_tool=True)])
    answer = json.loads((await through(server).complete(ASK | {"tools": [TOOL], "tool_choice": "required"})).body)
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "look"
    assert answer["choices"][0]["finish_reason"] == "tool_calls"


@needs_library
@pytest.mark.parametrize("field", ["extra_headers", "extra_body", "extra_query", "timeout", "server_url", "base_url"])
@pytest.mark.parametrize("streams", [False, True])
async def test_no_caller_steers_the_library_behind_our_back(
    serve: Serve, through: Through, field: str, streams: bool
) -> None:
    server = await serve(turns=[Turn(reply="Yes.")])
    upstream, body = through(server), ASK | {field: {"model": "dearer", "authorization": "Bearer other"}}
    with pytest.raises(InvalidRequest, match=f"'{field}': .* takes no such field"):
        await (upstream.stream(body) if streams else upstream.complete(body))
    await upstream.complete(body, native=Native(dialect="messages", body={}))
    (chat,) = server.chats
    assert chat.body["model"] == "m"
    assert chat.headers["authorization"] == "Bearer sk"
    assert field not in chat.body


@needs_library
@pytest.mark.parametrize("provider", ["openai", "anthropic", "deepseek"])
@pytest.mark.parametrize("streams", [False, True])
async def test_a_redirect_is_not_followed_with_our_key(
    through: Through, serve: Serve, provider: str, streams: bool
) -> None:
    elsewhere = await serve(turns=[Turn(reply="Caught.")])

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        place = f"{elsewhere.base_url}/chat/completions"
        writer.write(f"HTTP/1.1 307 Go\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    here = await asyncio.start_server(redirect, "127.0.0.1", 0)
    url = f"http://localhost:{here.sockets[0].getsockname()[1]}/v1"
    upstream = through(None, provider=provider, base_url=url)
    with pytest.raises(UpstreamError):
        if streams:
            await anext(aiter(await upstream.stream(ASK)))
        else:
            await upstream.complete(ASK)
    here.close()
    assert elsewhere.requests == []


@needs_library
@pytest.mark.parametrize("status", [400, 429, 500, 503])
async def test_a_refusal_keeps_its_status_and_hides_our_key(serve: Serve, through: Through, status: int) -> None:
    turn = Turn(status=status, error_message="Not now, sk-own.", headers={"retry-after": "7"})
    server = await serve(turns=[turn])
    with pytest.raises(UpstreamRefused) as caught:
        await through(server, api_key=Secret("sk-own")).complete(ASK)
    assert caught.value.upstream_status == status
    assert "sk-own" not in json.dumps(caught.value.payload())
    assert status != 429 or caught.value.retry_after == "7"
    assert len(server.chats) == 1  # whether to ask again is for the pool to say


@needs_library
async def test_a_rejected_key_of_ours_does_not_look_like_the_callers(serve: Serve, through: Through) -> None:
    server = await serve(api_key="sk-right")
    with pytest.raises(UpstreamError, match="THE_KEY") as caught:
        await through(server, key_setting="THE_KEY").complete(ASK)
    assert caught.value.status == 502


@needs_library
async def test_nobody_there_is_unreachable(through: Through) -> None:
    upstream = through(None)
    with pytest.raises(UpstreamUnreachable):
        await upstream.complete(ASK)
    assert upstream.state == "failed"


@needs_library
@pytest.mark.parametrize("provider", ["nobody", "watsonx"])
async def test_a_provider_that_the_library_cannot_ask_is_said_to_be_one(through: Through, provider: str) -> None:
    with pytest.raises(UpstreamError, match=f"any-llm-sdk.{provider}"):
        await through(None, provider=provider).complete(ASK)


@needs_library
async def test_silence_and_broken_streams_are_told_apart(serve: Serve, through: Through) -> None:
    server = await serve(turns=[Turn(fault="hang-midway"), Turn(fault="no-finish"), Turn(fault="hang")])
    hasty = Timeouts(first_token_s=1.0, total_s=5.0)
    upstream = through(server, timeouts=hasty)
    with pytest.raises(UpstreamTimeout):
        [payload async for payload in await upstream.stream(ASK)]
    with pytest.raises(UpstreamBroken):
        [payload async for payload in await upstream.stream(ASK)]
    with pytest.raises(UpstreamTimeout):
        await upstream.stream(ASK)


@needs_library
async def test_a_stream_that_is_let_go_of_ends_at_the_upstream(serve: Serve, through: Through) -> None:
    server = await serve(turns=[Turn(fault="hang-midway")])
    reply = await through(server).stream(ASK)
    await anext(aiter(reply))
    await reply.aclose()
    await server.wait_until_a_client_left()


@needs_library
async def test_only_chats_are_answered(through: Through) -> None:
    with pytest.raises(UpstreamRefused, match="chat requests only"):
        await through(None).complete({"input": "x"}, endpoint="embeddings")


@needs_library
async def test_a_deployment_names_it(serve: Serve) -> None:
    server = await serve(turns=[Turn(reply="Yes.")])
    fields = {"route": "strong", "model": "m", "url": server.base_url, "api_key": Secret("k")}
    deployment = Deployment(provider="any-llm:openai", **fields)
    (upstream,) = connect(deployment, name="far", timeouts=Timeouts(), environ={})
    assert isinstance(upstream, AnyLLMUpstream)
    await upstream.start()
    answer = json.loads((await upstream.complete(ASK)).body)
    assert answer["choices"][0]["message"]["content"] == "Yes."
    with pytest.raises(SettingsError, match="any-llm needs a provider"):
        connect(Deployment(protocol="any-llm", **fields), name="far", timeouts=Timeouts(), environ={})
