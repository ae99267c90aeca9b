"""What a running server tells of itself, as it happens: its own server-sent events, joined again after an interruption.

See ``GET /console/api/live``.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from router.commands.event_stream import events_in
from router.configured.secret import Secret
from router.errors import UNREADABLE_JSON, NoServer

PATIENCE_S = 5.0
SILENCE_S = 40.0
"""A server says something every 15 seconds, if only that it is there."""

RETRY_S = 1.0

_UNWANTED = (401, 403)


@dataclass(frozen=True, slots=True)
class Told:
    """The server said something. ``kind``: ``session``, ``snapshot`` or ``requests``."""

    kind: str
    content: Any


@dataclass(frozen=True, slots=True)
class Lost:
    """It says nothing any more, for this reason; it is tried again."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It will not say anything: there is no use in trying again."""

    error: NoServer


Event = Told | Lost | Refused


class Feed:
    """Reads what a server tells, in a thread of its own, for as long as the process lives.

    Args:
        url: of the server, without a path.
        key: that lets one look; None where it needs none.
    """

    def __init__(self, url: str, key: Secret | None) -> None:
        self._url = url
        self._headers = {} if key is None else {"authorization": f"Bearer {key.reveal()}"}
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._closed = threading.Event()

    def start(self) -> None:
        """Begin to read. Where nothing answers the first time, that is final."""
        threading.Thread(target=self._read, name="underdog-top", daemon=True).start()

    def next(self, timeout_s: float) -> Event | None:
        """The next event; None where there is none in that time."""
        try:
            return self._events.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            return None

    def close(self) -> None:
        """Read no further."""
        self._closed.set()

    def _read(self) -> None:
        joined = False
        while not self._closed.is_set():
            try:
                for event in self._told():
                    joined = True
                    self._events.put(event)
                lost = "it ended the stream"
            except NoServer as error:
                self._events.put(Refused(error))
                return
            except _Away as away:
                lost = str(away)
            if not joined:
                self._events.put(Refused(NoServer(f"No Underdog answers on {self._url}: {lost}. {_REMEDY}")))
                return
            self._events.put(Lost(lost))
            self._closed.wait(RETRY_S)

    def _told(self) -> Iterator[Told]:
        timeout = httpx.Timeout(PATIENCE_S, read=SILENCE_S)
        try:
            with httpx.Client(base_url=self._url, headers=self._headers, timeout=timeout, trust_env=False) as client:
                yield Told("session", self._session(client))
                with client.stream("GET", "/console/api/live") as answer:
                    if answer.status_code != 200:
                        answer.read()
                        self._require(answer)
                    for kind, data in events_in(answer.iter_bytes()):
                        yield Told(kind, msgspec.json.decode(data))
        except httpx.HTTPError as error:
            raise _Away(_why(error)) from error
        except UNREADABLE_JSON as error:
            raise NoServer(f"{self._url} tells what cannot be read: {_ANOTHER}") from error

    def _session(self, client: httpx.Client) -> Any:
        answer = client.get("/console/api/session", timeout=PATIENCE_S)
        self._require(answer)
        return msgspec.json.decode(answer.content)

    def _require(self, answer: httpx.Response) -> None:
        """Refuse all but a good answer; what passes by itself is tried again."""
        if answer.status_code == 200:
            return
        if answer.status_code in _UNWANTED:
            said = "wants another key" if "authorization" in self._headers else "wants a key"
            raise NoServer(
                f"The server on {self._url} {said}: set UNDERDOG_MASTER_KEY, or UNDERDOG_API_KEY, to the one that it "
                "was started with."
            )
        if answer.status_code in (429, 502, 503, 504):
            raise _Away(f"it answers {answer.status_code}")
        raise NoServer(f"{self._url} tells nothing of itself (it answers {answer.status_code}): {_ANOTHER}")


class _Away(Exception):
    """The server is not there just now."""


_ANOTHER = "it is another version of Underdog, or another program."
_REMEDY = "Start it (`underdog serve`), or name another with --url."


def _why(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return "nothing listens there"
    if isinstance(error, httpx.TimeoutException):
        return "it says nothing"
    return "the connection broke"
