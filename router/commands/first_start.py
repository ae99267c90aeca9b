"""What a first start says of the machine, and what ``underdog serve --yes`` does where no weak model is named."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from router.commands.named_models import names_model
from router.errors import OllamaError
from router.settings import Settings

if TYPE_CHECKING:
    from router.hardware import Machine
    from router.upstream.nearby import NearbyServer

GIB = 1024**3

Say = Callable[[str], None]


def is_first(settings: Settings) -> bool:
    """Whether no server has run with this home yet."""
    return not (settings.home_path / "ledger.sqlite3").exists()


def tell_later(settings: Settings, say: Say) -> Callable[[], None]:
    """What to call once the server is ready: on a first start without a weak model it says what is here.

    It looks at the machine alone, in a thread, and connects to nobody.
    """
    if names_model(settings, "weak") or not is_first(settings):
        return lambda: None
    home = settings.home_path
    return threading.Thread(target=lambda: _tell(home, say), daemon=True).start


def _tell(home: Path, say: Say) -> None:
    from router.hardware import look_at_machine

    # Nobody may read it any more.
    with contextlib.suppress(OSError, ValueError):
        say("\n".join(first_lines(look_at_machine(home))))


def first_lines(machine: Machine) -> list[str]:
    """One line of what was found, and one of what to do."""
    from router.advice import advise

    memory = machine.memory.total
    found = [f"{machine.cpu.cores} cores", f"{memory / GIB:.0f} GiB of memory" if memory else "memory unknown"]
    found += [
        gpu.name + (f" ({gpu.free / GIB:.0f} GiB free)" if gpu.free is not None else "") for gpu in machine.gpus.found
    ]
    suggestions = advise(machine).suggestions
    lines = [f"Found: {', '.join(found)}."]
    if suggestions:
        best = suggestions[0]
        get = f"underdog models pull {best.name}"
        lines.append(f"A larger weak model that fits: {get} ({best.need.weights / 1e9:.1f} GB); see underdog doctor")
    else:
        lines.append("No larger weak model fits; see underdog doctor")
    return lines


def weak_flags(settings: Settings, say: Say, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Flags that name a weak model on this machine, pulled first where Ollama has none; for ``--yes``.

    None where the settings name one, or where there is no Ollama: then the embedded LLM is fetched as always. A server
    that nobody knows is left alone: it may be anything.
    """
    if names_model(settings, "weak"):
        return {}
    try:
        return asyncio.run(_weak_flags(settings.home_path, say, environ))
    except OllamaError as error:
        say(f"{error} The embedded LLM answers until then.")
        return {}


async def _weak_flags(home: Path, say: Say, environ: Mapping[str, str]) -> dict[str, str]:
    from router.commands.models_pull import pull_model
    from router.doctor import examine
    from router.doctor.findings import usable_model
    from router.upstream.nearby.finding import UNKNOWN_SERVER

    report = await examine(home, environ)
    known = [server for server in report.servers if server.provider != UNKNOWN_SERVER]
    if (usable := usable_model(known)) is not None:
        server, model = usable
        say(f"Found {model} at {server.provider}: it is the weak model.")
        return {"weak_url": server.base_url, "weak_model": model}
    ollama = _ollama(report.servers)
    if ollama is None or not report.advice.suggestions:
        say("No model server of this machine has a model, and none can be pulled: the embedded LLM is the weak model.")
        return {}
    best = report.advice.suggestions[0]
    say(f"Pulling {best.name} ({best.need.weights / 1e9:.1f} GB, {best.licence}).")
    await pull_model(ollama.base_url.removesuffix("/v1"), best.name)
    return {"weak_url": ollama.base_url, "weak_model": best.name}


def _ollama(servers: tuple[NearbyServer, ...]) -> NearbyServer | None:
    return next((server for server in servers if server.provider == "ollama"), None)
