"""Models that callers name: which may be had, and what keeping them at hand costs."""

import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from router.configured.deployments import Deployment
from router.errors import SettingsError, UpstreamError
from router.settings import Settings
from router.types import Tuning
from router.upstream.build import Upstreams, build_upstreams
from router.upstream.named import MAX_ON_DEMAND
from router.upstream.scripted import Turn
from tests.upstream.conftest import Serve

Build = Callable[..., Upstreams]
KEYS = {"OPENAI_API_KEY": "k", "GROQ_API_KEY": "k", "GITHUB_TOKEN": "k"}


@pytest_asyncio.fixture
async def build() -> AsyncIterator[Build]:
    """Builds upstreams, and closes them after the test."""
    built: list[Upstreams] = []

    def make(environ: Mapping[str, str] | None = None, **settings: Any) -> Upstreams:
        built.append(build_upstreams(Settings(weak_url="http://127.0.0.1:9/v1", **settings), environ or {}))
        return built[-1]

    yield make
    for upstreams in built:
        await upstreams.aclose()


def served(upstreams: Upstreams, name: str) -> tuple[str | None, str] | None:
    found = upstreams.find(name)
    return None if found is None else (found[1].provider, found[1].model)


async def test_models_of_providers_whose_key_is_there_can_be_named(build: Build) -> None:
    upstreams = build(KEYS)
    assert served(upstreams, "openai/gpt-4.1-mini") == ("openai", "gpt-4.1-mini")
    assert served(upstreams, "groq/openai/gpt-oss-120b") == ("groq", "openai/gpt-oss-120b")
    assert served(upstreams, "anthropic/claude-haiku-4-5") is None


async def test_a_bare_id_is_asked_of_its_maker(build: Build) -> None:
    upstreams = build(KEYS)
    assert served(upstreams, "gpt-4o-mini") == ("openai", "gpt-4o-mini")
    assert served(upstreams, "claude-haiku-4-5") is None  # no key of Anthropic's
    assert served(upstreams, "gpt-4o-mimi") is None  # no such model


async def test_a_key_that_is_there_for_other_purposes_allows_nothing(build: Build) -> None:
    assert served(build(KEYS), "github/openai/gpt-4.1") is None


async def test_local_servers_can_be_named_where_the_operator_lists_them(build: Build) -> None:
    assert served(build(), "ollama/llama3.1") is None
    assert served(build(named_local=("ollama",)), "ollama/llama3.1") == ("local", "llama3.1")
    with pytest.raises(SettingsError, match="named_local: 'openai' is no local server"):
        build(named_local=("openai",))


async def test_the_operator_can_switch_it_off(build: Build) -> None:
    upstreams = build(KEYS, named_models=False)
    assert served(upstreams, "openai/gpt-4.1-mini") is None
    assert served(upstreams, "gpt-4o-mini") is None


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("anthropic/claude-haiku-4-5", "ANTHROPIC_API_KEY is not set"),
        ("gemini/gemini-2.5-pro", "GEMINI_API_KEY or GOOGLE_API_KEY is not set"),
        ("ollama/llama3.1", "named_local does not list 'ollama'"),
        ("github/openai/gpt-4.1", "models of 'github' need a deployment with the route 'named'"),
        ("openai/gpt-4.1-mini", None),
        ("nobody/nothing", None),
        ("nothing", None),
    ],
)
async def test_what_a_providers_model_lacks_to_be_named_is_known(build: Build, name: str, lacking: str | None) -> None:
    assert build(KEYS).named.lacking(name) == lacking
    assert build(KEYS, named_models=False).named.lacking(name) is None


@pytest.mark.parametrize("name", ["openai/", "openai/two words", "openai/" + "x" * 300, "openai/ü", "", "/", "openai"])
async def test_what_is_no_model_id_is_not_there(build: Build, name: str) -> None:
    assert served(build(KEYS), name) is None


async def test_a_provider_whose_address_is_not_set_up_has_no_models(build: Build) -> None:
    environ = {"AZURE_OPENAI_API_KEY": "k"}
    assert served(build(environ), "azure/gpt-4.1") is None
    environ["AZURE_OPENAI_ENDPOINT"] = "https://mine.openai.azure.com"
    assert served(build(environ), "azure/gpt-4.1") == ("azure", "gpt-4.1")


@pytest.mark.parametrize("name", ["..", ".", "../../admin", "a/../../b", "a/..", "a//b", "/a", "a\\..\\b"])
async def test_no_name_leads_to_another_path_of_a_provider_that_has_models_in_its_urls(build: Build, name: str) -> None:
    environ = {
        "AZURE_OPENAI_API_KEY": "k",
        "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com",
        "OPENAI_API_VERSION": "1",
    }
    assert served(build(environ), "azure-dated/gpt-4.1") == ("azure", "gpt-4.1")
    assert served(build(environ), f"azure-dated/{name}") is None


async def test_a_name_is_one_part_of_a_path_whatever_it_holds(build: Build, serve: Serve) -> None:
    server = await serve(turns=[Turn(reply="Yes.")])
    endpoint = server.base_url.removesuffix("/v1")
    upstreams = build({"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": endpoint, "OPENAI_API_VERSION": "1"})
    for name in ("a?b=c", "a#b", "a/b", "@evil.example"):
        found = upstreams.named.find(f"azure-dated/{name}")
        assert found is not None
        with contextlib.suppress(UpstreamError):
            await found.complete({"messages": [{"role": "user", "content": "?"}]})
    assert [request.path for request in server.requests] == [
        f"/openai/deployments/{part}/chat/completions?api-version=1"
        for part in ("a%3Fb%3Dc", "a%23b", "a%2Fb", "%40evil.example")
    ]


async def test_the_model_of_a_route_is_that_route_under_any_of_its_names(build: Build) -> None:
    upstreams = build(KEYS, strong_model="gpt-4.1")
    for name in ("openai/gpt-4.1", "OpenAI/gpt-4.1", "GPT-4.1"):
        assert upstreams.read(Tuning(pinned_model=name)) == Tuning(pinned_route="strong")
    for name in ("gpt-4.1", "openai/gpt-4.1-mini", "none"):
        assert upstreams.read(Tuning(pinned_model=name)) == Tuning(pinned_model=name)
    own = Deployment(route="named", model="openai/gpt-4.1", api_key_env=("OPENAI_API_KEY",))
    asked = Tuning(pinned_model="openai/gpt-4.1")
    assert build(KEYS, strong_model="gpt-4.1", deployments=(own,)).read(asked) == asked


async def test_a_deployment_has_no_name_that_means_something_already(build: Build) -> None:
    with pytest.raises(SettingsError, match="deployments: model: 'auto' means something already"):
        build(deployments=(Deployment(route="named", model="auto", url="http://10.0.0.1/v1"),))


async def test_models_of_the_routes_come_before_others_of_the_same_name(build: Build) -> None:
    upstreams = build(KEYS, strong_model="gpt-4o-mini")
    assert upstreams.find("gpt-4o-mini") == ("strong", upstreams.strong)


async def test_so_many_names_are_kept_and_no_more(build: Build) -> None:
    upstreams = build(KEYS)
    first = upstreams.named.find("openai/m-0")
    assert upstreams.named.find("openai/m-0") is first
    for number in range(MAX_ON_DEMAND + 10):
        upstreams.named.find(f"openai/m-{number + 1}")
    assert upstreams.named.find("openai/m-0") is not first


async def test_models_of_one_provider_share_its_connections(build: Build, serve: Serve) -> None:
    server = await serve(turns=[Turn(reply="Yes.")])
    environ = {"AZURE_OPENAI_ENDPOINT": server.base_url.removesuffix("/v1"), "AZURE_OPENAI_API_KEY": "k"}
    upstreams = build(environ)
    for name in ("azure/one", "azure/two", "azure/three"):
        found = upstreams.named.find(name)
        assert found is not None
        await found.complete({"messages": [{"role": "user", "content": "?"}]})
    assert [chat.body["model"] for chat in server.chats] == ["one", "two", "three"]
    assert server.connections_made == 1


async def test_a_configured_model_is_one_however_many_deployments_serve_it(build: Build) -> None:
    deployments = (
        Deployment(route="named", model="big", url="http://10.0.0.1/v1", name="here"),
        Deployment(route="named", model="big", url="http://10.0.0.2/v1", name="there"),
        Deployment(route="named", model="groq/llama-3.3-70b-versatile"),
    )
    upstreams = build({"GROQ_API_KEY": "k"}, deployments=deployments, named_models=False)
    assert list(upstreams.named.configured) == ["big", "groq/llama-3.3-70b-versatile"]
    assert upstreams.find("big") == ("named", upstreams.named.configured["big"])
    assert served(upstreams, "groq/llama-3.3-70b-versatile") == ("groq", "llama-3.3-70b-versatile")
    with pytest.raises(SettingsError, match="names no model"):
        build(deployments=(Deployment(route="named", url="http://10.0.0.1/v1"),))


async def test_a_route_is_served_by_its_deployments_or_by_its_own_settings_not_both(build: Build) -> None:
    here = Deployment(route="weak", url="http://10.0.0.1/v1", model="m")
    with pytest.raises(SettingsError, match="UNDERDOG_WEAK_URL is set, and deployments serve the weak route"):
        build(deployments=(here,))


@pytest.mark.parametrize(
    ("model", "environ", "expected"),
    [
        ("groq/llama-3.3-70b-versatile", {"GROQ_API_KEY": "k"}, ("groq", "llama-3.3-70b-versatile")),
        ("ollama/llama3.1", {}, ("local", "llama3.1")),
        # The provider that was found has ids of this form itself.
        ("openai/gpt-oss-120b", {"GROQ_API_KEY": "k"}, ("groq", "openai/gpt-oss-120b")),
        ("anthropic/claude-opus-5.5", {"OPENROUTER_API_KEY": "k"}, ("openrouter", "anthropic/claude-opus-5.5")),
        ("gpt-6-sol", {"OPENAI_API_KEY": "k"}, ("openai", "gpt-6-sol")),
    ],
)
async def test_the_strong_model_may_be_named_with_its_provider(
    build: Build, model: str, environ: dict[str, str], expected: tuple[str, str]
) -> None:
    strong = build(environ, strong_model=model).strong
    assert strong is not None
    assert (strong.provider, strong.model) == expected


async def test_so_may_the_weak_one() -> None:
    upstreams = build_upstreams(Settings(weak_model="groq/llama-3.1-8b-instant"), {"GROQ_API_KEY": "k"})
    assert upstreams.weak is not None
    assert (upstreams.weak.provider, upstreams.weak.model) == ("groq", "llama-3.1-8b-instant")
    await upstreams.aclose()
    with pytest.raises(SettingsError, match=r"UNDERDOG_WEAK_MODEL is of the provider 'groq'.*set GROQ_API_KEY"):
        build_upstreams(Settings(weak_model="groq/llama-3.1-8b-instant"), {})


@pytest.mark.parametrize(("keys", "imported"), [('{"GROQ_API_KEY": "k"}', True), ("{}", False)])
def test_the_price_list_is_imported_behind_the_start_where_callers_may_name_models(
    tmp_path: Path, keys: str, imported: bool
) -> None:
    script = f"""
import sys, time
from litestar.testing import TestClient
from router.app import create_app
from router.settings import Settings

local = "http://127.0.0.1:9/v1"
urls = {{"weak_url": local, "weak_model": "w", "strong_url": local, "strong_model": "s"}}
settings = Settings(home={str(tmp_path)!r}, cache=False, **urls)
with TestClient(create_app(settings, environ={keys})):
    for _ in range(50 if {imported} else 5):
        if "genai_prices.data_snapshot" in sys.modules:
            break
        time.sleep(0.2)
print("genai_prices.data_snapshot" in sys.modules)
"""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(imported)], done.stderr
