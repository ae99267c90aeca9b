"""What is recommended fits, is on the GPU where one has room, and says what is not known."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.advice import CONTEXT, Advice, advise, misfit
from router.advice.advice import MOST_ACTIVE_ON_CPU, places_of
from router.advice.local_models import LOCAL_MODELS
from router.hardware import Cpu, Disk, Gpu, Gpus, Machine, Memory

GIB = 1024**3


def machine(*gpus: Gpu, total: float | None = 32, available: float | None = 20, disk: float | None = 500) -> Machine:
    def size(gib: float | None) -> int | None:
        return None if gib is None else int(gib * GIB)

    memory = Memory(size(total), size(available))
    return Machine(Cpu("a CPU", 8), memory, Disk("home", size(1000), size(disk)), Gpus(gpus))


def card(free: float | None, name: str = "NVIDIA GeForce RTX 4090", **more: bool) -> Gpu:
    total = None if free is None else int((free + 1) * GIB)
    return Gpu("nvidia", name, total=total, free=None if free is None else int(free * GIB), **more)


def first(advice: Advice) -> tuple[str, str]:
    return advice.suggestions[0].name, advice.suggestions[0].place.kind


@pytest.mark.parametrize(
    ("free", "name"),
    [
        (75, "llama3.3:70b"),
        (23, "qwen3:30b-a3b-instruct-2507-q4_K_M"),
        (17, "mistral-small3.2:24b"),
        (15, "phi4:14b"),
        (10.9, "qwen2.5:14b"),
        (7, "llama3.1:8b"),
        (5, "qwen3:4b-instruct"),
        (3.8, "llama3.2:3b"),
        (2.6, "qwen2.5:1.5b"),
    ],
)
def test_the_first_model_that_fits_the_gpu_is_recommended(free: float, name: str) -> None:
    chosen, kind = first(advise(machine(card(free))))
    assert (chosen, kind) == (name, "gpu")


def test_a_gpu_without_room_gives_way_to_the_main_memory_and_is_mentioned() -> None:
    advice = advise(machine(card(0.3)))
    assert first(advice) == ("llama3.1:8b", "cpu")
    assert "0.3 GiB free on NVIDIA GeForce RTX 4090" in advice.notes[0]


def test_several_gpus_share_a_model_and_slices_do_not() -> None:
    two = advise(machine(card(23), card(23, "NVIDIA GeForce RTX 3090")))
    assert first(two) == ("llama3.3:70b", "gpu")
    assert two.suggestions[0].place.gpus == 2
    (place, _cpu) = places_of(machine(card(18, "A MIG 2g.20gb", slice=True), card(38, "A MIG 3g.40gb", slice=True)))
    assert (place.name, place.free, place.gpus) == ("A MIG 3g.40gb", 38 * GIB, 1)


def test_gpus_of_two_makers_do_not_share_a_model() -> None:
    radeon = Gpu("amd", "AMD Radeon", total=12 * GIB, free=10 * GIB)
    names = [place.name for place in places_of(machine(card(7), radeon))]
    assert names == ["AMD Radeon", "NVIDIA GeForce RTX 4090", "the CPU (8 cores)"]


def test_apples_gpu_takes_a_share_of_the_main_memory() -> None:
    advice = advise(machine(Gpu("apple", "Apple M3 Pro", shared=True), total=18, available=16))
    place = advice.suggestions[0].place
    assert (place.kind, place.free) == ("shared", 12 * GIB)


def test_a_gpu_that_does_not_say_what_is_free_is_not_counted_and_said_so() -> None:
    advice = advise(machine(Gpu("amd", "AMD Radeon Pro 5500M", total=8 * GIB)))
    assert first(advice)[1] == "cpu"
    assert "AMD Radeon Pro 5500M does not say" in advice.notes[0]


def test_a_cpu_is_not_given_what_it_would_crawl_with() -> None:
    names = {suggestion.name for suggestion in advise(machine(total=500, available=400), most=99).suggestions}
    assert "llama3.3:70b" not in names
    assert "llama3.1:8b" in names


def test_few_cores_are_given_less() -> None:
    there = machine(available=100)
    small = msgspec.structs.replace(there, cpu=Cpu("a CPU", 2))
    assert first(advise(small)) == ("qwen2.5:1.5b", "cpu")
    assert first(advise(there)) == ("qwen3:30b-a3b-instruct-2507-q4_K_M", "cpu")


def test_what_is_not_known_leads_to_no_recommendation() -> None:
    advice = advise(machine(total=None, available=None))
    assert advice.suggestions == ()
    assert "not known" in advice.notes[-1]


def test_too_little_of_everything_says_so() -> None:
    advice = advise(machine(available=2.5))
    assert advice.suggestions == ()
    assert "No model of our table fits the 0.5 GiB" in advice.notes[0]


def test_a_full_disk_is_mentioned() -> None:
    assert "2.0 GiB are free" in advise(machine(card(7), disk=2)).notes[-1]


def test_a_model_that_does_not_fit_says_why() -> None:
    there = machine(card(7), available=10)
    said = misfit(there, "llama3.3:70b")
    assert said is not None
    assert "llama3.3:70b needs 43.1 GiB" in said
    assert "7.0 GiB on NVIDIA GeForce RTX 4090, 8.0 GiB on the CPU" in said
    assert misfit(there, "llama3.1:8b") is None
    assert misfit(there, "somebody/elses:model") is None
    assert misfit(machine(total=None, available=None), "llama3.3:70b") is None


def test_models_that_think_first_come_last() -> None:
    thinking = [suggestion.thinks for suggestion in advise(machine(card(75)), most=99).suggestions]
    assert thinking == sorted(thinking)


def test_a_context_that_few_models_have_leaves_the_others_out() -> None:
    assert all(
        suggestion.need.context == 100_000 for suggestion in advise(machine(card(75)), context=100_000).suggestions
    )


@given(
    free=st.floats(0, 200),
    available=st.floats(0, 200),
    context=st.sampled_from([2048, CONTEXT, 32_768, 131_072]),
)
def test_whatever_is_recommended_fits(free: float, available: float, context: int) -> None:
    there = machine(card(free), total=256, available=available)
    advice = advise(there, context=context, most=99)
    for suggestion in advice.suggestions:
        assert suggestion.need.total <= suggestion.place.free
        assert suggestion.need.context == context
    on_cpu = {suggestion.name for suggestion in advice.suggestions if suggestion.place.kind == "cpu"}
    slow = {build.name for model in LOCAL_MODELS if model.active > MOST_ACTIVE_ON_CPU for build in model.builds}
    assert not on_cpu & slow
