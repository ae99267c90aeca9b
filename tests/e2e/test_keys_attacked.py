"""Keys under attack: guessed, smuggled, borrowed, and searched for wherever they must not be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from router.accounts.secrets import label, new_id, new_secret
from router.upstream.scripted import ScriptedServer, Turn
from tests.e2e.keyed import MASTER, Visitor, visiting
from tests.live import LiveServer, live_server, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}).encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitor(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer, strong: ScriptedServer
) -> AsyncIterator[Visitor]:
    home = tmp_path_factory.mktemp("attacked")
    async with routed(home, weak, strong, UNDERDOG_MASTER_KEY=MASTER) as server, visiting(server) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at_an_open_server(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer, strong: ScriptedServer
) -> AsyncIterator[Visitor]:
    async with routed(tmp_path_factory.mktemp("open"), weak, strong) as server, visiting(server) as one:
        yield one


async def raw(server: LiveServer, *headers: bytes, path: bytes = b"/v1/chat/completions") -> tuple[int, bytes]:
    """A request as no client would send it: header lines as they are. Gives status and answer."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [b"POST %s HTTP/1.1" % path, b"host: x", b"content-length: %d" % len(BODY), b"connection: close", *headers]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + BODY)
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1]), answer


def guesses(live: str, revoked: str) -> list[str]:
    """Keys that are none: of an id that is there, of one that was, of none; and what has no shape at all."""
    secret = new_secret(new_id()).text.reveal().rpartition("-")[2]
    return [
        f"{label(live)}-{secret}",
        f"{label(revoked)}-{secret}",
        new_secret(new_id()).text.reveal(),
        label(live),
        "sk-ud-",
        f"sk-ud-{live}-",
        "sk-ud-' OR 1=1 --",
        "sk-ud-" + "a" * 3000,
        "sk-proj-somebody-elses",
        "x",
    ]


async def answers(visitor: Visitor, key: str) -> tuple[Any, ...]:
    """All of an answer that a guess could be judged by."""
    answer = await visitor.chat(key)
    told = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "date")}
    body = answer.json()
    body["error"].pop("request_id", None)
    return answer.status_code, json.dumps(body), json.dumps(told, sort_keys=True)


async def test_no_guess_is_told_from_another(visitor: Visitor) -> None:
    live, revoked = await visitor.key(), await visitor.key()
    await visitor.admin("DELETE", f"keys/{revoked['id']}")
    seen = {await answers(visitor, guess) for guess in guesses(live["id"], revoked["id"])}
    assert len(seen) == 1
    status, body, _ = seen.pop()
    assert status == 401
    assert live["id"] not in body
    for path in ("/v1/models", "/stats", "/cache/entries", "/admin/keys", f"/admin/keys/{live['id']}", "/metrics"):
        statuses = {(await visitor.ask("GET", path, guess)).status_code for guess in guesses(live["id"], revoked["id"])}
        assert statuses == {401}, path


async def test_only_who_holds_a_dead_key_learns_how_it_died(visitor: Visitor) -> None:
    revoked = await visitor.key()
    await visitor.admin("DELETE", f"keys/{revoked['id']}")
    answer = await visitor.chat(revoked["key"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "key_revoked")
    assert revoked["key"] not in answer.text


async def test_two_keys_are_refused_wherever_they_stand(visitor: Visitor) -> None:
    mine, theirs = (await visitor.key())["key"].encode(), (await visitor.key())["key"].encode()
    server = visitor.server
    smuggled = [
        (b"authorization: Bearer %s" % mine, b"authorization: Bearer %s" % theirs),
        (b"authorization: Bearer %s" % theirs, b"Authorization: bearer %s" % mine),
        (b"authorization: Bearer %s" % mine, b"x-api-key: %s" % theirs),
        (b"x-api-key: %s" % mine, b"api-key: %s" % theirs),
        (b"x-api-key: %s" % mine, b"x-api-key: %s" % theirs),
        (b"authorization: Bearer %s" % mine, b"x-api-key: %s" % MASTER.encode()),
        (b"authorization: Bearer %s, Bearer %s" % (mine, theirs),),
        (b"authorization: Bearer %s %s" % (mine, theirs),),
        (b"authorization: Bearer %s\xff" % mine,),
        (b"authorization: Bearer \xff\xfe",),
        (b"authorization: Basic %s" % mine,),
        (b"authorization: %s" % mine,),
        (b"authorization: Bearer%s" % mine,),
        (b"x-forwarded-authorization: Bearer %s" % mine,),
        (b"authorization_: Bearer %s" % mine,),
        (b"cookie: authorization=Bearer %s" % mine,),
    ]
    for lines in smuggled:
        status, answer = await raw(server, *lines)
        assert status in (400, 401), lines
        assert mine not in answer
    status, _ = await raw(server, path=b"/v1/chat/completions?api_key=" + mine)
    assert status == 401
    for lines in (
        (b"authorization: Bearer %s" % mine, b"authorization: Bearer %s" % mine, b"x-api-key: %s" % mine),
        (b"authorization:   bEaReR    %s   " % mine,),
        (b"AUTHORIZATION: Bearer %s" % mine, b"authorization: Basic other"),
    ):
        assert (await raw(server, *lines))[0] == 200, lines


async def test_a_header_may_not_say_who_somebody_is(visitor: Visitor) -> None:
    key = await visitor.key()
    other = await visitor.team(name="pretended")
    said = {
        "x-router-tenant": f"team:{other['id']}",
        "x-tenant": "local",
        "x-router-key-id": "master",
        "x-user": "root",
    }
    answer = await visitor.ask("GET", "/admin/keys", key["key"], headers=said)
    assert answer.status_code == 403
    body = {"model": "auto", "user": "root", "messages": [{"role": "user", "content": "Who am I?"}]}
    answer = await visitor.ask("POST", "/v1/chat/completions", key["key"], headers=said, json=body)
    row = await visitor.server.ledger_row(answer.headers["x-request-id"])
    assert (row["tenant"], row["key_id"], row["user_id"]) == (f"key:{key['id']}", key["id"], None)


async def test_an_open_server_takes_placeholders_but_no_dead_keys(at_an_open_server: Visitor) -> None:
    visitor = at_an_open_server
    for placeholder in (None, "not-needed", "sk-proj-placeholder"):
        assert (await visitor.chat(placeholder)).status_code == 200
    assert (await raw(visitor.server, b"authorization: Bearer \xff\xc3\xa9"))[0] == 200
    two = {"authorization": "Bearer not-needed", "x-api-key": "nor-this"}
    assert (await visitor.ask("GET", "/v1/models", None, headers=two)).status_code == 200
    made = json.loads(await visitor.underdog("keys", "create", "--json", "--model", "weak"))
    assert (await visitor.chat(made["key"], model="weak")).status_code == 200
    assert (await visitor.chat(made["key"], model="strong")).status_code == 403
    for guess in (f"{made['key'][:-1]}!", "sk-ud-nonsense"):
        assert (await visitor.chat(guess)).status_code == 401
    await visitor.underdog("keys", "revoke", made["id"], "--yes")
    assert (await visitor.chat(made["key"], model="weak")).json()["error"]["code"] == "key_revoked"
    assert (await visitor.admin("GET", "keys", key=None)).json()["error"]["code"] == "admin_only"
    assert (await visitor.admin("POST", "keys", {}, key="not-needed")).status_code == 403


async def test_pages_of_other_sites_stay_out_of_an_open_server_whatever_key_they_make_up(
    at_an_open_server: Visitor,
) -> None:
    page = {"sec-fetch-site": "cross-site"}
    for key, status in ((None, 403), ("not-needed", 403), ("sk-ud-made-up", 401)):
        assert (await at_an_open_server.ask("GET", "/v1/models", key, headers=page)).status_code == status
    # What a browser says of a page that posts to 0.0.0.0, which leads here as well.
    page = {"origin": "http://evil.example", "host": "0.0.0.0:8787", "content-type": "text/plain"}
    assert (await at_an_open_server.chat(None, headers=page)).status_code == 403


async def test_a_page_that_reads_by_a_name_of_its_own_sees_nothing_of_what_is_kept(at_an_open_server: Visitor) -> None:
    await at_an_open_server.chat(None, "What did the page want to know?")
    for path in ("/cache/entries?questions=true", "/cache/entries/abcdef"):
        answer = await at_an_open_server.ask("GET", path, None, headers={"host": "evil.example:8787"})
        assert answer.status_code == 403
        assert "the page" not in answer.text
    assert (await at_an_open_server.ask("GET", "/cache/entries?questions=true", None)).json()["entries"]


async def test_secrets_are_nowhere_but_where_they_were_shown(
    tmp_path: Path, weak: ScriptedServer, strong: ScriptedServer
) -> None:
    log, home = tmp_path / "log.txt", tmp_path / "home"
    weak_at = ("--weak-url", weak.base_url, "--weak-model", "weak-model")
    strong_at = ("--strong-url", strong.base_url, "--strong-model", "strong-model")
    environ = {"UNDERDOG_MASTER_KEY": MASTER}
    async with live_server(home, *weak_at, *strong_at, environ=environ, stderr=log) as server, visiting(server) as one:
        team = await one.team(name="silent")
        key = await one.key(team=team["id"], metadata={"note": "x"})
        fresh = (await one.admin("POST", f"keys/{key['id']}/rotate", {"grace_s": 60})).json()
        secrets = [text["key"].rpartition("-")[2] for text in (key, fresh)] + [MASTER]
        asked = [await one.chat(text) for text in (key["key"], fresh["key"], "sk-ud-x", f"{fresh['key']}x")]
        asked.append(await one.chat(fresh["key"], model="nonsense"))
        asked.append(await one.admin("POST", "keys", {"name": fresh["key"], "unknown": fresh["key"]}))
        for path in (f"keys/{key['id']}", "keys", "teams", f"teams/{team['id']}"):
            asked += [await one.admin("GET", path)]
        asked.append(await one.admin("DELETE", f"keys/{key['id']}"))
        asked.append(await one.chat(fresh["key"]))
        for path in ("/health", "/ready", "/metrics", "/stats", "/cache/entries", "/openapi/openapi.json"):
            asked += [await one.ask("GET", path, MASTER)]
        said = [f"{answer.headers} {answer.text}" for answer in asked]
        said.append(await one.underdog("keys", "list", "--revoked", "--json"))
        said.append(await one.underdog("keys", "show", key["id"]))
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert key["id"].encode() in kept
    said += [log.read_text(), kept.decode("latin-1")]
    for secret in secrets:
        for text in said:
            assert secret not in text


async def test_a_model_that_the_key_may_not_have_does_not_stand_in_either(tmp_path: Path) -> None:
    too_long = '{"error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}}'
    refuses = [Turn(status=400, error_body=too_long)]
    async with (
        ScriptedServer(model="weak-model", turns=refuses) as weak,
        ScriptedServer(model="strong-model", turns=refuses) as strong,
        ScriptedServer(model="long", turns=[Turn(reply="I have room")]) as roomy,
        routed(
            tmp_path,
            weak,
            strong,
            UNDERDOG_MASTER_KEY=MASTER,
            UNDERDOG_DEPLOYMENTS=json.dumps([{"route": "named", "model": "long", "url": roomy.base_url}]),
            UNDERDOG_CONTEXT_FALLBACKS='["long"]',
        ) as server,
        visiting(server) as visitor,
    ):
        free, bound = await visitor.key(), await visitor.key(models=["auto"])
        assert (await visitor.chat(free["key"])).headers["x-router-model"] == "long"
        answer = await visitor.chat(bound["key"])
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
        assert len(roomy.requests) == 1
