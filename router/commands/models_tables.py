"""What ``underdog models`` prints for people."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.advice import CONTEXT, LocalModel
from router.advice.memory_need import GIB, memory_need
from router.commands.printable import printable
from router.upstream.nearby import OllamaModel

GB = 10**9


def show_models(models: list[OllamaModel], console: Console | None = None) -> None:
    """Print what Ollama has."""
    console = console or Console()
    if not models:
        console.print("Ollama has no models yet: underdog models pull", highlight=False)
        return
    table = Table("Model", "Parameters", "", "Files", box=SIMPLE_HEAD, pad_edge=False)
    for model in models:
        files = "runs elsewhere" if model.remote_host else f"{model.size / GB:.1f} GB"
        table.add_row(*map(_said, (model.name, model.parameters, model.quantization, files)))
    console.print(table)


def show_model(name: str, known: LocalModel | None, told: dict[str, Any], console: Console | None = None) -> None:
    """Print what is known of a model."""
    console = console or Console()
    lines = {"model": name, **(_known(name, known) if known else {}), **_told(told)}
    for label, text in lines.items():
        console.print(f"{label:12} {printable(text)}", highlight=False, markup=False, soft_wrap=True)
    if not told:
        console.print(f"Not here yet: underdog models pull {name}", highlight=False, markup=False)


def _known(name: str, known: LocalModel) -> dict[str, str]:
    build = next(build for build in known.builds if build.name == name)
    need = memory_need(known, build, context=CONTEXT, gpu=True)
    return {
        "parameters": f"{known.parameters:g} billion"
        + (" (mixture of experts)" if known.active < known.parameters else ""),
        "quantised": build.quantization,
        "files": f"{build.size / GB:.1f} GB",
        "memory": f"{need.total / GIB:.1f} GiB on a GPU with a context of {need.context:,} tokens: weights "
        f"{need.weights / GIB:.1f}, cache {need.kv_cache / GIB:.1f}, overhead {need.overhead / GIB:.1f}",
        "context": f"{known.context:,} tokens at most",
        "licence": known.licence,
        "thinks": "before it answers" if known.thinks else "no",
        "source": known.page,
    }


def _told(told: dict[str, Any]) -> dict[str, str]:
    details = told.get("details")
    if not isinstance(details, dict):
        return {}
    said = {"here": "yes"}
    for label, field in (("family", "family"), ("parameters", "parameter_size"), ("quantised", "quantization_level")):
        if isinstance(details.get(field), str) and details[field]:
            said[label] = details[field]
    return said


def _said(text: str) -> str:
    return escape(printable(text))
