"""From a configured deployment to what asks it. Nobody is contacted, except where a test says so."""

from collections.abc import Mapping
from typing import Any

import pytest

from router.configured.deployments import Deployment
from router.configured.secret import Secret
from router.errors import SettingsError
from router.upstream.anthropic import AnthropicUpstream
from router.upstream.base import Upstream
from router.upstream.connect import connect
from router.upstream.http_upstream import Timeouts
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from tests.upstream.conftest import Serve

ASK = {"messages": [{"role": "user", "content": "Hello?"}]}


def connected(environ: Mapping[str, str] | None = None, **fields: Any) -> tuple[Upstream, ...]:
    deployment = Deployment(**{"route": "strong", **fields})
    return connect(deployment, name="mine", timeouts=Timeouts(), environ=environ or {})


async def test_a_provider_gives_url_key_and_prices() -> None:
    (upstream,) = connected({"GROQ_API_KEY": "k"}, provider="groq", model="llama-3.3-70b-versatile")
    assert isinstance(upstream, OpenAICompatibleUpstream)
    assert upstream.address == "https://api.groq.com/openai/v1/chat/completions"
    assert (upstream.name, upstream.model, upstream.provider) == ("mine", "llama-3.3-70b-versatile", "groq")


async def test_a_model_may_name_its_provider_instead() -> None:
    (upstream,) = connected({"GROQ_API_KEY": "k"}, model="groq/llama-3.3-70b-versatile")
    assert (upstream.model, upstream.provider) == ("llama-3.3-70b-versatile", "groq")


async def test_anthropic_is_spoken_to_in_its_own_protocol_unless_told_otherwise() -> None:
    key = {"ANTHROPIC_API_KEY": "k"}
    (own,) = connected(key, provider="anthropic", model="claude-haiku-4-5")
    (by_url,) = connected(key, url="https://api.anthropic.com/v1", model="claude-haiku-4-5")
    (compatible,) = connected(key, provider="anthropic", model="claude-haiku-4-5", protocol="openai")
    assert isinstance(own, AnthropicUpstream)
    assert isinstance(by_url, AnthropicUpstream)
    assert own.address == "https://api.anthropic.com/v1/messages"
    assert isinstance(compatible, OpenAICompatibleUpstream)


async def test_each_key_gives_an_upstream_of_its_own() -> None:
    environ = {"A": "key-a", "B": "key-b"}
    first, second = connected(environ, provider="openai", model="gpt-4.1", api_key_env=("A", "B"))
    assert first.address == second.address


async def test_keys_and_headers_reach_the_endpoint_as_its_provider_wants_them(serve: Serve) -> None:
    server = await serve(api_key="sk-right")
    environ = {"AZURE_OPENAI_ENDPOINT": server.base_url.removesuffix("/v1"), "AZURE_OPENAI_API_KEY": "sk-right"}

    (azure,) = connected(environ, provider="azure", model="mine", headers={"x-org": Secret("o")})
    await azure.complete(ASK)
    await azure.aclose()
    (claude,) = connected(url=server.base_url, protocol="anthropic", model="claude-x", api_key=Secret("sk-right"))
    await claude.complete(ASK)
    await claude.aclose()

    asked_azure, asked_claude = server.chats
    assert asked_azure.path == "/openai/v1/chat/completions"
    assert asked_azure.headers["api-key"] == "sk-right"
    assert "authorization" not in asked_azure.headers
    assert asked_azure.headers["x-org"] == "o"
    assert asked_claude.headers["x-api-key"] == "sk-right"


async def test_azures_dated_interface_has_model_and_version_in_its_url(serve: Serve) -> None:
    server = await serve()
    environ = {
        "AZURE_OPENAI_ENDPOINT": server.base_url.removesuffix("/v1"),
        "AZURE_OPENAI_API_KEY": "k",
        "OPENAI_API_VERSION": "2024-10-21",
    }
    (azure,) = connected(environ, provider="azure-dated", model="mine")
    await azure.complete(ASK)
    await azure.aclose()
    assert server.chats[0].path == "/openai/deployments/mine/chat/completions?api-version=2024-10-21"


async def test_a_local_server_needs_no_key() -> None:
    (upstream,) = connected(provider="ollama", model="llama3.1")
    assert (upstream.address, upstream.provider) == ("http://localhost:11434/v1/chat/completions", "local")


async def test_a_provider_may_be_reached_at_another_address() -> None:
    (upstream,) = connected({"OPENAI_API_KEY": "k"}, provider="openai", url="https://proxy.example.com/v1", model="m")
    assert (upstream.address, upstream.provider) == ("https://proxy.example.com/v1/chat/completions", "openai")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"provider": "gorq"}, "'mine': provider: unknown provider 'gorq'; did you mean 'groq'"),
        ({"provider": "groq", "model": "m"}, "'mine': the provider 'groq' needs a key; set GROQ_API_KEY"),
        ({"provider": "azure", "api_key": Secret("k")}, "'azure' needs AZURE_OPENAI_ENDPOINT, which is not set"),
        ({"provider": "azure-dated", "api_key": Secret("k")}, "'azure-dated' needs a model"),
        ({"model": "m"}, "'mine' says neither its provider nor its url"),
        ({"url": "ftp://x/v1"}, "must begin with http"),
        ({"provider": "openai", "api_key_env": ("NOT_THERE",)}, "the variable NOT_THERE is not set"),
        ({"url": "https://x.example.com/v1", "protocol": "anthropic"}, "names no model"),
        ({"protocol": "any-llm", "model": "m"}, "any-llm needs a provider"),
        ({"url": "http://h/v\x01"}, "url: not a URL"),
        ({"url": "http://h h/v1"}, "url: its host holds a blank"),
        ({"url": "http://h/v1", "headers": {"x-a": Secret("a\r\nx-b: c")}}, "headers: 'x-a': holds characters that no"),
        ({"url": "http://h/v1", "headers": {"x-a": Secret("5 €")}}, "headers: 'x-a': holds characters that no"),
        ({"url": "http://h/v1", "headers": {"x a": Secret("b")}}, "headers: 'x a' is no name of a header"),
        (
            {"url": "http://h/v1", "headers": {"Content-Length": Secret("0")}},
            "the connection's own",
        ),
    ],
)
def test_what_could_not_work_is_refused_in_words(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        connected(**fields)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Content-Length", "5"),
        ("transfer-encoding", "chunked"),
        ("Connection", "close"),
        ("x org", "s3cret"),
        ("x-org:", "s3cret"),
        ("", "s3cret"),
        ("x-org", "a\r\nevil: b"),
        ("x-org", "gr\u00fcn"),
    ],
)
def test_a_header_that_cannot_be_sent_or_is_ours_to_say_is_refused_at_the_start(header: str, value: str) -> None:
    with pytest.raises(SettingsError, match=r"deployments: 'mine': headers: ") as caught:
        connected(url="http://127.0.0.1:9/v1", model="m", headers={header: Secret(value)})
    assert value not in str(caught.value)


@pytest.mark.parametrize("url", ["http://u:secret@h/v1", "http://u:sec/ret@h/v1", "http://u:secret?x@h/v1"])
def test_a_url_with_a_password_is_refused_without_it_and_with_the_place_for_keys(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        connected(url=url)
    assert "sec" not in str(refused.value)
    assert "api_key_env" in str(refused.value) or "no credentials" in str(refused.value)


def test_what_variables_make_of_a_providers_url_is_looked_at_before_it_is_asked() -> None:
    environ = {"AZURE_OPENAI_ENDPOINT": "ftp://mine", "AZURE_OPENAI_API_KEY": "k"}
    with pytest.raises(SettingsError, match=r"'azure' \(from AZURE_OPENAI_ENDPOINT\): 'ftp://mine"):
        connected(environ, provider="azure", model="m")
