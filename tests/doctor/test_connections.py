"""Whom it connects to: the doctor to loopback addresses, the first start's lines to nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHILD = """
import json, pathlib, sys
asked = []
def heed(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        where = arguments[1][0] if event == "socket.connect" else arguments[0]
        asked.append(where if isinstance(where, str) else str(where))
sys.addaudithook(heed)
{statements}
print(json.dumps(sorted(set(asked))))
"""
DOCTOR = """
import asyncio, os
from router.doctor import examine
asyncio.run(examine(pathlib.Path(sys.argv[1]), os.environ, also=[9]))
"""
FIRST_START = """
from router.commands.first_start import _tell
said = []
_tell(pathlib.Path(sys.argv[1]), said.append)
assert said
"""
AWAY = {
    "OLLAMA_HOST": "gpu.example.com:11434",
    "HTTP_PROXY": "http://proxy.example.com:3128",
    "http_proxy": "http://proxy.example.com:3128",
    "ALL_PROXY": "http://proxy.example.com:3128",
    "OPENAI_API_KEY": "sk-a-secret",
}


def connected(statements: str, home: Path, repository: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(statements=statements), str(home)],
        cwd=repository,
        env={"PATH": "/usr/bin:/bin", **AWAY},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_doctor_asks_loopback_addresses_only(tmp_path: Path, repository: Path) -> None:
    where = connected(DOCTOR, tmp_path, repository)
    assert "127.0.0.1" in where
    assert where <= {"127.0.0.1", "::1"}


def test_the_first_start_asks_nobody(tmp_path: Path, repository: Path) -> None:
    assert connected(FIRST_START, tmp_path, repository) == set()
