"""The least that forwarding takes on our stack: ``python -m tests.bench.forwarded.plain BASE_URL``.

Litestar on uvicorn with our connections to the model, and nothing else: no key, no score, no cache, no ledger, no look
at what comes back. What Underdog costs beyond this is its own.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import uvicorn
from litestar import Litestar, Request, Response, post
from litestar.response import Stream

from router.upstream.transport import open_transport

HEADERS = {"content-type": "application/json", "accept-encoding": "identity"}


def application(base_url: str) -> Litestar:
    """The forwarder to ``base_url``."""
    transport = open_transport(base_url)
    url = httpx.URL(f"{base_url}/chat/completions")

    @post("/v1/chat/completions", status_code=200)
    async def forward(request: Request[Any, Any, Any]) -> Response[Any]:
        body = await request.body()
        response = await transport.handle_async_request(httpx.Request("POST", url, headers=HEADERS, content=body))
        kind = response.headers["content-type"]
        if kind == "text/event-stream":
            return Stream(_pieces(response), media_type=kind)
        return Response(b"".join([piece async for piece in _pieces(response)]), media_type=kind)

    return Litestar([forward], openapi_config=None, logging_config=None)


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for piece in response.stream:
        yield piece
    await response.aclose()


def main() -> None:
    """Listen on a free port, say which, and forward until the process is ended."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        application(sys.argv[1]), loop="uvloop", http="httptools", ws="none", access_log=False, log_level="warning"
    )
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
