"""The default threshold as the settings have it: where it comes from, whether it may be set here, and setting it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from router.configured.given import Source
from router.errors import ApiError, CannotApply, SettingsError
from router.http.console.access import tuner
from router.http.services import Services
from router.settings_file.change import set_number

SETTING = "threshold"

NO_FILE = "This server follows no settings' file: set the threshold where it is started."


class Origin(Struct, frozen=True, kw_only=True):
    """Where the default threshold comes from.

    ``place``: the flag, the variable, the file and its line; None for the default, which is the artifact's. ``why_not``
    says why it cannot be set here and what to do instead; None where it can.
    """

    source: Source
    place: str | None
    why_not: str | None


def origin_of(services: Services, headers: Mapping[str, str]) -> Origin:
    """Where the threshold comes from, and whether who asks may set it. Looks at files."""
    refused = _refusal(services, headers)
    if services.reload is None:
        source: Source = "default" if services.settings.threshold is None else "flag"
        return Origin(source=source, place=None, why_not=refused or NO_FILE)
    sources = services.reload.sources
    try:
        given = sources.gather().get(SETTING)
    except SettingsError as error:
        return Origin(source="file", place=str(sources.file.absolute()), why_not=refused or str(error))
    if given is None:
        return Origin(source="default", place=None, why_not=refused or _unwritable(sources.file))
    if given.source != "file":
        above = f"{given.place} is set where the server starts, and comes before the file: leave it out there first."
        return Origin(source=given.source, place=given.place, why_not=refused or above)
    place = f"{Path(given.place).absolute()}, line {given.line()}"
    return Origin(source="file", place=place, why_not=refused or _unwritable(sources.file))


async def apply(services: Services, headers: Mapping[str, str], threshold: float) -> None:
    """Write the threshold, 0..1, into the settings' file and put it in use.

    Raises:
        CannotApply: the settings do not allow it; the message says what to do instead.
    """
    async with services.changing:
        origin = await asyncio.to_thread(origin_of, services, headers)
        reload = services.reload
        if origin.why_not is not None or reload is None:
            raise CannotApply(origin.why_not or NO_FILE)
        try:
            await asyncio.to_thread(set_number, reload.sources, SETTING, threshold)
        except SettingsError as error:
            raise CannotApply(str(error)) from error
        await reload.take_up()
        if services.settings.threshold != threshold:
            raise CannotApply("The threshold was written, but could not be put in use; the server's log says why.")


def _refusal(services: Services, headers: Mapping[str, str]) -> str | None:
    try:
        tuner(services, headers)
    except ApiError as error:
        return error.message
    if services.file is not None and services.file.state == "refused":
        line = "" if services.file.line is None else f" (line {services.file.line})"
        return f"The settings' file has a mistake{line}, and the server goes on with what it had: mend it first."
    return None


def _unwritable(file: Path) -> str | None:
    folder = file.resolve().parent
    if os.access(folder, os.W_OK | os.X_OK):
        return None
    return f"The server may not write in {folder}: set `threshold` in {file.name} where that is kept."
