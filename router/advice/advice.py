"""What to recommend on a machine. Pure: the machine is looked at elsewhere."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from router.advice.local_models import LOCAL_MODELS, Build, LocalModel
from router.advice.memory_need import DRIVER_BYTES, GIB, MemoryNeed, memory_need
from router.hardware import Gpu, Machine, Memory

CONTEXT = 8192
"""Tokens of context to count with: enough for most chats, and what a request may hold together with its answer."""

KEPT_BYTES = 2 * GIB
"""Main memory that is left to everything else."""

SHARED_SHARE = 2 / 3
"""How much of the main memory Apple's GPUs take by default at most (Metal's recommended working set: two thirds, more
on large machines)."""

MOST_ACTIVE_ON_CPU = 9.0
"""Billions of parameters that a token may go through on a CPU, and one more than it has cores: beyond, people read
faster than it answers. A rule of thumb of ours."""


class Place(Struct, frozen=True):
    """Where a model could run. ``free`` is in bytes; ``gpus`` is over how many a model would be spread.

    ``most_active``: billions of parameters that a token may go through, where that is limited.
    """

    kind: Literal["gpu", "shared", "cpu"]
    name: str
    free: int
    gpus: int = 0
    most_active: float | None = None


class Suggestion(Struct, frozen=True):
    """A model that fits, and where."""

    name: str
    quantization: str
    place: Place
    need: MemoryNeed
    licence: str
    thinks: bool
    page: str


class Advice(Struct, frozen=True):
    """Models that fit, the first to be preferred, and what is not known or stands against it."""

    suggestions: tuple[Suggestion, ...] = ()
    notes: tuple[str, ...] = ()


def advise(machine: Machine, *, context: int = CONTEXT, most: int = 3) -> Advice:
    """What to run on a machine: on a GPU where something fits, else in the main memory.

    Args:
        machine: what there is.
        context: tokens that a request and its answer may have.
        most: how many suggestions, of models not builds.
    """
    notes = _unknowns(machine)
    places = places_of(machine)
    for place in places:
        if fitting := _fitting(place, context)[:most]:
            return Advice(tuple(fitting), tuple(notes + _about_disk(fitting[0], machine)))
        notes.append(f"No model of our table fits the {place.free / GIB:.1f} GiB free on {place.name}.")
    if not places:
        notes.append("How much memory is free is not known, so nothing is recommended.")
    return Advice((), tuple(notes))


def misfit(machine: Machine, name: str, *, context: int = CONTEXT) -> str | None:
    """Why a model of the table does not fit; None where it does, or where that is not known."""
    rows = [(model, build) for model in LOCAL_MODELS for build in model.builds if build.name == name]
    places = places_of(machine)
    if not rows or not places:
        return None
    model, build = rows[0]
    for place in places:
        if memory_need(model, build, context=context, gpu=place.kind != "cpu").total <= place.free:
            return None
    need = memory_need(model, build, context=context, gpu=places[0].kind != "cpu").total / GIB
    free = ", ".join(f"{place.free / GIB:.1f} GiB on {place.name}" for place in places)
    return (
        f"{name} needs {need:.1f} GiB with a context of {context:,} tokens; there are {free}. It may fail, or be slow."
    )


def places_of(machine: Machine) -> list[Place]:
    """Where a model could run, the fastest first."""
    places = [*_own_memory(machine.gpus.found), *_shared_memory(machine.gpus.found, machine.memory)]
    if machine.memory.available is not None:
        cores = machine.cpu.cores
        free = max(machine.memory.available - KEPT_BYTES, 0)
        most_active = min(MOST_ACTIVE_ON_CPU, cores + 1)
        places.append(Place("cpu", f"the CPU ({cores} cores)", free, most_active=most_active))
    return places


def _own_memory(gpus: tuple[Gpu, ...]) -> list[Place]:
    """All GPUs of one maker together, as llama.cpp and Ollama spread a model over them, or the best slice alone."""
    places = []
    for vendor in dict.fromkeys(gpu.vendor for gpu in gpus):
        free = [(gpu.free, gpu.name) for gpu in gpus if gpu.vendor == vendor and not gpu.slice and gpu.free is not None]
        if free:
            # Each has a driver's context of its own; the need counts one.
            together = sum(bytes_ for bytes_, _ in free) - (len(free) - 1) * DRIVER_BYTES
            names = " + ".join(name for _, name in free)
            places.append(Place("gpu", names, max(together, 0), len(free)))
        slices = [(gpu.free, gpu.name) for gpu in gpus if gpu.vendor == vendor and gpu.slice and gpu.free is not None]
        if slices:
            places.append(Place("gpu", max(slices)[1], max(slices)[0], 1))
    return sorted(places, key=lambda place: place.free, reverse=True)


def _shared_memory(gpus: tuple[Gpu, ...], memory: Memory) -> list[Place]:
    if memory.available is None or memory.total is None:
        return []
    free = max(min(memory.available - KEPT_BYTES, int(memory.total * SHARED_SHARE)), 0)
    return [Place("shared", gpu.name, free, 1) for gpu in gpus if gpu.shared]


def _fitting(place: Place, context: int) -> list[Suggestion]:
    """One suggestion for each model that fits with a context of that length, in the order of the table."""
    suggestions = []
    for model in LOCAL_MODELS:
        quick_enough = place.most_active is None or model.active <= place.most_active
        fitting = _build_for(model, place, context) if quick_enough and model.context >= context else None
        if fitting is not None:
            build, need = fitting
            suggestions.append(
                Suggestion(build.name, build.quantization, place, need, model.licence, model.thinks, model.page)
            )
    return suggestions


def _build_for(model: LocalModel, place: Place, context: int) -> tuple[Build, MemoryNeed] | None:
    """The most exact build that fits; on a CPU the smallest, since twice the bytes take twice the time."""
    needs = [(build, memory_need(model, build, context=context, gpu=place.kind != "cpu")) for build in model.builds]
    fitting = [(build, need) for build, need in needs if need.total <= place.free]
    if not fitting:
        return None
    choose = min if place.kind == "cpu" else max
    return choose(fitting, key=lambda each: each[0].size)


def _unknowns(machine: Machine) -> list[str]:
    notes = [
        f"{gpu.name} does not say how much memory is free, so it is not counted."
        for gpu in machine.gpus.found
        if gpu.free is None and not gpu.shared
    ]
    if machine.memory.available is None:
        notes.append("The system does not say how much main memory is free.")
    return notes


def _about_disk(suggestion: Suggestion, machine: Machine) -> list[str]:
    free = machine.disk.free
    if free is None or free >= suggestion.need.weights:
        return []
    return [f"{suggestion.name} needs {suggestion.need.weights / GIB:.1f} GiB of disk; {free / GIB:.1f} GiB are free."]
