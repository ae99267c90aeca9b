"""LangChain and LlamaIndex against a live server, each in its own process: they want other versions of ``openai``."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import KEY, REPLY
from tests.clients.recordings import CITIES
from tests.live import LiveServer
from tests.recorded import RecordedServer

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.clients]

HERE = Path(__file__).parent


async def told_by(child: str, server: LiveServer, repository: Path, home: Path) -> dict[str, Any]:
    """What a child said of its visit to the server."""
    python = repository / ".venv-clients" / "bin" / "python"
    process = await asyncio.create_subprocess_exec(
        str(python),
        str(HERE / child),
        server.url,
        KEY,
        # Nothing of who runs the tests is seen, nor asked of the network.
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "LANGSMITH_TRACING": "false"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaints = await asyncio.wait_for(process.communicate(), timeout=120)
    assert process.returncode == 0, complaints.decode()
    told: dict[str, Any] = json.loads(said.decode().splitlines()[-1])
    return told


async def test_langchain_is_answered_streamed_and_whole_with_tools_and_without(
    server: LiveServer, strong: RecordedServer, repository: Path, tmp_path: Path
) -> None:
    told = await told_by("langchain_child.py", server, repository, tmp_path)
    both = [{"city": city} for city in CITIES]
    assert (told["whole"], told["streamed"], told["batch"]) == (REPLY, REPLY, [REPLY, REPLY])
    assert told["usage"] == told["streamed_usage"] > 0
    assert told["calls"] == told["streamed_calls"] == both
    history = strong.asked[-1].body["messages"]
    assert [message["role"] for message in history] == ["user", "assistant", "tool", "tool"]


async def test_llama_index_is_answered_streamed_and_whole_with_tools_and_without(
    server: LiveServer, repository: Path, tmp_path: Path
) -> None:
    told = await told_by("llama_index_child.py", server, repository, tmp_path)
    assert [told[way] for way in ("whole", "streamed", "later", "completed")] == [REPLY] * 4
    assert told["calls"] == [{"city": city} for city in CITIES]
