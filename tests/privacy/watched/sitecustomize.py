"""Writes down every connection, look-up and process that Python begins; loaded by the server's own interpreter."""

import os
import sys

_FILE = os.environ.get("WATCHED_FILE")
_EVENTS = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
_PROCESSES = {"subprocess.Popen", "os.posix_spawn", "os.exec", "os.system"}


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in _EVENTS:
        where = arguments[-1] if event in ("socket.connect", "socket.sendto", "socket.sendmsg") else arguments[:2]
        _write(f"{event} {where!r}")
    elif event in _PROCESSES:
        _write(f"{event} {arguments[0]!r}")


def _write(line: str) -> None:
    descriptor = os.open(str(_FILE), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


if _FILE:
    sys.addaudithook(_watch)
