"""``python -m router.upstream.scripted``: run a scripted chat server until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from router.errors import DataError
from router.upstream.scripted.script import DEFAULT_REPLY, FAULTS, Turn, load_script
from router.upstream.scripted.server import ScriptedServer


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        turns = load_script(Path(options.script)) if options.script else [_turn(options)]
    except (DataError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    server = ScriptedServer(model=options.model, turns=turns, api_key=options.api_key, port=options.port)
    asyncio.run(_serve(server))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m router.upstream.scripted",
        description="An OpenAI-compatible chat server that answers by script. For tests and demonstrations.",
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one (default)")
    parser.add_argument("--model", default="scripted", help="model id to list and to answer with")
    parser.add_argument("--api-key", help="bearer token to insist on")
    parser.add_argument("--reply", default=DEFAULT_REPLY, help="the answer to every request")
    parser.add_argument("--script", metavar="FILE", help="JSON Lines, one turn per request; the last one repeats")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="wait before each answer")
    parser.add_argument("--piece-delay-ms", type=float, default=0.0, help="wait between the pieces of a stream")
    parser.add_argument("--fail", metavar="HOW", type=_failure, help=f"a status (400..599), or {', '.join(FAULTS)}")
    return parser


def _failure(text: str) -> str | int:
    if text in FAULTS:
        return text
    if text.isdigit() and 400 <= int(text) <= 599:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is neither a status in 400..599 nor one of {', '.join(FAULTS)}")


def _turn(options: argparse.Namespace) -> Turn:
    delays = {"delay_ms": options.delay_ms, "piece_delay_ms": options.piece_delay_ms}
    if isinstance(options.fail, int):
        return Turn(status=options.fail, **delays)
    return Turn(reply=options.reply, fault=options.fail, **delays)


async def _serve(server: ScriptedServer) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    async with server:
        print(f"Scripted model '{server.model}' at {server.base_url}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    raise SystemExit(main())
