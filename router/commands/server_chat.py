"""Asking a running server from the command line: an answer as it comes, made fit for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

import httpx
import msgspec
from msgspec import Struct

from router.commands.event_stream import events_in
from router.commands.printable import printable
from router.configured.secret import Secret
from router.errors import UNREADABLE_JSON, NoServer, RequestFailed

CONNECT_S = 5.0

_DONE = "[DONE]"


class _Delta(Struct):
    content: str | None = None


class _Choice(Struct):
    delta: _Delta


class _Said(Struct):
    message: str


class _Chunk(Struct):
    choices: list[_Choice] = []
    error: _Said | None = None


class ServerChat:
    """Chat requests to one server.

    Args:
        url: of the server, without a path.
        key: that it wants; None where it wants none.
        model: what is asked for, such as ``auto:cheap``.

    Attributes:
        headers: of the answer that came last.
    """

    def __init__(self, url: str, key: Secret | None, model: str) -> None:
        self._url = url
        self._model = model
        self.headers: Mapping[str, str] = {}
        self._client = httpx.Client(
            base_url=url,
            headers={} if key is None else {"authorization": f"Bearer {key.reveal()}"},
            # How long an answer may take is the server's to say.
            timeout=httpx.Timeout(None, connect=CONNECT_S),
            trust_env=False,
        )

    def answer(self, messages: Sequence[Mapping[str, str]]) -> Iterator[str]:
        """The text of an answer, piece by piece.

        Raises:
            NoServer: no Underdog answers there.
            RequestFailed: it answers with an error, or its answer breaks off.
        """
        sayable = [{name: _sayable(text) for name, text in message.items()} for message in messages]
        body = {"model": self._model, "messages": sayable, "stream": True}
        try:
            with self._client.stream("POST", "/v1/chat/completions", json=body) as answer:
                self.headers = answer.headers
                if answer.status_code != 200:
                    raise self._refusal(answer.status_code, answer.read())
                for _, data in events_in(answer.iter_bytes()):
                    if data != _DONE:
                        yield from _texts(data)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoServer(
                f"No Underdog answers on {self._url}: start it (`underdog serve`), or name another with --url."
            ) from error
        except httpx.HTTPError as error:
            raise RequestFailed("The connection broke before the answer was whole; ask again.", status=502) from error

    def told(self) -> dict[str, str | float | None]:
        """What the headers of the last answer say of it: who gave it, and why."""
        texts = {name: self.headers.get(f"x-router-{name}") for name in ("route", "model", "reason", "cache")}
        numbers = {name: self.headers.get(f"x-router-{name}") for name in ("win-rate", "threshold")}
        return {
            "request_id": self.headers.get("x-request-id"),
            **texts,
            **{name.replace("-", "_"): None if value is None else float(value) for name, value in numbers.items()},
        }

    def how(self) -> str:
        """Who gave the last answer, and why, in a few words."""
        said = {name: self.headers.get(f"x-router-{name}") for name in ("route", "model", "reason", "cache")}
        words = [f"{said['route']}: {said['model']}", f"by {said['reason']}"]
        if said["cache"] in ("exact", "semantic"):
            words.append(f"cached ({said['cache']})")
        if (win_rate := self.headers.get("x-router-win-rate")) is not None:
            words.append(f"win rate {win_rate}, threshold {self.headers.get('x-router-threshold')}")
        return printable(", ".join(words))

    def _refusal(self, status: int, body: bytes) -> RequestFailed | NoServer:
        try:
            said = msgspec.json.decode(body, type=_Chunk).error
        except UNREADABLE_JSON:
            said = None
        if said is None:
            return NoServer(f"{self._url} does not answer as an Underdog does ({status}); name another with --url.")
        return RequestFailed(printable(said.message), status=status)


def _sayable(text: str) -> str:
    """A text without what stands in it for bytes that were no UTF-8, as a terminal or a file may have them."""
    return text.encode("utf-8", "replace").decode()


def _texts(data: str) -> Iterator[str]:
    try:
        chunk = msgspec.json.decode(data.encode(), type=_Chunk)
    except UNREADABLE_JSON as error:
        raise RequestFailed("The answer cannot be read.", status=502) from error
    if chunk.error is not None:
        raise RequestFailed(printable(chunk.error.message), status=502)
    for choice in chunk.choices:
        if choice.delta.content:
            yield choice.delta.content


def tell(pieces: Iterator[str]) -> str:
    """Print an answer as it comes; on a terminal without what would steer it. Gives the whole text."""
    told = []
    at_terminal = sys.stdout.isatty()
    for piece in pieces:
        told.append(piece)
        print(printable(piece.expandtabs(4), lines=True) if at_terminal else piece, end="", flush=True)
    print(flush=True)
    return "".join(told)
