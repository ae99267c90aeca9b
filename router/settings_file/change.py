"""A change of the settings' file: made beside it, checked as a server would, and only then written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from router.configured.given import placed
from router.errors import SettingsError
from router.settings import PREFIX, Settings, Sources, settings_of

if TYPE_CHECKING:
    from tomlkit.toml_document import TOMLDocument

NOTHING_WRITTEN = "Nothing was written."


class Changed(NamedTuple):
    """What would stand in the file, and what was wrong with it before and still is; None where nothing is."""

    document: TOMLDocument
    still_wrong: str | None


def changed(sources: Sources, change: Callable[[TOMLDocument], object], check: Callable[[Settings], object]) -> Changed:
    """Change the file, unless a server would refuse what comes of it. Writes nothing yet.

    Args:
        sources: whose file it is.
        change: what to do with the document.
        check: what a server makes of its settings; raises ``SettingsError`` where it could not.

    Raises:
        SettingsError: the file cannot be read, or would be wrong in another way than before.
    """
    import tomlkit

    from router.settings_file.document import document_of

    document = document_of(sources.file)
    before = _complaint(tomlkit.dumps(document), sources, check)
    change(document)
    after = _complaint(tomlkit.dumps(document), sources, check)
    if after is not None and after != before:
        raise SettingsError(f"{after} {NOTHING_WRITTEN}")
    return Changed(document, after)


def set_number(sources: Sources, name: str, value: float) -> None:
    """Give a setting a number in the file, just as ``underdog config set`` does, and keep all else that stands there.

    Raises:
        SettingsError: the file is wrong, would be, or cannot be written.
    """
    from router.settings_file.document import put, write, written

    wanted = written(name, repr(value))
    document, still_wrong = changed(sources, lambda document: put(document, name, wanted), lambda _: None)
    if still_wrong is not None:
        raise SettingsError(f"{still_wrong} {NOTHING_WRITTEN}")
    write(document, sources.file)


def _complaint(text: str, sources: Sources, check: Callable[[Settings], object]) -> str | None:
    """What a server would say against a file; None where it would start with it."""
    given = {}
    try:
        given = sources.gather(text=text)
        check(settings_of(given))
    except SettingsError as error:
        return placed(str(error), given, PREFIX)
    return None
