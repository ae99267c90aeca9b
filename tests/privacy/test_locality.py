"""What counts as local, and what a server that is to stay local refuses to start with."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from router.errors import SettingsError, UpstreamUnreachable
from router.parts import wiring_of
from router.settings import load_settings
from router.upstream.connection_pool import ONLY_LOCAL
from router.upstream.locality import is_here
from router.upstream.openai_compatible import OpenAICompatibleUpstream


@pytest.mark.parametrize(
    "host",
    "127.0.0.1 127.9.9.9 [::1] localhost ollama gpu-box_2 box.local vllm.internal a.b.lan x.home.arpa 10.1.2.3 "
    "192.168.0.9 172.16.0.1 [fd00::1] [fe80::1] 169.254.1.1 [::ffff:10.0.0.1]".split(),
)
def test_this_machine_and_its_network_are_local(host: str) -> None:
    assert is_here(f"http://{host}:8000/v1", "m")


@pytest.mark.parametrize(
    "host",
    "api.openai.com 8.8.8.8 127.1 134744072 0x08080808 0x7f.1 localhost.example.com [2001:4860:4860::8888] "
    "[::ffff:8.8.8.8] 100.64.0.1 evil.local.example 1.2.3 localhost.".split(),
)
def test_what_may_lead_elsewhere_is_not(host: str) -> None:
    assert not is_here(f"http://{host}:8000/v1", "m")


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "glm-4.6:cloud"])
def test_a_model_that_ollama_passes_on_to_a_cloud_is_not_local(model: str) -> None:
    assert not is_here("http://localhost:11434/v1", model)


FAR = '[[deployments]]\nroute = "{route}"\nname = "far"\nmodel = "m"\nurl = "https://llm.example.com/v1"\n'


@pytest.mark.parametrize(
    ("toml", "who"),
    [
        (FAR.format(route="strong"), "far"),
        (FAR.format(route="named"), "far"),
        (
            FAR.format(route="weak") + '[[deployments]]\nroute = "weak"\nmodel = "m"\nurl = "http://127.0.0.1/v1"\n',
            "far",
        ),
        ('strong_url = "https://llm.example.com/v1"\nstrong_model = "m"\n', "strong"),
        ('strong_model = "openai/gpt-4.1"\n', "strong"),
        ('weak_model = "groq/llama"\n', "weak"),
        ('embeddings_url = "https://llm.example.com/v1"\n', "embeddings"),
        ('[[deployments]]\nroute = "strong"\nprovider = "openai"\nmodel = "m"\n', "strong-1"),
        ('weak_url = "http://localhost:11434/v1"\nweak_model = "gpt-oss:120b-cloud"\n', "weak"),
    ],
)
def test_a_server_that_is_to_stay_local_does_not_start_with_anything_else(toml: str, who: str, tmp_path: Path) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text(f'privacy = "local-only"\n{toml}')
    settings = load_settings(environ={}, config=config)
    with pytest.raises(SettingsError, match=f"privacy: is local-only, and the upstream '{who}' is not on this machine"):
        wiring_of(settings, {"OPENAI_API_KEY": "k", "GROQ_API_KEY": "k"})


def test_keys_in_the_environment_give_such_a_server_nobody_to_ask() -> None:
    keys = {"OPENAI_API_KEY": "k", "GROQ_API_KEY": "k", "OPENROUTER_API_KEY": "k"}
    upstreams = wiring_of(load_settings(environ={"UNDERDOG_PRIVACY": "local-only"}), keys).upstreams
    assert upstreams.strong is None
    assert [upstreams.find(name) for name in ("openai/gpt-4.1", "gpt-4.1", "opus", "groq/x")] == [None] * 4
    assert wiring_of(load_settings(environ={}), keys).upstreams.find("openai/gpt-4.1") is not None


async def test_a_local_name_that_leads_elsewhere_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    connected: list[Any] = []

    async def lookup(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))]

    async def connect(_: socket.socket, address: Any) -> None:
        connected.append(address)
        raise OSError("nowhere")

    monkeypatch.setattr(loop, "getaddrinfo", lookup)
    monkeypatch.setattr(loop, "sock_connect", connect)
    upstream = OpenAICompatibleUpstream(name="weak", base_url="http://ollama:80/v1", model="m", api_key=None)
    within = ONLY_LOCAL.set(True)
    try:
        with pytest.raises(UpstreamUnreachable, match="leads beyond this machine"):
            await upstream.complete({"messages": []})
    finally:
        ONLY_LOCAL.reset(within)
    assert connected == []
    with pytest.raises(UpstreamUnreachable, match="accepts no connections"):
        await upstream.complete({"messages": []})
    assert connected == [("8.8.8.8", 80)]
    await upstream.aclose()
