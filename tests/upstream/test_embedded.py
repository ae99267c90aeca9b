"""The real embedded LLM: real weights, a real llama.cpp in a real child process."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import msgspec
import pytest

from router.errors import UpstreamRefused, UpstreamUnreachable
from router.upstream.embedded.process import LlamaProcess
from router.upstream.embedded.upstream import MODEL, EmbeddedUpstream

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASK = {"model": "auto", "messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 8}


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def wait_until_gone(pid: int) -> None:
    async with asyncio.timeout(20):
        while is_alive(pid):
            await asyncio.sleep(0.02)


async def test_it_answers(embedded: EmbeddedUpstream) -> None:
    reply = await embedded.complete(ASK)
    answer = json.loads(reply.body)
    assert answer["model"] == MODEL
    assert answer["choices"][0]["message"]["content"]
    assert 0 < answer["usage"]["completion_tokens"] <= 8
    assert embedded.state == "ready"


async def test_it_streams_and_reports_its_usage(embedded: EmbeddedUpstream) -> None:
    stream = await embedded.stream(ASK)
    chunks = [msgspec.json.decode(payload) async for payload in stream]
    assert any(chunk["choices"] and chunk["choices"][0]["delta"].get("content") for chunk in chunks)
    assert chunks[-1]["usage"]["completion_tokens"] > 0


async def test_it_takes_content_in_parts_a_system_prompt_and_a_history(embedded: EmbeddedUpstream) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": " there."}]},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "How are you?"},
    ]
    reply = await embedded.complete(ASK | {"messages": messages})
    assert json.loads(reply.body)["usage"]["prompt_tokens"] > 15


async def test_a_prompt_longer_than_its_context_is_refused_with_400(embedded: EmbeddedUpstream) -> None:
    with pytest.raises(UpstreamRefused, match="context") as caught:
        await embedded.complete(ASK | {"messages": [{"role": "user", "content": "word " * 5000}]})
    assert caught.value.status == 400


async def test_more_requests_than_slots_are_all_answered(embedded: EmbeddedUpstream) -> None:
    replies = await asyncio.gather(*(embedded.complete(ASK | {"max_tokens": 2}) for _ in range(6)))
    assert all(b"choices" in reply.body for reply in replies)


async def test_an_abandoned_answer_frees_its_slot(embedded: EmbeddedUpstream) -> None:
    endless = ASK | {"messages": [{"role": "user", "content": "Count to one million."}], "max_tokens": 3000}
    endless |= {"ignore_eos": True}
    streams = [await embedded.stream(endless) for _ in range(2)]
    requests = [asyncio.create_task(embedded.complete(endless)) for _ in range(2)]
    for stream in streams:
        await anext(aiter(stream))
        await stream.aclose()
    await asyncio.sleep(0.1)
    for request in requests:
        request.cancel()

    async with asyncio.timeout(30):  # each of the four would compute for longer than that
        assert (await embedded.complete(ASK)).body


async def test_others_on_the_machine_cannot_use_it_without_its_key(embedded: EmbeddedUpstream) -> None:
    await embedded.complete(ASK)
    assert embedded._process is not None
    async with httpx.AsyncClient() as stranger:
        refused = await stranger.post(f"{embedded._process.url}/chat/completions", json=ASK)
    assert refused.status_code == 401
    command_line = Path(f"/proc/{embedded.pid}/cmdline").read_bytes()
    assert embedded._process.key.reveal().encode() not in command_line


async def test_a_child_that_dies_is_started_again(embedded: EmbeddedUpstream) -> None:
    await embedded.complete(ASK)
    first = embedded.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    while embedded.pid == first:
        await asyncio.sleep(0.01)

    reply = await embedded.complete(ASK)

    assert b"choices" in reply.body
    assert embedded.pid not in {None, first}


async def test_closing_ends_the_child(embedded_home: Path) -> None:
    upstream = EmbeddedUpstream(name="weak", home=embedded_home)
    await upstream.complete(ASK)
    child = upstream.pid
    assert child is not None

    await upstream.aclose()

    assert not is_alive(child)


async def test_closing_while_it_starts_leaves_nothing_behind(embedded_home: Path) -> None:
    upstream = EmbeddedUpstream(name="weak", home=embedded_home)
    await upstream.start()
    assert upstream.state == "starting"
    await asyncio.sleep(0.1)
    await upstream.aclose()
    assert upstream.pid is None


async def test_a_parent_that_is_killed_takes_its_child_along(embedded_home: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from router.upstream.embedded.upstream import EmbeddedUpstream\n"
        "async def main():\n"
        "    upstream = EmbeddedUpstream(name='weak', home=pathlib.Path(sys.argv[1]))\n"
        "    await upstream._ready_child()\n"
        "    print(upstream.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(embedded_home)], stdout=subprocess.PIPE) as parent:
        child = int(await asyncio.to_thread(parent.stdout.readline))
        assert is_alive(child)
        parent.kill()
    await wait_until_gone(child)


async def test_weights_that_do_not_load_leave_it_failed_with_the_reason(tmp_path: Path) -> None:
    upstream = EmbeddedUpstream(name="weak", home=damaged_home(tmp_path))
    with pytest.raises(UpstreamUnreachable, match=r"could not be loaded|ended with status"):
        await upstream.complete(ASK)
    assert upstream.state == "failed"
    await upstream.aclose()


async def test_a_request_waits_for_the_start_only_so_long(embedded_home: Path) -> None:
    upstream = EmbeddedUpstream(name="weak", home=embedded_home, ready_timeout_s=0.01)
    with pytest.raises(UpstreamUnreachable, match="not ready"):
        await upstream.complete(ASK)
    await upstream.aclose()


def damaged_home(folder: Path) -> Path:
    """A home whose weights changed after they had been verified, in a way that size and time do not tell."""
    from router.upstream.embedded.fetch import FILE_NAME, _remember

    weights = folder / "models" / FILE_NAME
    weights.parent.mkdir()
    weights.write_bytes(b"GGUF" + bytes(1000))
    os.utime(weights, (time.time(), time.time()))
    _remember(weights)
    return folder


async def test_a_request_after_closing_fails_at_once(embedded_home: Path) -> None:
    upstream = EmbeddedUpstream(name="weak", home=embedded_home)
    await upstream.start()
    await upstream.aclose()
    with pytest.raises(UpstreamUnreachable, match="stopped"):
        await upstream.complete(ASK)


async def test_the_child_inherits_no_secrets(embedded_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["OPENAI_API_KEY", "HF_TOKEN", "DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "UNDERDOG_KEYS"]
    for name in names:
        monkeypatch.setenv(name, f"sk-hidden-{name}")
    upstream = EmbeddedUpstream(name="weak", home=embedded_home)
    await upstream.complete(ASK)
    environment = Path(f"/proc/{upstream.pid}/environ").read_bytes()
    assert b"sk-hidden" not in environment
    assert b"PATH=" in environment
    await upstream.aclose()


async def test_a_start_that_fails_in_an_unknown_way_is_told_to_those_who_wait() -> None:
    upstream = EmbeddedUpstream(name="weak", home=Path("no\0folder"))
    with pytest.raises(UpstreamUnreachable, match="could not be started"):
        await upstream.complete(ASK)
    assert upstream.state == "failed"
    await upstream.aclose()


async def test_closing_before_the_start_keeps_it_closed(embedded_home: Path) -> None:
    upstream = EmbeddedUpstream(name="weak", home=embedded_home)
    await upstream.aclose()
    with pytest.raises(UpstreamUnreachable, match="stopped"):
        await upstream.complete(ASK)
    assert upstream.pid is None


async def test_a_child_that_complains_without_end_is_read_and_quoted_briefly() -> None:
    program = "import sys; sys.stderr.write('x' * 1_000_000 + ' the end'); sys.exit(3)"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdin=-1, stdout=-1, stderr=-1)
    async with asyncio.timeout(20):
        end = await LlamaProcess(child).wait()
    assert "status 3" in end
    assert end.endswith("the end")
    assert len(end) < 600


async def test_what_it_prints_while_it_serves_is_not_quoted() -> None:
    program = "import sys; sys.stderr.write('a prompt'); sys.exit(3)"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdin=-1, stdout=-1, stderr=-1)
    run = LlamaProcess(child)
    run.url = "http://127.0.0.1:9/v1"
    assert "prompt" not in await run.wait()
