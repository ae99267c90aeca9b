"""Connections over TLS: whom we trust, what name we ask for, and that nothing is left of a handshake given up."""

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from router.upstream.connection import HELD_BYTES, Connection
from router.upstream.connection_pool import PooledTransport
from router.upstream.transport import pieces, translate

BIG = 40 * HELD_BYTES


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of ``localhost`` and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not here: nobody makes a certificate")
    folder = tmp_path_factory.mktemp("tls")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *subject], check=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "certificate.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return both


class Vault:
    """A server over TLS that notes the names it was asked for."""

    def __init__(self, certificate: Path) -> None:
        self.names: list[str | None] = []
        self.connections = 0
        self.port = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.context.sni_callback = lambda _, name, __: self.names.append(name)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while asked := await reader.readuntil(b"\r\n\r\n"):
                body = b"x" * BIG if b"/big" in asked else b"ok"
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
                await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def vault(certificate: Path) -> AsyncIterator[Vault]:
    vault = Vault(certificate)
    async with await asyncio.start_server(vault.serve, "127.0.0.1", 0, ssl=vault.context) as server:
        vault.port = server.sockets[0].getsockname()[1]
        yield vault


async def get(transport: PooledTransport, url: str) -> bytes:
    response = await transport.handle_async_request(httpx.Request("GET", url))
    body = b"".join([piece async for piece in pieces(response)])
    await response.aclose()
    return body


async def test_a_trusted_server_is_asked_by_its_name_over_one_connection(vault: Vault, certificate: Path) -> None:
    transport = PooledTransport(certificates=ssl.create_default_context(cafile=certificate), keepalive_s=5)
    for _ in range(3):
        assert await get(transport, f"https://localhost:{vault.port}") == b"ok"
    assert await get(transport, f"https://localhost:{vault.port}/big") == b"x" * BIG
    assert (vault.names, vault.connections) == (["localhost"], 1)
    await transport.aclose()


@pytest.mark.parametrize("trusted", [False, True], ids=["by a stranger", "for another name"])
async def test_a_certificate_that_is_not_good_is_refused_with_the_remedy(
    vault: Vault, certificate: Path, trusted: bool
) -> None:
    context = ssl.create_default_context(cafile=certificate if trusted else None)
    transport = PooledTransport(certificates=context, keepalive_s=5)
    with pytest.raises(httpx.ConnectError) as caught:
        await get(transport, f"https://{'127.0.0.1' if trusted else 'localhost'}:{vault.port}")
    assert "SSL_CERT_FILE" in str(translate(caught.value, "strong"))
    await transport.aclose()


class GivenUp(Connection):
    """Whoever asks for it is cancelled at the moment when the handshake is complete."""

    def __init__(self, on_free: Callable[[Connection], None]) -> None:
        super().__init__(on_free)
        self.asking = asyncio.current_task()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.asking is not None
        self.asking.cancel()


async def test_a_connection_that_is_given_up_as_it_is_made_leaves_no_socket_behind_and_disturbs_nobody(
    vault: Vault, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = ssl.create_default_context(cafile=certificate)
    url = f"https://localhost:{vault.port}"
    before = open_files()
    for _ in range(5):
        transport = PooledTransport(certificates=certificates, keepalive_s=5)
        with monkeypatch.context() as patch:
            patch.setattr("router.upstream.connection_pool.Connection", GivenUp)
            with pytest.raises(asyncio.CancelledError):
                await asyncio.create_task(get(transport, url))
        assert await get(transport, url) == b"ok"
        await transport.aclose()
    async with asyncio.timeout(5):
        while open_files() > before:
            await asyncio.sleep(0.01)


def open_files() -> int:
    """Files and sockets of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))
