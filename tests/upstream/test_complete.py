"""Requests that do not stream, against a scripted server over real sockets."""

import asyncio
import json

import httpx
import pytest

from router.configured.secret import Secret
from router.errors import UpstreamBroken, UpstreamError, UpstreamRefused, UpstreamTimeout, UpstreamUnreachable
from router.upstream.http_upstream import Timeouts
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.scripted import ScriptedServer, Turn
from tests.upstream.conftest import Connect, Serve

ASK = {"model": "auto", "messages": [{"role": "user", "content": "Hello?"}]}


async def test_the_answer_arrives_byte_for_byte(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(reply="Grüße ☃")])
    async with httpx.AsyncClient() as direct:
        expected = await direct.post(f"{server.base_url}/chat/completions", json=ASK)

    reply = await connect(server).complete(ASK)

    assert reply.body == expected.content


async def test_only_the_model_is_replaced_in_the_request(serve: Serve, connect: Connect) -> None:
    server = await serve()
    body = ASK | {"temperature": 0.25, "seed": 2**53 + 1, "x_vendor": {"deep": [1, None, "☃"]}}

    await connect(server, model="gpt-x").complete(body)

    assert server.chats[0].body == body | {"model": "gpt-x"}


async def test_stream_fields_are_left_out_of_a_plain_request(serve: Serve, connect: Connect) -> None:
    server = await serve()

    await connect(server).complete(ASK | {"stream": True, "stream_options": {"include_usage": True}})

    assert server.chats[0].body == ASK | {"model": "m"}


async def test_the_key_travels_as_a_bearer_token_beside_extra_headers(serve: Serve, connect: Connect) -> None:
    server = await serve(api_key="sk-right")

    await connect(server, api_key=Secret("sk-right"), headers={"OpenAI-Organization": "org-1"}).complete(ASK)

    assert server.chats[0].headers["openai-organization"] == "org-1"


async def test_without_a_key_no_authorization_is_sent(serve: Serve, connect: Connect) -> None:
    server = await serve()
    await connect(server).complete(ASK)
    assert "authorization" not in server.chats[0].headers


async def test_a_query_string_in_the_base_url_is_kept(serve: Serve, connect: Connect) -> None:
    server = await serve()

    await connect(server, base_url=f"{server.base_url}?version=3").complete(ASK)

    assert server.chats[0].path == "/v1/chat/completions?version=3"


async def test_a_refusal_keeps_status_error_object_and_retry_after(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(status=429, error_message="Slow down.", headers={"retry-after": "7"})])

    with pytest.raises(UpstreamRefused) as caught:
        await connect(server).complete(ASK)

    assert caught.value.status == 429
    assert caught.value.headers == {"retry-after": "7"}
    assert caught.value.payload()["error"] == {
        "message": "Slow down.",
        "type": "scripted_error",
        "param": None,
        "code": "scripted_error",
    }


@pytest.mark.parametrize("status", [401, 403])
async def test_a_rejected_key_of_ours_does_not_look_like_the_callers(
    serve: Serve, connect: Connect, status: int
) -> None:
    server = await serve(turns=[Turn(status=status, error_message="Incorrect API key provided: sk-secret.")])

    with pytest.raises(UpstreamError) as caught:
        await connect(server, api_key=Secret("sk-secret"), key_setting="UNDERDOG_STRONG_API_KEY").complete(ASK)

    assert caught.value.status == 502
    assert "UNDERDOG_STRONG_API_KEY" in caught.value.message
    assert "sk-secret" not in json.dumps(caught.value.payload())


async def test_a_key_quoted_in_an_error_is_blotted_out(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(status=400, error_message="No quota for sk-secret.")])

    with pytest.raises(UpstreamRefused) as caught:
        await connect(server, api_key=Secret("sk-secret")).complete(ASK)

    assert caught.value.payload()["error"]["message"] == "No quota for ***."


@pytest.mark.parametrize(
    "quoted",
    ["key/with+slash=", "secret-of-a-header", "token-of-the-header", "secret-of-the-query"],
)
async def test_whatever_is_secret_is_blotted_out_however_deep_and_however_escaped(
    serve: Serve, connect: Connect, quoted: str
) -> None:
    said = json.dumps(f"Who is {quoted}?").replace("/", "\\/").replace("q", "\\u0071")
    body = f'{{"error": {{"message": {said}, "metadata": {{"raw": [{said}]}}}}}}'
    server = await serve(turns=[Turn(status=400, error_body=body)])
    upstream = OpenAICompatibleUpstream(
        name="strong",
        base_url=f"{server.base_url}?token=secret-of-the-query",
        model="m",
        api_key=Secret("key/with+slash="),
        headers={"x-a": "secret-of-a-header", "x-b": "Token token-of-the-header", "x-team": "is"},
    )
    with pytest.raises(UpstreamRefused) as caught:
        await upstream.complete(ASK)
    await upstream.aclose()
    error = caught.value.payload()["error"]
    assert (error["message"], error["metadata"]) == ("Who is ***?", {"raw": ["Who is ***?"]})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<html>Bad gateway</html>", "The strong upstream answered with status 503."),
        ('{"error": "out of memory"}', "out of memory"),
        ('[{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}]', "overloaded"),
        ('{"object": "error", "message": "no such task", "type": "NotFoundError", "code": 404}', "no such task"),
        (
            '{"object": "error", "message": {"detail": [{"loc": ["body", "user"], "msg": "No.", "input": "x"}]}}',
            "'body.user': No.",
        ),
        ('{"detail":[{"loc":["body"],"msg":"field required"}, 7]}', "'body': field required"),
        ('{"detail": "nope"}', "The strong upstream answered with status 503."),
        ("", "The strong upstream answered with status 503."),
    ],
)
async def test_an_error_of_any_shape_becomes_an_openai_error(
    serve: Serve, connect: Connect, body: str, message: str
) -> None:
    server = await serve(turns=[Turn(status=503, error_body=body)])

    with pytest.raises(UpstreamRefused) as caught:
        await connect(server).complete(ASK)

    error = caught.value.payload()["error"]
    assert caught.value.status == 503
    assert error["message"] == message
    assert {"message", "type", "param", "code"} <= set(error)


@pytest.mark.parametrize("fault", ["not-json", "not-a-chat", "html", "error-object", "cut", "cut-midway", "redirect"])
async def test_what_is_no_answer_counts_as_broken(serve: Serve, connect: Connect, fault: str) -> None:
    server = await serve(turns=[Turn(fault=fault)])
    with pytest.raises(UpstreamBroken):
        await connect(server).complete(ASK)


async def test_an_error_with_status_200_shows_its_message(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(fault="error-object", error_message="No capacity.")])
    with pytest.raises(UpstreamBroken, match="No capacity"):
        await connect(server).complete(ASK)


@pytest.mark.parametrize("fault", ["hang", "hang-midway"])
async def test_silence_ends_in_a_timeout_that_drops_the_connection(serve: Serve, connect: Connect, fault: str) -> None:
    server = await serve(turns=[Turn(fault=fault)])

    with pytest.raises(UpstreamTimeout, match="strong"):
        await connect(server, timeouts=Timeouts(total_s=0.2)).complete(ASK)

    await asyncio.wait_for(server.wait_until_a_client_left(), 5)


async def test_a_whole_answer_may_take_longer_than_the_first_token_of_a_stream(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(delay_ms=300)])
    reply = await connect(server, timeouts=Timeouts(first_token_s=0.05)).complete(ASK)
    assert b"scripted answer" in reply.body


async def test_cancelling_a_request_drops_the_connection(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(fault="hang")])
    request = asyncio.create_task(connect(server).complete(ASK))
    await asyncio.wait_for(server.wait_until_asked(), 5)

    request.cancel()

    await asyncio.wait_for(server.wait_until_a_client_left(), 5)
    with pytest.raises(asyncio.CancelledError):
        await request


async def test_an_answer_past_the_limit_is_refused(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(reply="x" * 200_000)])
    with pytest.raises(UpstreamBroken, match="more than 100000 bytes"):
        await connect(server, max_answer_bytes=100_000).complete(ASK)


async def test_nobody_listening_is_unreachable_and_shows_in_the_state(serve: Serve, connect: Connect) -> None:
    server = await serve()
    upstream = connect(server)
    assert upstream.state == "unknown"
    await upstream.complete(ASK)
    assert upstream.state == "ready"

    await server.aclose()

    with pytest.raises(UpstreamUnreachable, match="strong"):
        await upstream.complete(ASK)
    assert upstream.state == "failed"


async def test_a_name_that_does_not_resolve_is_unreachable(connect: Connect, serve: Serve) -> None:
    with pytest.raises(UpstreamUnreachable, match="host name that cannot be found; check its URL"):
        await connect(await serve(), base_url="http://nowhere.invalid/v1").complete(ASK)


async def test_tls_with_a_plain_server_is_unreachable(serve: Serve, connect: Connect) -> None:
    server = await serve()
    impatient = Timeouts(connect_s=0.5)  # the server waits for HTTP while we wait for TLS
    with pytest.raises(UpstreamUnreachable):
        await connect(server, base_url=server.base_url.replace("http:", "https:"), timeouts=impatient).complete(ASK)


async def test_an_upstream_that_restarted_is_reached_again(serve: Serve, connect: Connect) -> None:
    server = await serve()
    upstream = connect(server)
    await upstream.complete(ASK)
    await server.aclose()

    async with ScriptedServer(port=server.port, turns=[Turn(reply="Back again.")]):
        reply = await upstream.complete(ASK)

    assert b"Back again." in reply.body


class Fickle:
    """A server that answers the first so many requests of each connection, and closes it on the next one."""

    def __init__(self, answers: int) -> None:
        self.answers = answers
        self.asked = 0
        self.together = asyncio.Barrier(1)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for turn in range(self.answers + 1):
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
            self.asked += 1
            if turn < self.answers:
                await self.together.wait()
                writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{"choices":[]}')
        writer.close()


@pytest.mark.parametrize("kept", [1, 3])
async def test_a_kept_connection_that_went_stale_costs_one_more_request_over_a_new_one(kept: int) -> None:
    fickle = Fickle(answers=1)
    fickle.together = asyncio.Barrier(kept)
    async with await asyncio.start_server(fickle.serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        upstream = OpenAICompatibleUpstream(name="strong", base_url=url, model="m")
        await asyncio.gather(*(upstream.complete(ASK) for _ in range(kept)))
        fickle.together, fickle.asked = asyncio.Barrier(1), 0
        await upstream.complete(ASK)
        assert fickle.asked == 2
        await upstream.aclose()


async def test_a_new_connection_that_is_lost_is_not_asked_twice() -> None:
    fickle = Fickle(answers=0)
    async with await asyncio.start_server(fickle.serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        upstream = OpenAICompatibleUpstream(name="strong", base_url=url, model="m")
        with pytest.raises(UpstreamBroken):
            await upstream.complete(ASK)
        assert fickle.asked == 1
        await upstream.aclose()


async def test_connections_are_used_again(serve: Serve, connect: Connect) -> None:
    server = await serve()
    upstream = connect(server)
    for _ in range(5):
        await upstream.complete(ASK)
    assert server.connections_made == 1


async def test_proxies_in_the_environment_are_not_used(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    reply = await connect(await serve()).complete(ASK)
    assert b"choices" in reply.body


async def test_cookies_are_not_kept(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(headers={"set-cookie": "session=1"})])
    upstream = connect(server, base_url=server.base_url.replace("127.0.0.1", "localhost"))
    await upstream.complete(ASK)
    await upstream.complete(ASK)
    assert "cookie" not in server.chats[1].headers


async def test_the_request_id_of_the_upstream_is_passed_on(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(headers={"x-request-id": "req-9"})])
    reply = await connect(server).complete(ASK)
    assert reply.headers == {"x-upstream-request-id": "req-9"}


async def test_a_model_that_is_not_configured_is_the_first_one_listed(serve: Serve, connect: Connect) -> None:
    server = await serve(model="llama-9")
    upstream = connect(server, model=None)

    await asyncio.gather(*(upstream.complete(ASK) for _ in range(5)))

    assert upstream.model == "llama-9"
    assert {chat.body["model"] for chat in server.chats} == {"llama-9"}
    assert [request.path for request in server.requests].count("/v1/models") == 1


async def test_starting_asks_for_the_model_in_the_background(serve: Serve, connect: Connect) -> None:
    server = await serve(model="llama-9")
    await connect(server, model=None).start()
    await asyncio.wait_for(server.wait_until_asked(), 5)
    assert [request.path for request in server.requests] == ["/v1/models"]


async def test_building_an_upstream_asks_nobody(serve: Serve, connect: Connect) -> None:
    server = await serve()
    upstream: OpenAICompatibleUpstream = connect(server, model=None)
    await asyncio.sleep(0)
    assert server.requests == []
    assert upstream.model == "default"


async def test_a_server_without_a_model_list_is_asked_for_the_default(serve: Serve, connect: Connect) -> None:
    server = await serve(lists_models=False)
    await connect(server, model=None).complete(ASK)
    assert server.chats[0].body["model"] == "default"


async def test_a_model_list_that_cannot_be_had_is_asked_for_again(serve: Serve, connect: Connect) -> None:
    server = await serve(model="llama-9")
    upstream = connect(server, model=None)
    await server.aclose()
    with pytest.raises(UpstreamUnreachable):
        await upstream.complete(ASK)

    async with ScriptedServer(port=server.port, model="llama-9"):
        await upstream.complete(ASK)

    assert upstream.model == "llama-9"
