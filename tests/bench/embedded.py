"""How soon the embedded LLM is ready, how fast it writes, what it holds. Run: ``python -m tests.bench.embedded``.

Needs the weights; ``python -m router.upstream.embedded`` fetches them.
"""

from __future__ import annotations

import asyncio
import os
import platform
import re
import time
from pathlib import Path

import msgspec

from router.settings import load_settings
from router.upstream.embedded.upstream import EmbeddedUpstream

TOKENS = 64


async def measure(home: Path) -> None:
    upstream = EmbeddedUpstream(name="weak", home=home)
    ask = {"messages": [{"role": "user", "content": "Tell me about the sea."}], "ignore_eos": True}

    started = time.perf_counter()
    await upstream.complete(ask | {"max_tokens": 1})
    print(f"start to first answer: {time.perf_counter() - started:6.2f} s")

    started = time.perf_counter()
    reply = await upstream.complete(ask | {"max_tokens": TOKENS})
    written = msgspec.json.decode(reply.body)["usage"]["completion_tokens"]
    print(f"writing:               {written / (time.perf_counter() - started):6.1f} tokens/s on one thread")

    status = Path(f"/proc/{upstream.pid}/status").read_text(encoding="ascii")
    resident_kb = int(re.search(r"VmRSS:\s+(\d+)", status)[1])
    print(f"memory of its process: {resident_kb / 1024:6.0f} MB")
    await upstream.aclose()


def main() -> None:
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}.\n")
    asyncio.run(measure(load_settings().home_path))


if __name__ == "__main__":
    main()
