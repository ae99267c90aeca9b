"""One run of the child process: started, ready, ended."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import json
import os
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any, Self

from router.configured.secret import Secret
from router.errors import EmbeddedModelError

CHILD = Path(__file__).with_name("child.py")

INHERITED = ("PATH", "HOME", "LANG", "LC_*", "TMPDIR", "TZ", "LD_*", "DYLD_*", "OMP_*", "PYTHON*", "VIRTUAL_ENV")
"""All of our environment that the child gets to see: it parses strangers' prompts, and needs no key, token or URL."""

LOAD_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 3.0
MAX_COMPLAINT_BYTES = 500


class LlamaProcess:
    """A llama.cpp server in a child process; made by `start`.

    Attributes:
        url: its base URL with the ``/v1``.
        key: the bearer token that it insists on, new with every run.
    """

    def __init__(self, process: Process) -> None:
        self.url = ""
        self.key = Secret(secrets.token_urlsafe(32))
        self._process = process
        self._complaints = b""
        self._listening_to_complaints = asyncio.create_task(self._collect_complaints())

    @classmethod
    async def start(
        cls, *, weights: Path, model: str, threads: int, context: int, answer_limit: int, slots: int
    ) -> Self:
        """Start the child and wait until it answers requests.

        Args:
            weights: the GGUF file.
            model: the id under which it serves them.
            threads: CPU threads to compute with.
            context: tokens of context that its slots share.
            answer_limit: tokens after which an answer ends where the request sets no limit.
            slots: requests that it computes at once; more wait.

        Raises:
            EmbeddedModelError: with the child's own last words, where it does not come up.
        """
        # `-P`: the folder of the child must not become a place to import from. A session of its own: Ctrl-C on the
        # terminal is for the server alone, which stops the child when its last answers are given.
        arguments = [sys.executable, "-P", str(CHILD)]
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_environment(), start_new_session=True
            )
        except OSError as error:
            raise EmbeddedModelError(f"The embedded LLM could not be started ({error.strerror}).") from error
        run = cls(process)
        job = {"weights": str(weights), "model": model, "threads": threads, "context": context}
        try:
            await run._begin(job | {"answer_limit": answer_limit, "slots": slots})
        except BaseException:
            await run.stop()
            raise
        return run

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._process.pid

    async def wait(self) -> str:
        """Wait for its end; returns a sentence on how it ended, with its last words where it never came up."""
        status = await self._process.wait()
        await self._listening_to_complaints
        last_words = " ".join(self._complaints.decode(errors="replace").split())
        return f"The embedded LLM's process ended with status {status}. {last_words}".rstrip()

    async def stop(self) -> None:
        """Ask it to end by closing its standard input, and insist after a while."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._listening_to_complaints

    async def _begin(self, job: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Through the pipe and not as arguments: those show in every process list.
        job |= {"parent": os.getpid(), "key": self.key.reveal()}
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        try:
            async with asyncio.timeout(LOAD_TIMEOUT_S):
                line = await self._process.stdout.readline()
        except TimeoutError as error:
            message = f"The embedded LLM was not ready after {LOAD_TIMEOUT_S:g} seconds."
            raise EmbeddedModelError(message) from error
        if not line:
            raise EmbeddedModelError(await self.wait())
        report = json.loads(line)
        if "error" in report:
            raise EmbeddedModelError(f"The embedded LLM could not be loaded: {report['error']}")
        self.url = f"{report['url']}/v1"
        self._complaints = b""

    async def _collect_complaints(self) -> None:
        # Not by lines: one without an end would stop the reading, and a child that nobody reads comes to a halt.
        assert self._process.stderr is not None
        while piece := await self._process.stderr.read(4096):
            # Once it serves, what it prints may quote a prompt.
            self._complaints = b"" if self.url else (self._complaints + piece)[-MAX_COMPLAINT_BYTES:]


def _environment() -> dict[str, str]:
    """Our own environment, as far as it is ``INHERITED``."""
    return {
        name: value
        for name, value in os.environ.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in INHERITED)
    }
