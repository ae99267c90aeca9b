"""Model servers as others make them, over a real socket: each says what the real one says on its paths."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

MODEL = {"object": "model", "created": 1686935002}


@dataclass
class Answer:
    """What to answer: JSON or text, whole; or lines, each sent by itself, then a cut or an end."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    lines: list[Any] | None = None
    cut: bool = False
    pause_s: float = 0.0


Answering = Callable[[str, str, Any], Answer | None]
"""Method, path, decoded body -> answer; None is a 404."""


class FakeServer:
    """A server on a free loopback port that answers as told and notes what it was asked."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = head[0].split(" ")
        body = json.loads(raw) if raw else None
        self.asked.append((method, path, headers, body))
        answer = self.answering(method, path, body) or Answer({"detail": "Not Found"}, status=404)
        return await _send(answer, writer)


async def _send(answer: Answer, writer: asyncio.StreamWriter) -> bool:
    """Send it; returns whether the connection stays."""
    headers = {"content-type": "application/json", **answer.headers}
    if answer.lines is None:
        content = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        headers["content-length"] = str(len(content.encode()))
        writer.write(_head(answer.status, headers) + content.encode())
        await writer.drain()
        return True
    writer.write(_head(answer.status, headers | {"transfer-encoding": "chunked"}))
    for line in answer.lines:
        data = json.dumps(line).encode() + b"\n"
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await writer.drain()
        await asyncio.sleep(answer.pause_s)
    if not answer.cut:
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    return False


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@asynccontextmanager
async def serving(answering: Answering) -> AsyncIterator[FakeServer]:
    fake = FakeServer(answering)
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()


def paths(**answers: Any) -> Answering:
    """Answers by path: ``_`` stands for ``/``, ``__`` for ``.``; JSON, text or an `Answer`."""
    by_path = {"/" + name.strip("_").replace("_", "/"): answer for name, answer in answers.items()}

    def answering(method: str, path: str, body: Any) -> Answer | None:
        answer = by_path.get(path)
        return answer if answer is None or isinstance(answer, Answer) else Answer(answer)

    return answering


def listed(*models: str, owner: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": model, **MODEL, "owned_by": owner} for model in models]}


LOADED_BYTES = 6_654_289_920

OLLAMA_MODELS = [
    {
        "name": "llama3.1:8b",
        "size": 4_920_753_328,
        "details": {"family": "llama", "parameter_size": "8.0B", "quantization_level": "Q4_K_M"},
    },
    {"name": "gpt-oss:120b-cloud", "size": 384, "remote_host": "https://ollama.com", "details": {"family": "gptoss"}},
    {"name": "all-minilm:latest", "size": 45_960_996, "details": {"family": "bert"}},
]


class FakeOllama:
    """Ollama's paths, after its docs/api.md. ``library``: what can be pulled, and how many bytes are there already."""

    def __init__(self) -> None:
        self.models: list[dict[str, Any]] = [*OLLAMA_MODELS]
        self.library = {"qwen3:4b-instruct": 2_500_000_000}
        self.there: dict[str, int] = {}
        self.breaks_at: int | None = None
        self.fails_with: str | None = None

    def __call__(self, method: str, path: str, body: Any) -> Answer | None:
        if path == "/":
            return Answer("Ollama is running", headers={"content-type": "text/plain; charset=utf-8"})
        if path == "/api/tags":
            return Answer({"models": self.models})
        if path == "/api/ps":
            loaded = [model["name"] for model in self.models if model["name"] == "llama3.1:8b"]
            return Answer({"models": [{"name": n, "size": LOADED_BYTES, "size_vram": LOADED_BYTES} for n in loaded]})
        if path == "/v1/models":
            return Answer(listed(*(model["name"] for model in self.models), owner="library"))
        if (method, path) == ("POST", "/api/show"):
            return self._show(body["model"])
        return self._pull(body["model"]) if (method, path) == ("POST", "/api/pull") else None

    def _show(self, name: str) -> Answer:
        for model in self.models:
            if model["name"] == name:
                info = {"general.parameter_count": 8_030_261_248, "llama.context_length": 131_072}
                return Answer({"details": model["details"], "model_info": info, "license": "LLAMA 3.1 COMMUNITY"})
        return Answer({"error": f"model '{name}' not found"}, status=404)

    def _pull(self, name: str) -> Answer:
        begin: list[Any] = [{"status": "pulling manifest"}]
        if self.fails_with is not None:
            return Answer(lines=[*begin, {"error": self.fails_with}])
        if name not in self.library:
            return Answer(lines=[*begin, {"error": "pull model manifest: file does not exist"}])
        total, digest = self.library[name], "sha256:3e4cb1417446"
        download = {"status": "pulling 3e4cb1417446", "digest": digest, "total": total}
        done = self.there.get(name, 0)
        steps = [download | ({"completed": done} if done else {})]
        while done < total:
            done = min(done + total // 5, total)
            self.there[name] = done
            steps.append(download | {"completed": done})
            if self.breaks_at is not None and done >= self.breaks_at:
                return Answer(lines=begin + steps, cut=True)
        self.models.append({"name": name, "size": total, "details": {}})
        ends = ["verifying sha256 digest", "writing manifest", "removing unused layers", "success"]
        return Answer(lines=begin + steps + [{"status": end} for end in ends])
