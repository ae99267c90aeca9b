"""The scripted server itself: it must speak the true protocol, so the official client judges it."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from openai import APIConnectionError, AsyncOpenAI, AuthenticationError, RateLimitError

from router.errors import DataError
from router.upstream.scripted import ScriptedServer, Turn, load_script
from router.upstream.scripted.__main__ import main
from tests.upstream.conftest import Serve

ASK = [{"role": "user", "content": "Hello there?"}]
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]


def client(server: ScriptedServer, key: str = "any") -> AsyncOpenAI:
    return AsyncOpenAI(base_url=server.base_url, api_key=key, max_retries=0)


async def test_the_official_client_understands_a_whole_answer(serve: Serve) -> None:
    server = await serve(model="m-1", turns=[Turn(reply="Hi.")])
    async with client(server) as openai:
        answer = await openai.chat.completions.create(model="m-1", messages=ASK)
    assert answer.choices[0].message.content == "Hi."
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 1)


async def test_the_official_client_understands_a_stream(serve: Serve) -> None:
    server = await serve(turns=[Turn(reply="One two  three\n")])
    async with client(server) as openai:
        options = {"include_usage": True}
        stream = await openai.chat.completions.create(model="m", messages=ASK, stream=True, stream_options=options)
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "One two  three\n"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens == 3


async def test_the_official_client_understands_a_tool_call(serve: Serve) -> None:
    server = await serve(turns=[Turn(call_tool=True)])
    async with client(server) as openai:
        answer = await openai.chat.completions.create(model="m", messages=ASK, tools=TOOLS)
    call = answer.choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("look_up", {"input": "Hello there?"})
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_the_official_client_understands_the_model_list_and_the_errors(serve: Serve) -> None:
    server = await serve(model="m-1", api_key="right", turns=[Turn(status=429), Turn(fault="cut")])
    async with client(server, "right") as openai:
        assert [model.id async for model in openai.models.list()] == ["m-1"]
        with pytest.raises(RateLimitError, match="told to refuse"):
            await openai.chat.completions.create(model="m", messages=ASK)
        with pytest.raises(APIConnectionError):
            await openai.chat.completions.create(model="m", messages=ASK)
    async with client(server, "wrong") as stranger:
        with pytest.raises(AuthenticationError):
            await stranger.models.list()


async def test_turns_are_played_in_order_and_the_last_one_repeats(serve: Serve) -> None:
    server = await serve(turns=[Turn(reply="first"), Turn(reply="last")])
    replies = []
    async with client(server) as openai:
        for _ in range(3):
            answer = await openai.chat.completions.create(model="m", messages=ASK)
            replies.append(answer.choices[0].message.content)
    assert replies == ["first", "last", "last"]
    assert len(server.chats) == 3


async def test_requests_in_small_pieces_and_in_a_row_are_understood(serve: Serve) -> None:
    server = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    request = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    for byte in request:
        writer.write(bytes([byte]))
        await writer.drain()
    writer.write(request * 2)
    received = b""
    while received.count(b'"object":"list"') < 3:
        received += await asyncio.wait_for(reader.read(4096), 5)
    writer.close()
    assert len(server.requests) == 3


def test_a_script_is_read_line_by_line(tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text('{"reply": "a"}\n\n{"status": 500}\n', encoding="utf-8")
    assert load_script(script) == [Turn(reply="a"), Turn(status=500)]


@pytest.mark.parametrize("line", ['{"repply": "a"}', "{", '{"fault": "explode"}', '{"status": 7}', ""])
def test_a_script_that_is_wrong_is_refused_with_its_place(tmp_path: Path, line: str) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text(line, encoding="utf-8")
    with pytest.raises(DataError, match=r"script\.jsonl"):
        load_script(script)


def test_an_unknown_way_to_fail_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--fail", "explode"])
    assert "explode" in capsys.readouterr().err


def test_it_runs_as_a_program_and_ends_on_a_signal() -> None:
    command = [sys.executable, "-m", "router.upstream.scripted", "--model", "m-9", "--fail", "503"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        base_url = process.stdout.readline().rsplit(" ", 1)[1].strip()
        models = httpx.get(f"{base_url}/models").json()
        refused = httpx.post(f"{base_url}/chat/completions", json={"messages": ASK})
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert models["data"][0]["id"] == "m-9"
    assert refused.status_code == 503
