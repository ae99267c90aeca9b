"""The balancer of compose.yaml, run by a real HAProxy: callers notice nothing of which servers come and go."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import LiveServer, routed
from tests.services.process import ServerProcess, free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"
KEY = "sesame"
SLOW = Turn(reply="word " * 20, piece_delay_ms=25)
LONG = Turn(reply="word " * 1200, piece_delay_ms=25)
"""Half a minute."""


class Balancer(ServerProcess):
    """HAProxy with the project's own configuration, but for where it listens and where the replicas are."""

    def __init__(self, folder: Path, program: str, configuration: str, replicas: Sequence[str]) -> None:
        super().__init__(folder / "haproxy.log")
        self._program = program
        self._file = folder / "haproxy.cfg"
        places = [f"    server replica-{n} {url.removeprefix('http://')}" for n, url in enumerate(replicas)]
        written = configuration.replace("bind :8787", f"bind 127.0.0.1:{self.port}")
        written = written.replace("bind 127.0.0.1:8404", f"bind 127.0.0.1:{free_port()}")
        # There is no name server of a container engine here.
        written = written.replace(" init-addr none resolvers containers resolve-prefer ipv4", "")
        written, found = re.subn(r"    server-template .*", "\n".join(places), written)
        assert found == 1
        self._file.write_text(written, encoding="utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        return [self._program, "-db", "-f", str(self._file)]

    async def answers(self) -> bool:
        async with httpx.AsyncClient(trust_env=False) as http:
            try:
                return (await http.get(f"{self.url}/ready")).status_code == 200
            except httpx.TransportError:
                return False


@dataclass
class Setting:
    """Three replicas and what is in front of them."""

    balancer: Balancer
    replicas: list[LiveServer]

    def http(self) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {KEY}"}
        return httpx.AsyncClient(base_url=self.balancer.url, headers=headers, timeout=60, trust_env=False)

    async def outcome(self, request_id: str) -> str:
        """How a request ended, once a replica has written it down."""
        async with asyncio.timeout(60):
            while True:
                for row in (row for replica in self.replicas for row in replica.ledger_rows()):
                    if row["request_id"] == request_id:
                        return str(row["outcome"])
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def setting(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setting]:
    program = shutil.which("haproxy", path="/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin")
    if program is None:
        pytest.skip("HAProxy is not installed: apt-get install haproxy")
    folder = tmp_path_factory.mktemp("balanced")
    configuration = (repository / "deploy/compose/haproxy.cfg").read_text(encoding="utf-8")
    options = ("--shutdown-delay-s", "5", "--no-cache")
    async with AsyncExitStack() as stack:
        weak = await stack.enter_async_context(ScriptedServer(model="weak-model", turns=[LONG, SLOW]))
        replicas = await asyncio.gather(
            *(
                stack.enter_async_context(routed(folder / name, weak, None, *options, UNDERDOG_API_KEY=KEY))
                for name in ("one", "two", "three")
            )
        )
        balancer = Balancer(folder, program, configuration, [replica.url for replica in replicas])
        await balancer.start()
        yield Setting(balancer, replicas)
        await balancer.kill()
        for replica in replicas:
            if replica.process.returncode is None:
                replica.process.kill()


async def ask(http: httpx.AsyncClient, number: int) -> int:
    """The status of a streamed request; the stream must have come to its end."""
    body = {"messages": [{"role": "user", "content": f"{number} plus one?"}], "stream": True}
    answer = await http.post(PATH, json=body)
    assert answer.status_code != 200 or answer.text.endswith("data: [DONE]\n\n")
    return answer.status_code


async def test_the_first_piece_of_a_stream_does_not_wait_for_the_last(setting: Setting) -> None:
    body = {"messages": [{"role": "user", "content": "Count."}], "stream": True}
    async with setting.http() as http, http.stream("POST", PATH, json=body) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                break
    # We left at the first piece. A balancer that gathers would have given it to us when the answer was complete.
    assert await setting.outcome(answer.headers["x-request-id"]) == "cancelled"


async def test_callers_notice_nothing_of_a_replica_that_stops_and_of_one_that_died(setting: Setting) -> None:
    leaving, dying, staying = setting.replicas
    statuses: list[int] = []
    on = True

    async def caller(http: httpx.AsyncClient, number: int) -> None:
        while on:
            statuses.append(await ask(http, number))

    async with setting.http() as http:
        callers = [asyncio.create_task(caller(http, number)) for number in range(4)]
        async with asyncio.timeout(60):
            while not all(replica.ledger_rows() for replica in setting.replicas):
                await asyncio.sleep(0.05)
            leaving.process.terminate()
            assert await leaving.process.wait() == 0
        on = False
        await asyncio.gather(*callers)
        # What it was answering would be lost; that comes back as an error, and is asked nowhere twice.
        dying.process.kill()
        await dying.process.wait()
        before = len(staying.ledger_rows())
        statuses += await asyncio.gather(*(ask(http, number) for number in range(6)))
    assert set(statuses) == {200}
    assert len(staying.ledger_rows()) == before + 6


async def test_whoever_has_no_key_is_turned_away_behind_the_balancer_as_well(setting: Setting) -> None:
    async with httpx.AsyncClient(base_url=setting.balancer.url, trust_env=False) as http:
        assert (await http.post(PATH, json={"messages": []})).status_code == 401
