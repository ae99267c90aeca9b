"""The link to Redis: quick, or away at once; and back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from router.cache.leases import Leases
from router.errors import SettingsError, SharedStateAway
from router.shared.address import Address
from tests.cache.support import body
from tests.services.process import free_port
from tests.services.redis_server import a_redis
from tests.shared.support import a_link, until
from tests.shared.test_replication import a_replica

ADD = "return redis.call('incrby', KEYS[1], ARGV[1])"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of ``localhost`` and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not here: nobody makes a certificate")
    both = tmp_path_factory.mktemp("tls") / "both.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([openssl, "req", "-x509", *kind, "-keyout", str(both), "-out", f"{both}.c", *subject], check=True)
    both.write_bytes(both.read_bytes() + Path(f"{both}.c").read_bytes())
    return both


async def test_scripts_run_and_reply(redis_url: str) -> None:
    async with a_link(redis_url) as link:
        assert await link.run(ADD, ["n"], [2]) == 2
        assert await link.run(ADD, ["n"], [3]) == 5
        assert await link.call("GET", link.key("n")) == b"5"


async def test_what_is_said_later_is_said_before_what_is_asked_after_it(redis_url: str) -> None:
    async with a_link(redis_url) as link:
        await link.run(ADD, ["n"], [1])
        for _ in range(100):
            link.later(ADD, ["n"], [1])
        assert await link.call("GET", link.key("n")) == b"101"


async def test_what_was_said_is_heard_although_the_server_ends(redis_url: str) -> None:
    async with a_link(redis_url) as link:
        await link.run(ADD, ["n"], [0])
        link.later(ADD, ["n"], [7])
    async with a_link(redis_url) as other:
        assert await other.call("GET", other.key("n")) == b"7"


async def test_calls_of_the_same_moment_share_a_round_trip(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from redis.asyncio.connection import AbstractConnection

    sent: list[bytes] = []
    send = AbstractConnection.send_packed_command

    async def counted(self: AbstractConnection, command: bytes, check_health: bool = True) -> None:
        sent.append(command)
        await send(self, command, check_health)

    async with a_link(redis_url) as link:
        await link.run(ADD, ["n"], [1])
        monkeypatch.setattr(AbstractConnection, "send_packed_command", counted)
        replies = await asyncio.gather(*(link.run(ADD, ["n"], [1]) for _ in range(50)))
        assert (replies, len(sent)) == (list(range(2, 52)), 1)


async def test_installations_with_different_prefixes_do_not_meet(redis_url: str) -> None:
    async with a_link(redis_url, prefix="one") as one, a_link(redis_url, prefix="two") as two:
        await one.run(ADD, ["n"], [1])
        assert await two.run(ADD, ["n"], [10]) == 10


async def test_a_script_is_told_anew_to_a_redis_that_forgot_it(redis_url: str) -> None:
    async with a_link(redis_url) as link:
        await link.run(ADD, ["n"], [1])
        await link.call("SCRIPT", "FLUSH")
        link.later(ADD, ["n"], [1])
        replies = await asyncio.gather(link.run(ADD, ["n"], [1]), link.run(ADD, ["n"], [1]))
        assert max(replies) == 4


async def test_a_refused_call_harms_no_other_and_is_told_once(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with a_link(redis_url) as link:
        for _ in range(3):
            link.later("return redis.call('nonsense')", [], [])
        refused, fine = await asyncio.gather(
            link.run("return redis.call('nonsense')", [], []), link.run(ADD, ["n"], [1]), return_exceptions=True
        )
        assert isinstance(refused, SharedStateAway)
        assert fine == 1
        assert link.up
    assert caplog.text.count("refuses a step") == 1


async def test_a_caller_who_leaves_gets_nobody_elses_reply(redis_url: str) -> None:
    async with a_link(redis_url) as link:
        leaving = asyncio.create_task(link.run(ADD, ["left"], [1000]))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await link.run(ADD, ["n"], [1]) == 1


async def test_a_redis_that_stops_is_away_at_once_and_back_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "underdog.shared")
    async with a_redis(tmp_path) as server, a_link(server.url) as link:
        returns: list[bool] = []
        link.on_return(lambda: returns.append(link.up))
        await server.stop()
        await until(lambda: not link.up)
        for _ in range(1000):
            with pytest.raises(SharedStateAway):
                await link.run(ADD, ["n"], [1])
            link.later(ADD, ["n"], [1])
        await server.start()
        await until(lambda: link.up)
        # What was said meanwhile was not kept, and a Redis that forgot its scripts is told them again.
        assert await link.run(ADD, ["n"], [1]) == 1
        assert returns == [True]
        await until(lambda: "is back" in caplog.text)
    told = [record.getMessage() for record in caplog.records if record.name == "underdog.shared"]
    assert [("away" in line, "back" in line) for line in told] == [(True, False), (False, True)]


async def test_a_redis_that_comes_and_goes_does_not_fill_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "underdog.shared")
    async with a_redis(tmp_path) as server, a_link(server.url) as link:
        await server.ask("ACL SETUSER default -evalsha")
        for _ in range(5):
            await until(lambda: link.up)
            with pytest.raises(SharedStateAway, match="may not do"):
                for _ in range(2):  # the first time a script is carried whole
                    await link.run(ADD, ["m"], [1])
        told = [record.getMessage() for record in caplog.records if record.name == "underdog.shared"]
        away = len([line for line in told if "away" in line])
        assert away == 1 + len(told) - away, told
        await server.ask("ACL SETUSER default +evalsha")
        await until(lambda: link.up)
        assert await link.run(ADD, ["n"], [1]) == 1


async def test_whatever_goes_wrong_with_the_connection_nobody_waits_for_ever(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis.asyncio.connection import AbstractConnection

    async with a_link(redis_url) as link:
        read = AbstractConnection.read_response

        async def broken(self: AbstractConnection, *arguments: object, **options: object) -> object:
            raise AttributeError("a fault of the client library")

        monkeypatch.setattr(AbstractConnection, "read_response", broken)
        async with asyncio.timeout(30):
            while link.up:
                with contextlib.suppress(SharedStateAway):
                    await link.run(ADD, ["n"], [1])
        monkeypatch.setattr(AbstractConnection, "read_response", read)
        await until(lambda: link.up)
        assert isinstance(await link.run(ADD, ["n"], [1]), int)


async def test_a_frozen_redis_holds_nobody_up_for_long_and_heals(tmp_path: Path) -> None:
    async with a_redis(tmp_path) as server, a_link(server.url) as link:
        await link.run(ADD, ["n"], [1])
        server.freeze()
        with pytest.raises(SharedStateAway, match="in time"):
            async with asyncio.timeout(30):
                await link.run(ADD, ["n"], [1])
        assert not link.up
        with pytest.raises(SharedStateAway):
            await link.run(ADD, ["n"], [1])
        server.thaw()
        await until(lambda: link.up)
        assert await link.run(ADD, ["m"], [1]) == 1


async def test_a_loop_that_was_held_up_does_not_blame_redis(redis_url: str) -> None:
    async with a_link(redis_url) as link:
        for _ in range(3):
            asked = asyncio.create_task(link.run(ADD, ["n"], [1]))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            time.sleep(0.4)  # noqa: ASYNC251 - that is the point
            await asked
        assert link.up


async def test_a_flushed_redis_goes_on(redis_url: str) -> None:
    async with a_link(redis_url) as link:
        await link.run(ADD, ["n"], [5])
        await link.call("FLUSHDB")
        assert await link.run(ADD, ["n"], [1]) == 1


async def test_a_redis_that_is_away_at_the_start_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_redis(tmp_path) as server:
        await server.stop()
        async with a_link(server.url, wait=False) as link:
            with pytest.raises(SharedStateAway):
                await link.run(ADD, ["n"], [1])
            await until(lambda: bool(caplog.records))
            await asyncio.sleep(0.5)
            assert [record.levelname for record in caplog.records] == ["WARNING"]
            assert str(server.port) in caplog.text
            await server.start()
            await until(lambda: link.up)
            assert await link.run(ADD, ["n"], [1]) == 1


async def test_who_knows_no_passwords_and_quotes_what_it_was_told_is_not_quoted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        a_redis(tmp_path, "--rename-command", "AUTH", "") as server,
        a_link(server.url.replace("//", "//:s3cret@"), wait=False) as link,
    ):
        await until(lambda: "unknown command" in caplog.text)
        assert not link.up
    assert "s3cret" not in caplog.text


async def test_a_wrong_password_is_told_without_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_redis(tmp_path) as server:
        await server.ask("CONFIG SET requirepass right-one")
        wrong = server.url.replace("//", "//:wrong-one@")
        async with a_link(wrong, wait=False) as link:
            await until(lambda: "password of redis_url" in caplog.text)
            assert not link.up
            assert "wrong-one" not in caplog.text
        async with a_link(server.url.replace("//", "//default:right-one@")) as link:
            assert await link.run(ADD, ["n"], [1]) == 1


async def test_a_replica_that_cannot_be_written_to_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_redis(tmp_path) as server, a_link(server.url) as link:
        await server.ask("REPLICAOF 127.0.0.1 1", "CONFIG SET replica-serve-stale-data yes")
        with pytest.raises(SharedStateAway):
            await link.run(ADD, ["n"], [1])
        await until(lambda: "must name the primary" in caplog.text)
        assert not link.up
        await server.ask("REPLICAOF NO ONE")
        await until(lambda: link.up)


async def test_a_redis_without_memory_is_told_of_and_heals(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_redis(tmp_path) as server, a_link(server.url) as link:
        await server.ask("CONFIG SET maxmemory 1")
        with pytest.raises(SharedStateAway, match="memory is full"):
            await link.run(ADD, ["n"], [1])
        assert not link.up
        await server.ask("CONFIG SET maxmemory 0")
        await until(lambda: link.up)
        assert await link.run(ADD, ["n"], [1]) == 1


async def test_a_unix_socket_will_do(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    async with a_redis(tmp_path, "--unixsocket", str(path)), a_link(f"unix://{path}?db=3") as link:
        assert await link.run(ADD, ["n"], [1]) == 1


async def test_a_user_with_no_more_rights_than_the_docs_say_will_do(tmp_path: Path, repository: Path) -> None:
    (rights,) = re.findall(r"^ACL SETUSER (.*)$", (repository / "docs" / "scaling.md").read_text(), re.MULTILINE)
    async with a_redis(tmp_path) as server:
        assert await server.ask(f"ACL SETUSER {rights}") == "+OK"
        assert await server.ask("ACL SETUSER default off") == "+OK"
        async with a_replica(server.url.replace("//", "//underdog:PASSWORD@")) as one:
            one.store(body())
            claim = await Leases(one.sharing, random.Random(1)).claim(b"k" * 32, 1.0)
            assert claim is not None
            claim.release(abandoned=False)
            one.cache.clear()
            await until(lambda: one.sharing.outbox.sent >= 4 and one.sharing.follower.lag_s == 0)
            assert await one.sharing.link.run(f"redis.call('TIME') {ADD}", ["n"], [1]) == 1
            # And not a key of anybody else's.
            with pytest.raises(SharedStateAway):
                await one.sharing.link.call("SET", "foreign", "1")


async def test_tls_is_spoken_and_a_stranger_is_not_believed(
    tmp_path: Path, certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    files = ["--tls-cert-file", str(certificate), "--tls-key-file", str(certificate), "--tls-auth-clients", "no"]
    async with a_redis(tmp_path, "--tls-port", str(port), *files):
        url = f"rediss://localhost:{port}/0"
        async with a_link(f"{url}?ssl_ca_certs={certificate}") as link:
            assert await link.run(ADD, ["n"], [1]) == 1
        async with a_link(url, wait=False) as link:
            await until(lambda: "certificate" in caplog.text)
            assert not link.up


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost",
        "redis://:s3cret/word@localhost:6379/0",
        "redis://localhost/s3cret",
        "redis://localhost:s3cret",
        "redis://localhost?password_of=s3cret",
        "rediss://localhost?ssl_cert_reqs=s3cret",
        "unix://",
        "",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingsError, match="redis_url: write redis://") as refusal:
        Address(url)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://user:p%2Fw@example.test:7000/4", "example.test:7000"),
        ("valkeys://:pw@example.test", "example.test:6379"),
        ("redis://", "localhost:6379"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
        ("redis://[::1]:7/0", "::1:7"),
    ],
)
def test_an_address_is_named_without_its_password(url: str, name: str) -> None:
    assert Address(url).name == name
