"""``underdog ask`` and ``underdog chat``, piped and with a server that is not there."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import CliRunner

from router.cli import main
from router.upstream.scripted import ScriptedServer, Turn
from tests.live import LiveServer, routed

NOBODY = "http://127.0.0.1:9"


@pytest_asyncio.fixture
async def weak() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="weak-model", turns=[Turn(reply="Paris,\tof course.")]) as server:
        yield server


@pytest_asyncio.fixture
async def server(tmp_path: Path, weak: ScriptedServer) -> AsyncIterator[LiveServer]:
    async with routed(tmp_path, weak, None) as running:
        yield running


async def underdog(*arguments: str | bytes, typed: str | bytes = "") -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "router", *arguments),
        env={"PATH": "/usr/bin:/bin"},
        cwd=Path(__file__).resolve().parents[2],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(typed.encode() if isinstance(typed, str) else typed)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_an_answer_is_printed_as_it_is_and_who_gave_it_is_said_beside_it(server: LiveServer) -> None:
    status, out, err = await underdog("ask", "What is the capital of France?", "--url", server.url)
    assert (status, out) == (0, "Paris,\tof course.\n")
    assert (
        err.startswith("(weak: weak-model, by no-strong-model, win rate 0.7") or "(weak: weak-model, by win-rate" in err
    )


async def test_an_answer_may_hold_whatever_ends_lines_in_unicode(server: LiveServer, weak: ScriptedServer) -> None:
    weak.turns = [Turn(reply="One.\u2028Two.\u2029Three.\x85Four.")]
    status, out, err = await underdog("ask", "Count.", "--url", server.url)
    assert (status, out) == (0, "One.\u2028Two.\u2029Three.\x85Four.\n"), err


async def test_as_json_the_answer_and_who_gave_it_are_one_object(server: LiveServer) -> None:
    status, out, err = await underdog("ask", "Good morning!", "--model", "weak", "--url", server.url, "--json")
    told = json.loads(out)
    assert (status, err, told["answer"]) == (0, "", "Paris,\tof course.")
    assert (told["route"], told["model"], told["reason"], told["cache"]) == ("weak", "weak-model", "pinned", "miss")
    assert 0 < told["win_rate"] < 1
    assert told["request_id"].startswith("req_")


async def test_the_model_is_the_callers_to_choose_and_the_question_may_be_piped(
    server: LiveServer, weak: ScriptedServer
) -> None:
    status, _, err = await underdog("ask", "-", "--model", "local", "--url", server.url, typed="Good\nmorning!")
    assert status == 0
    assert "by pinned" in err
    assert weak.chats[-1].body["messages"] == [{"role": "user", "content": "Good\nmorning!"}]


async def test_a_conversation_goes_along(server: LiveServer, weak: ScriptedServer) -> None:
    status, out, _ = await underdog("chat", "--url", server.url, typed="Where?\n\nSure?\n")
    assert (status, out) == (0, "Paris,\tof course.\n" * 2)
    assert [message["content"] for message in weak.chats[-1].body["messages"]] == [
        "Where?",
        "Paris,\tof course.",
        "Sure?",
    ]


async def test_what_a_server_refuses_is_said_in_a_line_and_a_conversation_goes_on(
    server: LiveServer, weak: ScriptedServer
) -> None:
    status, out, err = await underdog("ask", "Hi", "--model", "nobody", "--url", server.url)
    assert (status, out) == (1, "")
    assert err.startswith("Error: The model 'nobody' does not exist here.")
    weak.turns = [Turn(status=400, error_message="No."), Turn(reply="Yes.")]
    status, out, err = await underdog("chat", "--url", server.url, typed="One?\nTwo?\n")
    assert (status, out.strip()) == (0, "Yes.")
    assert "Error: No." in err
    assert [message["content"] for message in weak.chats[-1].body["messages"]] == ["Two?"]


@pytest.mark.parametrize("command", [("ask", "Hi"), ("chat",)])
async def test_without_a_server_there_is_one_line(command: tuple[str, ...]) -> None:
    status, out, err = await underdog(*command, "--url", NOBODY, typed="Hi\n")
    assert (status, out) == (1, "")
    assert err == (
        f"Error: No Underdog answers on {NOBODY}: start it (`underdog serve`), or name another with --url.\n"
    )


async def test_bytes_that_are_no_text_are_asked_as_question_marks(server: LiveServer, weak: ScriptedServer) -> None:
    for arguments, typed in (("ask", b"A caf\xe9?"), b""), (("chat",), b"A caf\xe9?\n"):
        status, _, said = await underdog(*arguments, "--url", server.url, typed=typed)
        assert status == 0, said
        assert weak.chats[-1].body["messages"] == [{"role": "user", "content": "A caf??"}]


@pytest.mark.parametrize("command", [("ask", "Hello!"), ("chat",), ("top", "--once")])
@pytest.mark.parametrize("url", ["nowhere", "http://[::1", "ftp://127.0.0.1", "http://127.0.0.1:99999"])
def test_what_is_no_address_is_said_in_a_line(command: tuple[str, ...], url: str) -> None:
    result = CliRunner().invoke(main, [*command, "--url", url], prog_name="underdog")
    assert (result.exit_code, "must be an address" in result.output) == (2, True)
