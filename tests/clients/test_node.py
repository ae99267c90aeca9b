"""The official clients for Node, ``openai`` and ``@anthropic-ai/sdk``, against a live server."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import KEY, REPLY
from tests.clients.recordings import CITIES
from tests.live import LiveServer

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

HERE = Path(__file__).parent / "node"
INSTALL_LIMIT_S = 240


@pytest.fixture(scope="module")
def installed(pytestconfig: pytest.Config) -> Path:
    """A folder with the clients, installed by their lock file and kept between runs."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no Node with npm on this machine")
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("node-clients")
    lock = (HERE / "package-lock.json").read_text()
    done = folder / "installed-lock.json"
    if not done.exists() or done.read_text() != lock:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            installing = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip("npm could not install the clients: no answer from its registry")
        if installing.returncode != 0:
            pytest.skip(f"npm could not install the clients: {installing.stderr.strip().splitlines()[:1]}")
        done.write_text(lock)
    shutil.copy(HERE / "client.mjs", folder)
    return folder


async def test_the_clients_for_node_notice_nothing(server: LiveServer, installed: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        "node", "client.mjs", server.url, KEY, cwd=installed, stdout=asyncio.subprocess.PIPE, stderr=subprocess.PIPE
    )
    said, complaints = await asyncio.wait_for(process.communicate(), timeout=120)
    assert process.returncode == 0, complaints.decode()
    told: dict[str, Any] = json.loads(said)
    both = [{"city": city} for city in CITIES]

    openai = told["openai"]
    assert (openai["whole"], openai["streamed"], openai["route"]) == (REPLY, REPLY, "weak")
    assert openai["calls"] == openai["streamedCalls"] == both
    assert {"auto", "weak-model", "recorded-model"} <= set(openai["models"])
    assert openai["missing"] == ["NotFoundError", "model_not_found"]
    assert openai["refused"] == "AuthenticationError"

    anthropic = told["anthropic"]
    assert anthropic["whole"] == REPLY
    assert anthropic["kinds"] == ["thinking", "text", "tool_use", "tool_use"]
    assert anthropic["inputs"] == both
    assert anthropic["same"]
    assert anthropic["usage"] == 20
    assert anthropic["counted"] > 0
    assert anthropic["missing"] == ["NotFoundError", 404]
