"""A model no two answers of which are alike, in a process of its own: ``python -m tests.replicas.upstream``.

Each answer carries a number: who gets an answer with another one's number has been given another one's answer.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
from typing import Any

from tests.chaos.server import ChaosServer


class NumberingServer(ChaosServer):
    """Answers as it is asked, and with a number that no other answer of this model has."""

    def __init__(self, *, model: str) -> None:
        super().__init__(model=model)
        self._numbers = itertools.count(1)

    async def _answer(
        self, fault: str, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        *before, last = body["messages"]
        numbered = {**last, "content": f"{last['content']} ({self.model} {next(self._numbers)})"}
        await super()._answer(fault, {**body, "messages": [*before, numbered]}, reader, writer)


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.replicas.upstream", description=__doc__)
    parser.add_argument("--model", required=True)
    server = NumberingServer(**vars(parser.parse_args()))
    await server.start()
    print(f"Listening at {server.base_url}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
