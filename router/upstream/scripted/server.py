"""The scripted server itself: a small HTTP/1.1 server on asyncio that plays its turns and records what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any, Self

import msgspec

from router.errors import UNREADABLE_JSON
from router.upstream.scripted import answers, messages, prompts
from router.upstream.scripted.embeddings import embeddings
from router.upstream.scripted.script import Turn

_CHATS = ("/chat/completions", "/messages")
_JSON = "application/json"
_EVENTS = "text/event-stream"
_REASONS = {200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in. Header names are in lower case; ``body`` is the decoded JSON, or None."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any

    @property
    def resource(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]

    @property
    def keys(self) -> set[str | None]:
        """The keys that it brought, in whatever header."""
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        return {bearer, self.headers.get("x-api-key"), self.headers.get("api-key")}


class ScriptedServer:
    """A server that answers by script: chat completions as OpenAI has them, messages as Anthropic has them.

    Args:
        model: the model id that it lists and puts into its answers.
        turns: what to do with the first, second, ... chat request; the last turn repeats.
        api_key: key that it insists on, in any of the headers that carry one; None takes any.
        lists_models: whether there is a ``GET /v1/models``.
        completes: whether there is a ``POST /v1/completions``.
        embeds: whether there is a ``POST /v1/embeddings``.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.

    Attributes:
        requests: every request received, in order, the model list included.
        connections_made: how many connections clients have opened.
        clients_gone: how many clients left before their answer was complete.
    """

    def __init__(
        self,
        *,
        model: str = "scripted",
        turns: Sequence[Turn] = (Turn(),),
        api_key: str | None = None,
        lists_models: bool = True,
        completes: bool = True,
        embeds: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.model = model
        self.turns = list(turns)
        self.api_key = api_key
        self.lists_models = lists_models
        self.completes = completes
        self.embeds = embeds
        self.requests: list[Received] = []
        self.connections_made = 0
        self.clients_gone = 0
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._client_gone = asyncio.Event()
        self._asked = asyncio.Event()

    @property
    def chats(self) -> list[Received]:
        """The chat requests among ``requests``."""
        return [request for request in self.requests if request.resource.endswith(_CHATS)]

    @property
    def base_url(self) -> str:
        """The base URL with its ``/v1``."""
        return f"http://{self._host}:{self.port}/v1"

    @property
    def port(self) -> int:
        """The port that it listens on (once started)."""
        return self._port

    async def start(self) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        """Stop listening and drop every connection, answered or not."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.drop()
        await self._server.wait_closed()
        self._server = None

    async def wait_until_a_client_left(self) -> None:
        """Return once a client has closed its connection before its answer was complete."""
        await self._client_gone.wait()

    async def wait_until_asked(self) -> None:
        """Return once a request has come in."""
        await self._asked.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def connected(self, connection: _Connection) -> None:
        """Note a new connection."""
        self.connections_made += 1
        self._connections.add(connection)

    def disconnected(self, connection: _Connection, *, midway: bool) -> None:
        """Note that a connection ended, ``midway`` if an answer was under way."""
        self._connections.discard(connection)
        if midway:
            self.clients_gone += 1
            self._client_gone.set()

    def received(self, request: Received) -> None:
        """Note a request."""
        self.requests.append(request)
        self._asked.set()

    def speech(self, request: Received) -> ModuleType | None:
        """What makes the answers to a request that gets a turn; None for any other."""
        if request.resource.endswith("/messages"):
            return messages
        if request.resource.endswith("/chat/completions"):
            return answers
        return prompts if self.completes and request.resource.endswith("/completions") else None

    def turn_for(self, request: Received) -> Turn:
        """The turn for a recorded chat request: others may have come in since."""
        played = [other for other in self.requests if self.speech(other) is not None]
        place = next(place for place, other in enumerate(played) if other is request)
        return self.turns[min(place, len(self.turns) - 1)]


class _Connection(asyncio.Protocol):
    """One client connection: collects a request, answers it in a task, and notices when the client leaves."""

    def __init__(self, server: ScriptedServer) -> None:
        self._server = server
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connected(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._answering is None:
            self._answer_next()

    def connection_lost(self, exc: Exception | None) -> None:
        midway = self._answering is not None
        if self._answering is not None:
            self._answering.cancel()
        self._server.disconnected(self, midway=midway)

    def drop(self) -> None:
        """End the connection from this side."""
        if self._answering is not None:
            self._answering.cancel()
            self._answering = None
        if self._transport is not None:
            self._transport.abort()

    def _answer_next(self) -> None:
        request = _take_request(self._received)
        if request is None:
            return
        self._server.received(request)
        self._answering = asyncio.get_running_loop().create_task(self._answer(request))
        self._answering.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        self._answering = None
        task.result()
        self._answer_next()

    async def _answer(self, request: Received) -> None:
        expected = self._server.api_key
        speech = self._server.speech(request)
        speaks = speech or answers
        if expected is not None and expected not in request.keys:
            self._send(401, speaks.error("Incorrect API key provided.", code="invalid_api_key", status=401))
        elif self._server.lists_models and request.method == "GET" and request.resource.endswith("/models"):
            self._send(200, answers.model_list(self._server.model))
        elif request.method == "POST" and speech is not None:
            await self._chat(speech, self._server.turn_for(request), request.body)
        elif self._server.embeds and request.method == "POST" and request.resource.endswith("/embeddings"):
            vectors = embeddings(request.body)
            refused = answers.error("'dimensions' must be a whole number from 1 to 4096.")
            self._send(*((400, refused) if vectors is None else (200, vectors)))
        else:
            missing = f"No such path: {request.method} {request.path}"
            self._send(404, speaks.error(missing, code="unknown_url", status=404))

    async def _chat(self, speaks: ModuleType, turn: Turn, body: Any) -> None:
        if not isinstance(body, dict):
            self._send(400, speaks.error("The body is not a JSON object.", status=400))
            return
        await asyncio.sleep(turn.delay_ms / 1000)
        if turn.status != 200:
            self._refuse(speaks, turn)
        elif turn.fault == "hang":
            await asyncio.Event().wait()
        elif turn.fault == "cut":
            self._close()
        elif turn.fault == "html":
            self._send_bytes(200, b"<!doctype html><title>Sign in</title>", content_type="text/html; charset=utf-8")
        elif turn.fault == "redirect":
            self._send(307, {}, extra={"location": "http://127.0.0.2:9/v1/chat/completions"})
        elif body.get("stream") and turn.fault != "no-stream":
            await self._stream(speaks, turn, body)
        else:
            await self._whole(speaks, turn, body)

    def _refuse(self, speaks: ModuleType, turn: Turn) -> None:
        if turn.error_body is not None:
            self._send_bytes(turn.status, turn.error_body.encode(), content_type="text/plain", extra=turn.headers)
        else:
            self._send(turn.status, speaks.error(turn.error_message, status=turn.status), extra=turn.headers)

    async def _whole(self, speaks: ModuleType, turn: Turn, body: dict[str, Any]) -> None:
        payload = answers.encode(speaks.completion(turn, body, self._server.model))
        match turn.fault:
            case "error-object":
                payload = answers.encode(speaks.error(turn.error_message))
            case "not-json":
                payload = b"this is not JSON"
            case "not-a-chat":
                payload = b'{"ok": true}'
            case "hang-midway" | "cut-midway":
                self._write(_head(200, {"content-type": _JSON, "content-length": str(len(payload))}))
                self._write(payload[: len(payload) // 2])
                await self._stop_midway(turn)
                return
        self._send_bytes(200, payload, content_type=_JSON, extra=turn.headers)

    async def _stream(self, speaks: ModuleType, turn: Turn, body: dict[str, Any]) -> None:
        self._write(_head(200, {"content-type": _EVENTS, "transfer-encoding": "chunked", **turn.headers}))
        for event in self._events(speaks, turn, body):
            self._write(_chunk(event))
            await asyncio.sleep(turn.piece_delay_ms / 1000)
        if turn.fault in {"hang-midway", "cut-midway"}:
            await self._stop_midway(turn)
            return
        if turn.fault not in {"no-done", "no-finish"} and speaks.END:
            self._write(_chunk(speaks.END))
        self._write(b"0\r\n\r\n")

    def _events(self, speaks: ModuleType, turn: Turn, body: dict[str, Any]) -> list[bytes]:
        good = [speaks.event(chunk) for chunk in speaks.chunks(turn, body, self._server.model)]
        # One piece of the answer is told before it breaks; Anthropic's protocol has more to say before that.
        begun = good[:4] if speaks is messages else good[:2]
        match turn.fault:
            case "error-object":
                return [speaks.event(speaks.error(turn.error_message))]
            case "error-midway":
                return [*begun, speaks.event(speaks.error(turn.error_message, status=529))]
            case "not-json":
                return [b"data: this is not JSON\n\n"]
            case "not-a-chat":
                return [b'data: {"choices": 7}\n\n']
            case "hang-midway" | "cut-midway" | "no-finish":
                return begun
        return good

    async def _stop_midway(self, turn: Turn) -> None:
        if turn.fault == "hang-midway":
            await asyncio.Event().wait()
        self._close()

    def _send(self, status: int, body: Any, *, extra: Mapping[str, str] | None = None) -> None:
        self._send_bytes(status, answers.encode(body), content_type=_JSON, extra=extra)

    def _send_bytes(
        self, status: int, body: bytes, *, content_type: str, extra: Mapping[str, str] | None = None
    ) -> None:
        headers = {"content-type": content_type, "content-length": str(len(body)), **(extra or {})}
        self._write(_head(status, headers) + body)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _close(self) -> None:
        self._answering = None  # we are the one who leaves
        if self._transport is not None:
            self._transport.close()


def _take_request(received: bytearray) -> Received | None:
    """Cut the first complete request off the buffer, or return None where there is none yet."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = bytes(received[:end]).decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    start, length = end + 4, int(headers.get("content-length", "0"))
    if len(received) < start + length:
        return None
    body = bytes(received[start : start + length])
    del received[: start + length]
    method, path, _ = first.split(" ", 2)
    return Received(method, path, headers, _decode(body))


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except UNREADABLE_JSON:
        return None


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Scripted')}", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
