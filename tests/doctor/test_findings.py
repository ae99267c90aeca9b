"""What follows from what was found: keys by name, what needs mending, what to do next."""

from __future__ import annotations

import msgspec
import pytest

from router.advice import Advice, advise
from router.doctor.findings import attention_of, found_keys, next_steps_of, usable_model
from router.hardware import Cpu, Disk, Gpu, Gpus, Machine, Memory
from router.upstream.nearby import NearbyServer

GIB = 1024**3
MACHINE = Machine(
    Cpu("a CPU", 8),
    Memory(32 * GIB, 20 * GIB),
    Disk("home", 500 * GIB, 100 * GIB),
    Gpus((Gpu("nvidia", "RTX", total=8 * GIB, free=7 * GIB),)),
)
ADVICE = advise(MACHINE)
OLLAMA = NearbyServer("ollama", "http://127.0.0.1:11434/v1")
KEYS = found_keys({"OPENAI_API_KEY": "sk-secret"})


def steps(*servers: NearbyServer, advice: Advice = ADVICE, weak: bool = False, strong: bool = True) -> str:
    return "\n".join(next_steps_of(servers, KEYS, advice, weak=weak, strong=strong))


def test_a_key_is_named_and_its_value_never() -> None:
    environ = {"GROQ_API_KEY": "secret-1", "OPENAI_API_KEY": "secret-2", "GITHUB_TOKEN": "secret-3", "HOME": "x"}
    keys = found_keys(environ)
    assert [key.variable for key in keys] == ["OPENAI_API_KEY", "GROQ_API_KEY", "GITHUB_TOKEN"]
    assert [key.shared for key in keys] == [False, False, True]
    assert keys[0].strong_model == "gpt-4.1"
    assert b"secret" not in msgspec.json.encode(keys)


def test_an_empty_variable_is_no_key_and_a_local_servers_is_no_providers() -> None:
    assert found_keys({"OPENAI_API_KEY": "", "VLLM_API_KEY": "x"}) == ()


def test_a_healthy_machine_needs_no_attention() -> None:
    assert attention_of(MACHINE) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"memory": Memory(32 * GIB, GIB)}, "Memory is tight: 1.0 GiB of 32.0 GiB are free"),
        ({"disk": Disk("the home", 500 * GIB, GIB // 2)}, "The disk of the home is nearly full (0.5 GiB free)"),
        ({"gpus": Gpus(troubles=("The NVIDIA driver is broken.",))}, "The NVIDIA driver is broken."),
    ],
)
def test_what_is_wrong_needs_attention(change: dict[str, object], said: str) -> None:
    (line,) = attention_of(msgspec.structs.replace(MACHINE, **change))
    assert said in line


def test_what_is_unknown_is_no_alarm() -> None:
    assert attention_of(Machine(Cpu(None, 1), Memory(None, None), Disk("home", None, None))) == ()


def test_a_server_with_models_is_to_be_used_the_loaded_one_first() -> None:
    server = msgspec.structs.replace(
        OLLAMA, models=("all-minilm:latest", "phi4:14b", "llama3.1:8b"), loaded=("llama3.1:8b",)
    )
    assert usable_model([server]) == (server, "llama3.1:8b")
    assert "underdog serve --weak-url http://127.0.0.1:11434/v1 --weak-model llama3.1:8b" in steps(server)


def test_an_empty_ollama_is_to_be_filled() -> None:
    assert steps(OLLAMA) == "Get a model that fits: underdog models pull llama3.1:8b"


def test_without_any_server_ollama_or_the_embedded_one_is_offered() -> None:
    said = steps()
    assert "install Ollama" in said
    assert "underdog fetch" in said


def test_where_nothing_fits_the_embedded_one_is_left() -> None:
    assert steps(advice=Advice()) == "The small embedded LLM answers until there is another: underdog fetch"


def test_who_has_configured_everything_is_told_nothing() -> None:
    assert steps(weak=True) == ""


def test_a_missing_strong_model_is_mentioned() -> None:
    assert "no strong model" in "\n".join(next_steps_of([], (), ADVICE, weak=True, strong=False))
    assert next_steps_of([], KEYS, ADVICE, weak=True, strong=False) == ()


def test_a_server_that_wants_a_key_says_how_to_give_it() -> None:
    assert "vllm on http://127.0.0.1:8000/v1 wants a key" in steps(
        NearbyServer("vllm", "http://127.0.0.1:8000/v1", wants_key=True)
    )
