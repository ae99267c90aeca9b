"""From what was given for a setting to its value, or to a sentence on what may stand there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from router.configured.complaint import complaint
from router.configured.given import Given
from router.configured.secret import Secret
from router.errors import UNREADABLE_JSON, SettingsError

_TABLE_KINDS = (msgspec.inspect.VarTupleType, msgspec.inspect.DictType)
_NUMBERS = (msgspec.inspect.IntType, msgspec.inspect.FloatType, msgspec.inspect.DecimalType)
_WITHOUT_ZERO = re.compile(r"[.]\d+")  # as people write shares, and as the console shows them
_ENTRY = re.compile(r"at `\$\[(?P<index>\d+)\]")


def is_table_kind(kind: Any) -> bool:
    """Whether a setting of this type is a list or a table of records."""
    return isinstance(_bare(kind), _TABLE_KINDS)


def converted(given: Given, field: msgspec.structs.FieldInfo, *, secret: bool) -> Any:
    """The value of a setting.

    Args:
        given: what was given for it.
        field: of the setting.
        secret: whether it is one, which no message may show.

    Raises:
        SettingsError: naming the place, and what is allowed.
    """
    kind, value = field.type, given.value
    if is_table_kind(kind):
        return _table(given, field)
    words = _words(kind)
    if isinstance(value, str):
        value = words.get(value.strip().lower(), value)
        if isinstance(value, str) and _WITHOUT_ZERO.fullmatch(value) and isinstance(_kind(kind), _NUMBERS):
            value = f"0{value}"
    if secret:
        if isinstance(value, str):
            return Secret(value)
        # Without the value: it is a secret all the same.
        raise SettingsError(f"{given.origin()}: must be text in quotes, not {type(value).__name__}.")
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        allowed = " or ".join((_expected(kind), *map(repr, words)))
        raise SettingsError(f"{given.origin()}: must be {allowed}, not '{str(value)[:60]}'.") from error


def _table(given: Given, field: msgspec.structs.FieldInfo) -> Any:
    name, value = given.setting, given.value
    try:
        decoded = msgspec.json.decode(value) if isinstance(value, str) else value
    except UNREADABLE_JSON as error:
        raise SettingsError(f'{given.origin()}: must be JSON, such as ["a", "b"] or {{"a": "b"}}: {error}.') from error
    if isinstance(decoded, dict) and isinstance(field.default, tuple):
        raise SettingsError(
            f"{given.origin()}: is a list; write [[{name}]] above each record in TOML, [{{...}}] in JSON."
        )
    try:
        return msgspec.convert(decoded, field.type, dec_hook=_secret)
    except msgspec.ValidationError as error:
        at = _ENTRY.search(str(error))
        origin = given.origin(int(at["index"]) if at else None)
        raise SettingsError(f"{origin}: {complaint(field.type, decoded, error)}") from error


def _secret(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError(f"expected text, not {type(value).__name__}")


def _words(kind: Any) -> Mapping[str, Any]:
    """Words that stand for a value of a setting."""
    info = msgspec.inspect.type_info(kind)
    return info.extra or {} if isinstance(info, msgspec.inspect.Metadata) else {}


def _bare(kind: Any) -> Any:
    info = msgspec.inspect.type_info(kind)
    while isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    return info


def _kind(kind: Any) -> Any:
    """The type of a setting's values, but for none."""
    info = _bare(kind)
    if isinstance(info, msgspec.inspect.UnionType):
        info = next(part for part in info.types if not isinstance(part, msgspec.inspect.NoneType))
    return info


def _expected(kind: Any) -> str:
    """What a setting may be, in words."""
    info = _kind(kind)
    if isinstance(info, msgspec.inspect.BoolType):
        return "true or false"
    if isinstance(info, msgspec.inspect.IntType | msgspec.inspect.FloatType):
        return _number(info)
    if isinstance(info, msgspec.inspect.DecimalType):
        return "an amount of dollars, such as 25.00"
    if isinstance(info, msgspec.inspect.LiteralType):
        return "one of " + ", ".join(str(value) for value in info.values)
    return "text"


def _number(info: msgspec.inspect.IntType | msgspec.inspect.FloatType) -> str:
    noun = "a whole number" if isinstance(info, msgspec.inspect.IntType) else "a number"
    if info.ge is not None and info.le is not None:
        return f"{noun} from {info.ge:g} to {info.le:g}"
    if info.ge is not None:
        return f"{noun}, {info.ge:g} or more"
    return f"{noun} above {info.gt:g}" if info.gt is not None else noun
