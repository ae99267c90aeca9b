"""All keys in memory: who is let in, and how soon a change is heeded."""

from __future__ import annotations

import asyncio
import hmac
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from router.accounts import Accounts, Issued, Ring, ring
from router.accounts.ring import NOT_VALID
from router.accounts.secrets import label, new_id, new_secret
from router.configured.secret import Secret
from router.database import open_database
from router.errors import KeysUnavailable, Unauthenticated
from router.principals import Limits, Principal, Scope
from router.settings import Settings
from tests.accounts.support import Place, a_database, enter, form
from tests.services.postgres_server import a_postgres

SERVER = Scope(kind="server", id="server", limits=Limits(requests_per_minute=1))


def turned_away(ring: Ring, issued: Issued | str) -> str | None:
    with pytest.raises(Unauthenticated) as caught:
        enter(ring, issued)
    assert caught.value.status == 401
    return caught.value.code


async def soon(condition: Callable[[], Any]) -> Any:
    """What a condition gives once it holds; PostgreSQL's news are heard by a thread."""
    for _ in range(2000):
        try:
            return condition()
        except (Unauthenticated, AssertionError, pytest.fail.Exception):
            await asyncio.sleep(0.01)
    return condition()


async def test_a_key_is_let_in_as_soon_as_it_is_made_elsewhere_and_out_as_soon_as_it_is_revoked(place: Place) -> None:
    assert not place.ring.away
    issued = place.elsewhere.create_key(form(user="ann", models=["auto"], threshold=0.4, min_threshold=0.1))
    principal = (
        enter(place.ring, issued) if not place.database.shared else await soon(lambda: enter(place.ring, issued))
    )
    key_id = issued.key.id
    assert principal == Principal(
        tenant=f"key:{key_id}", key_id=key_id, user="ann", models=(("auto",),), threshold=0.4, min_threshold=0.1
    )
    place.elsewhere.change_key(key_id, form(user="bob"))
    if not place.database.shared:
        assert enter(place.ring, issued).user == "bob"
        place.elsewhere.revoke_key(key_id)
        assert turned_away(place.ring, issued) == "key_revoked"
        return
    await soon(lambda: _assert(enter(place.ring, issued).user == "bob"))
    place.elsewhere.revoke_key(key_id)
    assert await soon(lambda: turned_away(place.ring, issued)) == "key_revoked"


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _assert(holds: bool) -> None:
    assert holds


def test_this_servers_own_changes_hold_at_once_on_both_engines(place: Place) -> None:
    assert not place.ring.away
    issued = place.accounts.create_key(b"{}")
    assert enter(place.ring, issued).key_id == issued.key.id
    rotated = place.accounts.rotate_key(issued.key.id)
    assert turned_away(place.ring, issued) == "invalid_api_key"
    assert enter(place.ring, rotated).key_id == issued.key.id
    place.accounts.revoke_key(issued.key.id)
    assert turned_away(place.ring, rotated) == "key_revoked"


def test_another_process_on_the_file_is_heeded_at_once(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    ring = Ring(a_database(settings))
    ring.open()

    def underdog(*arguments: str) -> str:
        command = [sys.executable, "-m", "router", *arguments, "--home", str(tmp_path)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    text = underdog("keys", "create", "--name", "ci").strip()
    assert enter(ring, text).tenant.startswith("key:")
    underdog("keys", "revoke", "ci", "--yes")
    assert turned_away(ring, text) == "key_revoked"
    ring.close()


def test_the_old_secret_goes_on_for_the_grace_that_was_granted(tmp_path: Path) -> None:
    now = [1_000_000_000.0]
    database = a_database(Settings(home=str(tmp_path)))
    ring = Ring(database, clock=lambda: now[0])
    ring.open()
    accounts = Accounts(database, clock=lambda: _at(now[0]))
    first = accounts.create_key(b"{}")
    second = accounts.rotate_key(first.key.id, grace_s=60)
    now[0] += 59.9
    assert enter(ring, first) == enter(ring, second)
    now[0] += 0.1
    assert turned_away(ring, first) == "invalid_api_key"
    assert enter(ring, second)
    third = accounts.rotate_key(first.key.id, grace_s=60)
    fourth = accounts.rotate_key(first.key.id)
    assert turned_away(ring, second) == turned_away(ring, third) == "invalid_api_key"
    assert enter(ring, fourth)


def test_a_key_ends_when_it_expires(tmp_path: Path) -> None:
    now = [1_000_000_000.0]
    database = a_database(Settings(home=str(tmp_path)))
    ring = Ring(database, clock=lambda: now[0])
    ring.open()
    accounts = Accounts(database, clock=lambda: _at(now[0]))
    issued = accounts.create_key(form(expires_at=_at(now[0] + 10).isoformat()))
    now[0] += 9.9
    assert enter(ring, issued)
    now[0] += 0.1
    assert turned_away(ring, issued) == "key_expired"
    wrong = f"{issued.text.reveal()[:-1]}{'a' if issued.text.reveal()[-1] != 'a' else 'b'}"
    assert turned_away(ring, wrong) == "invalid_api_key"


def test_a_team_binds_all_of_its_keys_at_once(tmp_path: Path) -> None:
    database = a_database(Settings(home=str(tmp_path)))
    ring = Ring(database, server=SERVER)
    ring.open()
    accounts = Accounts(database)
    team = accounts.create_team(
        form(name="t", min_threshold=0.3, max_threshold=0.6, threshold=0.5, tokens_per_minute=9)
    )
    issued = accounts.create_key(form(team=team.id, models=["gpt-*"], min_threshold=0.1, max_threshold=0.5))
    principal = enter(ring, issued)
    assert principal.tenant == f"team:{team.id}"
    assert principal.team == team.id
    assert (principal.threshold, principal.min_threshold, principal.max_threshold) == (0.5, 0.3, 0.5)
    limits = Limits(tokens_per_minute=9)
    bound = Scope(kind="team", id=team.id, title="t", limits=limits, revision=team.change)
    assert principal.scopes == (SERVER, bound)
    accounts.change_team(team.id, form(models=["gpt-4.1"], min_threshold=0.6, requests_per_minute=5))
    principal = enter(ring, issued)
    assert principal.models == (("gpt-*",), ("gpt-4.1",))
    assert (principal.min_threshold, principal.max_threshold) == (0.6, 0.6), "where they do not meet, the team's hold"
    assert principal.scopes[1].limits == Limits(requests_per_minute=5, tokens_per_minute=9)
    assert principal.scopes[1].revision > team.change
    accounts.change_key(issued.key.id, form(blocked=True))
    assert turned_away(ring, issued) == "key_blocked"
    accounts.change_key(issued.key.id, form(blocked=None))
    enter(ring, issued)
    accounts.change_team(team.id, form(blocked=True))
    assert turned_away(ring, issued) == "team_blocked"
    accounts.change_team(team.id, form(blocked=False))
    assert enter(ring, issued)
    accounts.delete_team(team.id)
    assert turned_away(ring, issued) == "key_revoked"


def test_who_guesses_learns_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = a_database(Settings(home=str(tmp_path)))
    keyring = Ring(database)
    keyring.open()
    accounts = Accounts(database)
    live, revoked = accounts.create_key(b"{}"), accounts.create_key(b"{}")
    expired = accounts.create_key(form(expires_at="2099-01-01T00:00:00Z"))
    accounts.revoke_key(revoked.key.id)
    compared: list[tuple[int, int]] = []
    in_constant_time = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return in_constant_time(one, other)

    monkeypatch.setattr(ring.hmac, "compare_digest", compare)
    secret = new_secret(new_id()).text.reveal().rpartition("-")[2]
    guesses = [
        f"{label(live.key.id)}-{secret}",
        f"{label(revoked.key.id)}-{secret}",
        f"{label(expired.key.id)}-{secret}",
        new_secret(new_id()).text.reveal(),
        "sk-ud-",
        "sk-ud-nonsense",
        label(live.key.id),
        f"{live.text.reveal()} ",
        live.text.reveal().lower(),
        "sk-ud-" + "x" * 100_000,
    ]
    answers = set()
    for guess in guesses:
        compared.clear()
        with pytest.raises(Unauthenticated) as caught:
            enter(keyring, guess)
        answers.add((caught.value.message, caught.value.status, caught.value.code, str(caught.value.headers)))
        # Digest with digest, twice, whatever it was.
        assert compared == [(32, 32), (32, 32)], guess
    assert answers == {(NOT_VALID, 401, "invalid_api_key", str({"www-authenticate": "Bearer"}))}


def test_an_older_backup_in_the_place_of_the_file_is_taken_for_what_it_is(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path / "live"))
    database = a_database(settings)
    accounts = Accounts(database)
    kept = accounts.create_key(b"{}")
    with database.writing() as connection:
        connection.execute("UPDATE account_changes SET change = 5")
    ring = Ring(database)
    ring.open()
    with database.writing() as connection:
        connection.execute("UPDATE account_changes SET change = 1")
        connection.execute("DELETE FROM keys")
    assert turned_away(ring, kept) == "invalid_api_key"


def test_a_form_that_cannot_be_read_lets_nobody_in_and_all_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = a_database(Settings(home=str(tmp_path)))
    ring = Ring(database)
    ring.open()
    accounts = Accounts(database, changed=ring.refresh)
    team = accounts.create_team(form(name="broken"))
    well, revoked, broken = [accounts.create_key(b"{}") for _ in range(3)]
    member = accounts.create_key(form(team=team.id))
    for issued in (well, revoked, broken, member):
        assert enter(ring, issued)
    with database.writing() as connection:
        connection.execute("UPDATE account_changes SET change = 99")
        connection.execute("UPDATE keys SET form = '{', change = 99 WHERE id = ?", (broken.key.id,))
        connection.execute("UPDATE teams SET form = '[]', change = 99 WHERE id = ?", (team.id,))
    started = Ring(a_database(Settings(home=str(tmp_path))))
    started.open()
    accounts.revoke_key(revoked.key.id)
    for each in (ring, started):
        assert turned_away(each, broken) == "invalid_api_key"
        assert turned_away(each, member) == "team_blocked"
        assert turned_away(each, revoked) == "key_revoked"
        assert turned_away(each, new_secret(new_id()).text.reveal()) == "invalid_api_key"
        assert enter(each, well)
        assert not each.away
    assert broken.key.id in caplog.text
    assert team.id in caplog.text
    with database.writing() as connection:
        connection.execute("UPDATE account_changes SET change = 200")
        connection.execute("UPDATE keys SET form = '{}', change = 200 WHERE id = ?", (broken.key.id,))
    assert enter(ring, broken)


async def test_while_the_database_is_away_known_keys_go_on_and_unknown_ones_hear_of_it(tmp_path: Path) -> None:
    async with a_postgres(tmp_path) as server:
        url = await server.new_database()
        database = open_database(Settings(home=str(tmp_path), database_url=Secret(url)), "accounts")
        ring = Ring(database)
        await asyncio.to_thread(ring.open)
        ring.follow()
        accounts = Accounts(database)
        issued = await asyncio.to_thread(accounts.create_key, b"{}")
        try:
            await soon(lambda: enter(ring, issued))
            await server.stop()
            await soon(lambda: _assert(ring.away))
            assert enter(ring, issued).key_id == issued.key.id
            guesses = (new_secret(new_id()).text.reveal(), f"{issued.text.reveal()[:-1]}!", "sk-ud-x")
            said = set()
            for guess in guesses:
                with pytest.raises(KeysUnavailable) as caught:
                    enter(ring, guess)
                said.add((caught.value.status, caught.value.message))
            assert len(said) == 1
            assert {status for status, _ in said} == {503}
            await server.start()
            await soon(lambda: _assert(not ring.away))
            assert turned_away(ring, guesses[0]) == "invalid_api_key"
        finally:
            await asyncio.to_thread(ring.close)


def test_what_all_requests_count_against_may_change(tmp_path: Path) -> None:
    database = a_database(Settings(home=str(tmp_path)))
    ring, issued = Ring(database), Accounts(database).create_key(form(requests_per_minute=5))
    ring.open()
    assert [scope.kind for scope in enter(ring, issued).scopes] == ["key"]
    ring.count_against(Scope(kind="server", id="server", limits=Limits(requests_per_minute=9)))
    assert [scope.kind for scope in enter(ring, issued).scopes] == ["server", "key"]
    ring.count_against(None)
    assert [scope.kind for scope in enter(ring, issued).scopes] == ["key"]
    ring.close()


def test_the_file_holds_no_secret(tmp_path: Path) -> None:
    database = a_database(Settings(home=str(tmp_path)))
    accounts = Accounts(database)
    texts = [accounts.create_key(form(name=f"k{number}")).text.reveal() for number in range(5)]
    texts.append(accounts.rotate_key(find(texts[0]), grace_s=60).text.reveal())
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert files
    kept = b"".join(path.read_bytes() for path in files)
    assert find(texts[0]).encode() in kept
    for text in texts:
        assert text.encode() not in kept
        assert text.rpartition("-")[2].encode() not in kept
    for path in files:
        assert path.stat().st_mode & 0o077 == 0


def find(text: str) -> str:
    return text.split("-")[2]
