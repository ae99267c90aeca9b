"""From settings and environment to upstreams: nothing is contacted here."""

import logging
from collections.abc import Mapping

import pytest
from genai_prices import Usage, calc_price

from router.configured.secret import Secret
from router.errors import SettingsError
from router.settings import Settings
from router.upstream.base import Upstream
from router.upstream.build import Upstreams, build_upstreams
from router.upstream.embedded.upstream import EmbeddedUpstream
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.pool import Pool
from router.upstream.providers import PROVIDERS, discover, is_local


def build(environ: Mapping[str, str] | None = None, **settings: object) -> Upstreams:
    converted = {name: Secret(value) if name.endswith("api_key") else value for name, value in settings.items()}
    return build_upstreams(Settings(**converted), environ or {})


def only_member(upstream: Upstream | None) -> Upstream:
    assert isinstance(upstream, Pool)
    (member,) = upstream.members
    return member.upstream


async def test_by_default_the_embedded_llm_is_weak_and_there_is_no_strong_model() -> None:
    upstreams = build()
    assert isinstance(only_member(upstreams.weak), EmbeddedUpstream)
    assert upstreams.weak.provider == "local"
    assert upstreams.weak.state == "unknown"
    assert upstreams.strong is None


async def test_urls_make_openai_compatible_upstreams_named_after_their_route() -> None:
    upstreams = build(
        weak_url="http://127.0.0.1:11434/v1",
        weak_model="llama3.2",
        strong_url="https://llm.example.com/v1",
        strong_model="big",
    )
    assert isinstance(only_member(upstreams.weak), OpenAICompatibleUpstream)
    assert isinstance(only_member(upstreams.strong), OpenAICompatibleUpstream)
    assert (upstreams.weak.name, upstreams.weak.model, upstreams.weak.provider) == ("weak", "llama3.2", "local")
    assert (upstreams.strong.name, upstreams.strong.model, upstreams.strong.provider) == ("strong", "big", None)


FOUND_BY_KEY = [provider for provider in PROVIDERS if provider.strong_model]


@pytest.mark.parametrize("provider", FOUND_BY_KEY, ids=lambda provider: provider.id)
async def test_a_provider_key_alone_gives_a_strong_model(provider) -> None:
    for variable in provider.key_variables:
        strong = build({variable: "k"}).strong
        assert strong is not None
        assert strong.provider == provider.id
        assert strong.model == provider.strong_model


@pytest.mark.parametrize("provider", FOUND_BY_KEY, ids=lambda provider: provider.id)
def test_the_default_model_of_every_provider_has_a_price(provider) -> None:
    price = calc_price(Usage(input_tokens=1000, output_tokens=1000), provider.strong_model, provider_id=provider.id)
    assert price.total_price > 0


def test_keys_are_taken_in_the_order_of_the_table() -> None:
    every_key = {variable: "k" for provider in PROVIDERS for variable in provider.key_variables}
    assert discover(every_key) is PROVIDERS[0]
    del every_key["OPENAI_API_KEY"]
    assert discover(every_key).id == "openrouter"
    del every_key["OPENROUTER_API_KEY"]
    assert discover(every_key).id == "anthropic"


def test_an_empty_key_counts_as_none() -> None:
    assert discover({"OPENAI_API_KEY": ""}) is None


async def test_a_configured_strong_url_wins_over_keys_in_the_environment() -> None:
    strong = build({"OPENAI_API_KEY": "k"}, strong_url="http://10.0.0.7/v1", strong_model="big").strong
    assert strong is not None
    assert (strong.provider, strong.model) == ("local", "big")


async def test_a_strong_model_may_be_named_for_a_provider_that_was_found() -> None:
    strong = build({"OPENAI_API_KEY": "k"}, strong_model="gpt-6-sol").strong
    assert strong is not None
    assert (strong.provider, strong.model) == ("openai", "gpt-6-sol")


async def test_the_url_of_a_known_provider_brings_its_model_and_price_list() -> None:
    strong = build({"GROQ_API_KEY": "k"}, strong_url="https://api.groq.com/openai/v1/").strong
    assert strong is not None
    assert (strong.provider, strong.model) == ("groq", "openai/gpt-oss-120b")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"weak_model": "llama"}, "UNDERDOG_WEAK_MODEL is set without UNDERDOG_WEAK_URL"),
        ({"weak_api_key": "k"}, "UNDERDOG_WEAK_API_KEY is set without UNDERDOG_WEAK_URL"),
        ({"strong_model": "gpt"}, "UNDERDOG_STRONG_MODEL is set without UNDERDOG_STRONG_URL"),
        ({"strong_api_key": "k"}, "UNDERDOG_STRONG_API_KEY is set without UNDERDOG_STRONG_URL"),
        ({"strong_url": "ftp://host/v1"}, "UNDERDOG_STRONG_URL"),
        ({"strong_url": "localhost:8000/v1"}, "UNDERDOG_STRONG_URL"),
        ({"strong_url": "http://[bad/v1"}, "UNDERDOG_STRONG_URL"),
        ({"strong_url": "http://host:99999/v1"}, "UNDERDOG_STRONG_URL"),
        ({"weak_url": "http:///v1"}, "UNDERDOG_WEAK_URL"),
    ],
)
def test_settings_that_could_not_work_are_refused_by_name(settings: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        build(**settings)


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://127.0.0.1:11434", 1),
        ("http://127.0.0.1:11434/", 1),
        ("http://h/v1", 0),
        ("https://api.perplexity.ai", 0),
    ],
)
def test_a_url_without_its_path_is_pointed_out(url: str, warned: int, caplog: pytest.LogCaptureFixture) -> None:
    build(weak_url=url)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["UNDERDOG_WEAK_URL: the URL has no path; most servers answer below /v1."] * warned


def test_credentials_in_a_url_are_refused_without_showing_them() -> None:
    with pytest.raises(SettingsError) as caught:
        build(strong_url="https://me:hunter2@host/v1")
    assert "UNDERDOG_STRONG_API_KEY" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_keys_show_neither_in_representations_nor_in_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    strong = build(strong_url="https://host/v1", strong_api_key="sk-hidden").strong
    assert "sk-hidden" not in repr(strong) + caplog.text


@pytest.mark.parametrize(
    "url",
    [
        *("http://localhost:1/v1", "http://127.0.0.1/v1", "http://[::1]:8/v1", "http://192.168.1.5/v1"),
        *("http://ollama:11434/v1", "http://box.local/v1", "http://host.docker.internal/v1"),
    ],
)
def test_loopback_and_private_hosts_cost_nothing(url: str) -> None:
    assert is_local(url)


@pytest.mark.parametrize("url", ["https://api.openai.com/v1", "http://8.8.8.8/v1", "https://local.example.com/v1"])
def test_public_hosts_are_not_local(url: str) -> None:
    assert not is_local(url)
