"""Local model servers are found, told apart by what they answer, and their models listed."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from router.upstream.embedded.fetch import fetch_weights
from router.upstream.embedded.process import LlamaProcess
from router.upstream.nearby import NearbyServer, find_servers, ollama_url, usual_ports
from router.upstream.nearby import finding as finding_module
from router.upstream.provider_table import PROVIDERS
from tests.upstream.nearby.servers import Answer, Answering, FakeOllama, listed, paths, serving

LM_STUDIO = {
    "object": "list",
    "data": [
        {"id": "qwen2.5-7b-instruct", "type": "llm", "state": "loaded", "quantization": "Q4_K_M"},
        {"id": "phi-4", "type": "llm", "state": "not-loaded"},
        {"id": "text-embedding-nomic", "type": "embeddings", "state": "not-loaded"},
    ],
}
TGI = {"model_id": "meta-llama/Llama-3.1-8B-Instruct", "max_concurrent_requests": 128, "version": "3.3.4"}
NEEDS_KEY = {"error": {"message": "Unauthorized", "type": "invalid_request_error"}}

SERVERS: dict[str, tuple[Answering, tuple[str, ...]]] = {
    "ollama": (FakeOllama(), ("llama3.1:8b", "all-minilm:latest")),
    "vllm": (paths(v1_models=listed("Qwen/Qwen3-8B", owner="vllm")), ("Qwen/Qwen3-8B",)),
    "sglang": (paths(v1_models=listed("Qwen/Qwen3-8B", owner="sglang")), ("Qwen/Qwen3-8B",)),
    "llamacpp": (
        paths(props={"default_generation_settings": {}}, v1_models=listed("m.gguf", owner="llamacpp")),
        ("m.gguf",),
    ),
    "lmstudio": (
        paths(api_v0_models=LM_STUDIO, v1_models=listed("phi-4", owner="organization_owner")),
        ("qwen2.5-7b-instruct", "phi-4"),
    ),
    "tgi": (paths(info=TGI), ("meta-llama/Llama-3.1-8B-Instruct",)),
    "localai": (paths(system={"backends": ["llama-cpp"]}, v1_models=listed("gpt-4", owner="")), ("gpt-4",)),
    "koboldcpp": (
        paths(
            api_extra_version={"result": "KoboldCpp", "version": "1.99"},
            _=Answer("Ollama is running"),
            v1_models=listed("koboldcpp/m", owner="koboldcpp"),
        ),
        ("koboldcpp/m",),
    ),
    "text-generation-webui": (
        paths(v1_internal_model_info={"model_name": "m"}, v1_models=listed("m", owner="user")),
        ("m",),
    ),
    "openai-compatible": (paths(v1_models=listed("m", owner="somebody")), ("m",)),
}


async def look(*ports: int, **options: Any) -> list[NearbyServer]:
    return await find_servers({}, ports={port: [] for port in ports}, **options)


@pytest.mark.parametrize("provider", SERVERS)
async def test_each_server_is_known_by_what_it_answers_wherever_it_listens(provider: str) -> None:
    answering, models = SERVERS[provider]
    async with serving(answering) as server:
        (found,) = await look(server.port)
    assert (found.provider, found.models) == (provider, models)
    assert found.base_url == f"{server.url}/v1"
    assert not found.wants_key


async def test_what_is_loaded_is_told_where_the_server_tells() -> None:
    async with serving(FakeOllama()) as ollama, serving(SERVERS["lmstudio"][0]) as studio:
        found = {server.provider: server for server in await look(ollama.port, studio.port)}
    assert found["ollama"].loaded == ("llama3.1:8b",)
    assert found["ollama"].loaded_gpu_bytes == 6_654_289_920
    assert found["lmstudio"].loaded == ("qwen2.5-7b-instruct",)


async def test_a_server_that_wants_a_key_is_named_and_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMACPP_API_KEY", "secret")
    refused = Answer(NEEDS_KEY, status=401, headers={"server": "llama.cpp"})
    async with serving(paths(v1_models=refused, props=refused)) as server:
        (found,) = await look(server.port)
    assert (found.provider, found.wants_key, found.models) == ("llamacpp", True, ())
    assert found.key_variable == "LLAMACPP_API_KEY"
    assert all("authorization" not in headers for _, _, headers, _ in server.asked)


async def test_a_nameless_server_is_taken_for_whoever_alone_uses_its_port() -> None:
    jan = next(provider for provider in PROVIDERS if provider.id == "jan")
    async with serving(SERVERS["openai-compatible"][0]) as server:
        (found,) = await find_servers({}, ports={server.port: [jan]})
    assert found.provider == "jan"


@pytest.mark.parametrize(
    "answering",
    [
        paths(_="<html>A web page</html>"),
        paths(v1_models=Answer("[1, 2]")),
        paths(v1_models=Answer({"data": "none"})),
        paths(v1_models=Answer({}, status=302, headers={"location": "http://example.invalid/v1/models"})),
        paths(v1_models=listed("auto", owner="underdog")),
        paths(info={"model_id": 7}, props=[1]),
    ],
)
async def test_what_is_no_model_server_is_not_listed(answering: Answering) -> None:
    async with serving(answering) as server:
        assert await look(server.port) == []


async def test_nobody_is_waited_for_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding_module, "PATIENCE_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as another:
        begun = time.monotonic()
        assert await look(silent.getsockname()[1], another.getsockname()[1], 9) == []
    assert time.monotonic() - begun < 30


async def test_ports_are_asked_at_once() -> None:
    together = asyncio.Barrier(2)

    class Waiting(FakeOllama):
        pass

    async with serving(Waiting()) as one, serving(Waiting()) as two:
        for server in (one, two):
            serve = server._one

            async def both(reader: Any, writer: Any, serve: Any = serve, server: Any = server) -> bool:
                if not server.asked:
                    await together.wait()
                return bool(await serve(reader, writer))

            server._one = both  # type: ignore[method-assign]
        assert len(await look(one.port, two.port)) == 2


async def test_further_ports_are_looked_at_too() -> None:
    async with serving(SERVERS["vllm"][0]) as server:
        found = await find_servers({}, ports={}, also=[server.port])
    assert [each.provider for each in found] == ["vllm"]


def test_the_usual_ports_are_those_of_the_provider_table() -> None:
    ports = usual_ports({})
    assert {1234, 1337, 3000, 5000, 5001, 8000, 8080, 11434, 30000} == set(ports)
    assert [provider.id for provider in ports[8080]] == ["llamacpp", "llamafile", "localai"]
    assert [provider.id for provider in usual_ports({"OLLAMA_HOST": ":9999"})[9999]] == ["ollama"]


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:7000", "http://127.0.0.1:7000"),
        ("localhost:7000", "http://127.0.0.1:7000"),
        ("http://127.0.0.1:7000/", "http://127.0.0.1:7000"),
        ("[::1]:7000", "http://[::1]:7000"),
        (":7000", "http://127.0.0.1:7000"),
        ("gpu.example.com:7000", "http://127.0.0.1:11434"),
        ("192.168.1.9", "http://127.0.0.1:11434"),
        ("nonsense:port", "http://127.0.0.1:11434"),
    ],
)
def test_where_ollama_listens_is_always_on_this_machine(said: str, url: str) -> None:
    assert ollama_url({"OLLAMA_HOST": said}) == url


async def test_the_real_llama_cpp_is_known_by_its_refusal(embedded_home: Path) -> None:
    running = await LlamaProcess.start(
        weights=fetch_weights(embedded_home), model="m", threads=1, context=512, answer_limit=16, slots=1
    )
    try:
        (found,) = await look(urlsplit(running.url).port or 0)
    finally:
        await running.stop()
    assert (found.provider, found.wants_key) == ("llamacpp", True)
