"""What ``underdog doctor`` prints for people."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.commands.fitting import fitting
from router.commands.printable import printable
from router.doctor import Report
from router.hardware import Gpu, Machine

GIB = 1024**3
GB = 10**9

PIPED_WIDTH = 160
"""Characters of a line where no terminal says how many it has."""

MOST_MODELS = 6
"""Models of one server that are listed; the others are counted."""

_SUGGESTED = ("Model", "Quantised", "Files", "Memory", "Context", "Licence", "Remark")
"""Columns of the models that fit."""

_DISPENSABLE = ("Licence", "Context", "Quantised", "Remark")
"""Columns that go, in this order, where the terminal is too narrow."""


def show(report: Report, console: Console | None = None) -> None:
    """Print what was found, what fits, and what to do."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, PIPED_WIDTH), file=console.file)
    console.print(_machine(report.machine))
    console.print(_servers(report))
    console.print(_keys(report), highlight=False)
    if report.advice.suggestions:
        columns = fitting(lambda left: _suggestions(report, left), _SUGGESTED, _DISPENSABLE, console)
        console.print(_suggestions(report, columns))
    _list(console, "Note", report.advice.notes)
    _list(console, "[bold red]Attention[/]", report.attention)
    _list(console, "Next", report.next_steps)


def _machine(machine: Machine) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_header=False)
    table.add_row("CPU", _said(machine.cpu.name), f"{machine.cpu.cores} cores")
    limited = "  (this container's share)" if machine.memory.limited else ""
    table.add_row("Memory", gib(machine.memory.total), f"{gib(machine.memory.available)} free{limited}")
    table.add_row("Disk", gib(machine.disk.total), f"{gib(machine.disk.free)} free, {_said(machine.disk.path)}")
    for gpu in machine.gpus.found:
        table.add_row("GPU", _said(gpu.name), _gpu(gpu))
    if not machine.gpus.found:
        table.add_row("GPU", "none that can be used", "")
    return table


def _gpu(gpu: Gpu) -> str:
    driver = f", driver {printable(gpu.driver)}" if gpu.driver else ""
    if gpu.shared:
        return escape(f"shares the main memory{driver}")
    return escape(f"{gib(gpu.total)}, {gib(gpu.free)} free{driver}")


def _servers(report: Report) -> Table | str:
    if not report.servers:
        return "No model server answers on the usual ports of this machine.\n"
    table = Table("Server", "URL", "Models", box=SIMPLE_HEAD, pad_edge=False)
    for server in report.servers:
        models = [f"{model} (loaded)" if model in server.loaded else model for model in server.models]
        more = f", and {len(models) - MOST_MODELS} more" if len(models) > MOST_MODELS else ""
        listed = ", ".join(models[:MOST_MODELS]) + more
        table.add_row(
            server.provider, server.base_url, _said("wants a key" if server.wants_key else listed or "none yet")
        )
    return table


def _keys(report: Report) -> str:
    if not report.keys:
        return "No provider's key is in the environment.\n"
    named = [f"{key.variable} ({key.provider}{', used when named' if key.shared else ''})" for key in report.keys]
    return escape(f"Keys in the environment: {', '.join(named)}\n")


def _suggestions(report: Report, columns: list[str]) -> Table:
    first = report.advice.suggestions[0]
    title = f"Fits on {first.place.name}, {first.place.free / GIB:.1f} GiB to use"
    table = Table(title=_said(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=name == "Model")
    for each in report.advice.suggestions:
        cells = (
            each.name,
            each.quantization,
            f"{each.need.weights / GB:.1f} GB",
            gib(each.need.total),
            f"{each.need.context:,}",
            each.licence,
            "thinks first" if each.thinks else "",
        )
        told = dict(zip(_SUGGESTED, cells, strict=True))
        table.add_row(*(told[name] for name in columns))
    return table


def _list(console: Console, title: str, lines: tuple[str, ...]) -> None:
    for line in lines:
        console.print(f"{title}: {_said(line)}", highlight=False, soft_wrap=True)


def gib(size: int | None) -> str:
    """A size for people."""
    return "unknown" if size is None else f"{size / GIB:.1f} GiB"


def _said(text: str | None) -> str:
    """Text of strangers: what servers and drivers call things."""
    return escape(printable(text or "unknown"))
