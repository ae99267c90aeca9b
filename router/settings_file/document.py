"""Writes the TOML file of the settings, by tomlkit: it alone keeps comments, order and spacing as they were.

Imported only by who writes; the server reads with the standard library.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import MutableMapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table
from tomlkit.toml_document import TOMLDocument

from router.configured.converting import converted
from router.configured.given import Given
from router.configured.secret import Secret, holds_secrets
from router.errors import SettingsError
from router.settings import FIELDS, given_in, is_secret, is_table

SECRET_MODE = 0o600
PLAIN_MODE = 0o644


def document_of(path: Path) -> TOMLDocument:
    """The file as it can be changed; an empty one where there is none.

    Raises:
        SettingsError: it cannot be read, or is no TOML.
    """
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from error
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}.") from error


def put(document: TOMLDocument, name: str, value: Any) -> None:
    """Give a setting a value, in the place where it has one, else at the end of what stands before all tables."""
    place, key = _place(document, name)
    if key in place and not isinstance(place[key], AoT | Table) and not isinstance(value, dict | list):
        place[key] = value
        return
    if key in place:
        del place[key]
    place[key] = tomlkit.item(value)


def take_out(document: TOMLDocument, name: str) -> bool:
    """Leave a setting to its default; False where the file does not give it. An empty group goes too."""
    place, key = _place(document, name)
    if key not in place:
        return False
    del place[key]
    for group in [
        group for group, members in document.items() if isinstance(members, Table) and not members.as_string().strip()
    ]:
        if not is_table(group):
            del document[group]
    return True


def written(name: str, text: str) -> Any:
    """What stands in the file for a value that was given as text.

    Raises:
        SettingsError: the setting may not be that.
    """
    given = Given(setting=name, value=text, source="flag", place=name)
    value = converted(given, FIELDS[name], secret=is_secret(name))
    if isinstance(value, Secret):
        return value.reveal()
    if is_table(name):
        return msgspec.json.decode(text)
    return text if isinstance(value, Decimal) or (isinstance(value, float) and not _is_number(text)) else value


def write(document: TOMLDocument, path: Path) -> None:
    """Put the file in its place, whole or not at all; where it holds secrets nobody but its owner may read it.

    Raises:
        SettingsError: it cannot be written.
    """
    text = tomlkit.dumps(document)
    path = path.resolve()  # a link stays one
    given = given_in(text, str(path))
    secrets = any(holds_secrets(converted(each, FIELDS[name], secret=is_secret(name))) for name, each in given.items())
    try:
        before = path.stat() if path.exists() else None
        mode = PLAIN_MODE if before is None else stat.S_IMODE(before.st_mode)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), mode & SECRET_MODE if secrets else mode)
                if before is not None:
                    with contextlib.suppress(PermissionError):
                        os.fchown(file.fileno(), before.st_uid, before.st_gid)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written ({error.strerror}).") from error


def _place(document: TOMLDocument, name: str) -> tuple[MutableMapping[str, Any], str]:
    """Where a setting stands, or is to stand: at the top, or in a group that has it."""
    if name in document and (is_table(name) or not isinstance(document[name], Table)):
        return document, name
    for group, members in document.items():
        member = name.removeprefix(f"{group}_")
        if isinstance(members, Table) and not is_table(group) and member != name and member in members:
            return members, member
    return document, name


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
