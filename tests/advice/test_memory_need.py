"""The arithmetic of memory agrees with what others have published."""

from __future__ import annotations

import pytest

from router.advice.local_models import LOCAL_MODELS, LocalModel
from router.advice.memory_need import KV_BYTES, MIB, kv_cache_bytes, memory_need

GIB = 1024**3

BITS_PER_WEIGHT = {"Q4_K_M": 4.8944, "Q8_0": 8.5008}
"""llama.cpp, tools/quantize/README.md, of Llama 3.1 8B."""

LLAMA_CPP_SIZES = {"Q4_K_M": 4.58, "Q8_0": 7.95}
"""GiB of Llama 3.1 8B; same page."""


def model(name: str) -> LocalModel:
    return next(each for each in LOCAL_MODELS if any(build.name == name for build in each.builds))


def shaped(layers: int, kv_heads: int, head_dim: int) -> LocalModel:
    return LocalModel(
        builds=(),
        parameters=7,
        active=7,
        layers=layers,
        kv_heads=kv_heads,
        head_dim=head_dim,
        context=131_072,
        licence="",
    )


@pytest.mark.parametrize(
    ("layers", "kv_heads", "head_dim", "context", "mib"),
    [
        (32, 32, 128, 2048, 1024),  # Llama 2 7B, in llama.cpp's logs: "KV self size = 1024.00 MiB"
        (32, 8, 128, 8192, 1024),  # Llama 3 8B, likewise
        (28, 4, 128, 4096, 224),  # Qwen2.5 7B: "size =  224.00 MiB (  4096 cells,  28 layers"
    ],
)
def test_the_key_value_cache_is_as_large_as_llama_cpp_logs_it(
    layers: int, kv_heads: int, head_dim: int, context: int, mib: int
) -> None:
    assert kv_cache_bytes(shaped(layers, kv_heads, head_dim), context) == mib * MIB


def test_the_sizes_of_llama_are_those_that_llama_cpp_publishes() -> None:
    builds = {build.quantization: build.size for build in model("llama3.1:8b").builds}
    for quantization, gib in LLAMA_CPP_SIZES.items():
        assert builds[quantization] / GIB == pytest.approx(gib, rel=0.01)


@pytest.mark.parametrize(
    ("name", "quantization", "size", "parameters"),
    [
        (build.name, build.quantization, build.size, each.parameters)
        for each in LOCAL_MODELS
        for build in each.builds
        # Of the smallest, the token vectors are the larger part, and they are kept more exact.
        if build.quantization in BITS_PER_WEIGHT and each.parameters > 1
    ],
)
def test_every_size_is_what_parameters_and_quantisation_make_of_it(
    name: str, quantization: str, size: int, parameters: float
) -> None:
    expected = parameters * 1e9 * BITS_PER_WEIGHT[quantization] / 8
    assert size == pytest.approx(expected, rel=0.06), name


@pytest.mark.parametrize("each", LOCAL_MODELS, ids=lambda each: each.builds[0].name)
def test_every_row_is_whole(each: LocalModel) -> None:
    assert each.licence
    assert 0 < each.active <= each.parameters
    assert each.context >= 8192
    assert each.head_dim in {64, 128}
    assert all(":" in build.name and build.size > 0 for build in each.builds)
    assert each.page.startswith("https://ollama.com/library/")


def test_no_name_stands_twice() -> None:
    names = [build.name for each in LOCAL_MODELS for build in each.builds]
    assert len(names) == len(set(names))


def test_a_need_is_weights_and_cache_and_overhead() -> None:
    llama = model("llama3.1:8b")
    on_gpu = memory_need(llama, llama.builds[0], context=8192, gpu=True)
    assert on_gpu.total == 4_921_000_000 + 1024 * MIB + 1024 * MIB
    assert memory_need(llama, llama.builds[0], context=8192, gpu=False).total < on_gpu.total


def test_no_more_context_is_counted_than_the_model_takes() -> None:
    phi = model("phi4:14b")
    assert memory_need(phi, phi.builds[0], context=10**6, gpu=True).context == 16_384
    assert KV_BYTES == 2
