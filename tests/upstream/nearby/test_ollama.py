"""Getting a model from Ollama, by its own protocol over a real socket."""

from __future__ import annotations

import pytest

from router.errors import OllamaError
from router.upstream.nearby import Ollama, Progress
from tests.upstream.nearby.servers import Answer, FakeOllama, FakeServer, serving

NEW = "qwen3:4b-instruct"


async def pull(server: FakeServer, name: str) -> list[Progress]:
    async with Ollama.at(server.url) as ollama:
        return [step async for step in ollama.pull(name)]


async def test_a_pull_tells_each_step_and_ends_with_the_model_there() -> None:
    async with serving(FakeOllama()) as server:
        steps = await pull(server, NEW)
        async with Ollama.at(server.url) as ollama:
            assert NEW in [model.name for model in await ollama.models()]
    assert steps[0].status == "pulling manifest"
    assert [step.completed for step in steps if step.total] == [None, *(i * 500_000_000 for i in range(1, 6))]
    assert steps[-1].status == "success"
    assert server.asked[0][3] == {"model": NEW, "stream": True}


async def test_a_pull_that_broke_off_goes_on_where_it_stopped() -> None:
    fake = FakeOllama()
    fake.breaks_at = 1_000_000_000
    async with serving(fake) as server:
        with pytest.raises(OllamaError, match="underdog models pull qwen3:4b-instruct` goes on where it stopped"):
            await pull(server, NEW)
        fake.breaks_at = None
        steps = await pull(server, NEW)
    assert next(step.completed for step in steps if step.total) == 1_000_000_000


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("pull model manifest: file does not exist", "knows no model"),
        ("write blobs/sha256-3e4c-partial: no space left on device", "Make space on the disk"),
        ("dial tcp: lookup registry.ollama.ai: no such host", "does not reach its library"),
        ("max retries exceeded: EOF", "Its log says more"),
    ],
)
async def test_what_fails_says_what_to_do_and_what_ollama_said(said: str, remedy: str) -> None:
    fake = FakeOllama()
    fake.fails_with = said
    async with serving(fake) as server:
        with pytest.raises(OllamaError) as caught:
            await pull(server, NEW)
    assert remedy in str(caught.value)
    assert said in str(caught.value)


async def test_a_model_that_there_is_not_is_no_success() -> None:
    async with serving(FakeOllama()) as server:
        with pytest.raises(OllamaError, match="knows no model 'nonsense'"):
            await pull(server, "nonsense")


async def test_a_refusal_with_a_status_is_told_too() -> None:
    async with serving(lambda *_: Answer({"error": "invalid model name"}, status=400)) as server:
        with pytest.raises(OllamaError, match="invalid model name"):
            await pull(server, "no good")


async def test_without_ollama_the_error_says_how_to_get_it() -> None:
    async with Ollama.at("http://127.0.0.1:9") as ollama:
        with pytest.raises(OllamaError, match=r"ollama serve.*underdog fetch"):
            await ollama.models()


async def test_something_else_on_its_port_is_named() -> None:
    async with serving(lambda *_: Answer("<html>")) as server, Ollama.at(server.url) as ollama:
        with pytest.raises(OllamaError, match="something else"):
            await ollama.models()
        with pytest.raises(OllamaError, match="something else"):
            await ollama.show("m")
        with pytest.raises(OllamaError, match="something else"):
            _ = [step async for step in ollama.pull("m")]


async def test_a_model_tells_of_itself() -> None:
    async with serving(FakeOllama()) as server, Ollama.at(server.url) as ollama:
        assert (await ollama.show("llama3.1:8b"))["model_info"]["llama.context_length"] == 131_072
        first = (await ollama.models())[0]
        assert (first.parameters, first.quantization) == ("8.0B", "Q4_K_M")
        with pytest.raises(OllamaError, match="not found"):
            await ollama.show("nonsense")
