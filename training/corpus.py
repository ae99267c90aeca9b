"""The front door for training data: a folder, a file or a hub id in; records out, and every row accounted for."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from router.errors import DataError
from training.battles import BATTLE_FORMS
from training.forms import ANSWER_COLUMNS, Form, records_of
from training.graded import GRADED_FORMS
from training.hub import hub_rows, is_hub_id
from training.label.forms import SIMPLE_FORMS, WRITTEN_FORM
from training.progress import progress
from training.records import Battle, Drops, Graded
from training.sources import SOURCES, Source, hub_set, own_source, source_of_file
from training.tables import FORMATS, Row, is_table, read_rows

NO_TRAINING_SET = "not a registered set: pass it by its path"

FORMS: tuple[Form[Any], ...] = (WRITTEN_FORM, *BATTLE_FORMS, *GRADED_FORMS, *SIMPLE_FORMS)

HASH_CHUNK = 1 << 20


class SourceRead(Struct, frozen=True, kw_only=True):
    """One set as it was read, for manifests and model cards.

    ``rows`` counts the rows of the file, ``kept`` the records that came of them (a row of judged pairs gives many);
    ``sha256`` is that of the file, "" for a set of the hub.
    """

    name: str
    file: str
    sha256: str
    rows: int
    kept: int
    origin: str
    licence: str
    commercial: bool
    use: str
    note: str = ""


class Corpus(Struct, frozen=True, kw_only=True):
    """Everything that was read, and everything that was not.

    ``ignored`` names the files of a data folder that were not asked for, with the reason.
    """

    battles: list[Battle]
    graded: list[Graded]
    drops: Drops
    sources: tuple[SourceRead, ...]
    ignored: tuple[str, ...] = ()

    def merged(self, other: Corpus) -> Corpus:
        """Both corpora as one."""
        drops = Drops()
        drops.merge(self.drops)
        drops.merge(other.drops)
        return Corpus(
            battles=self.battles + other.battles,
            graded=self.graded + other.graded,
            drops=drops,
            sources=self.sources + other.sources,
            ignored=self.ignored + other.ignored,
        )

    def prompts(self) -> list[str]:
        """Every distinct prompt, in the order of reading."""
        return list(dict.fromkeys(record.prompt for record in self._records()))

    def kept(self) -> dict[str, int]:
        """Source -> records."""
        return dict(Counter(record.source for record in self._records()))

    def recounted(self) -> Corpus:
        """The same, with ``kept`` of each source counted anew (after records were taken out)."""
        kept = self.kept()
        return replace(self, sources=tuple(replace(source, kept=kept.get(source.name, 0)) for source in self.sources))

    def summary(self) -> str:
        """A table of what was kept and what was dropped, and why."""
        lines = [self.drops.table(self.kept())]
        others = [entry for entry in self.ignored if entry.endswith(f"({NO_TRAINING_SET})")]
        lines += [f"not read: {entry}" for entry in self.ignored if len(others) < 2 or entry not in others]
        if len(others) > 1:
            first = others[0].removesuffix(f" ({NO_TRAINING_SET})")
            lines.append(f"not read: {len(others)} files that are no training set ({first}, ...)")
        return "\n".join(lines)

    def _records(self) -> Iterator[Battle | Graded]:
        yield from self.battles
        yield from self.graded


def read_data_folder(folder: Path, *, include: Collection[str] | None = None, commercial_only: bool = True) -> Corpus:
    """Read the registered sets of a data folder.

    Args:
        folder: holds ``arena/``, ``golden/`` and so on, as :data:`training.sources.SOURCES` has them.
        include: names of sets to read, and no others. None: all that may teach an artifact that ships.
        commercial_only: leave out the sets whose licence does not allow commercial use, named or not.

    Raises:
        DataError: no such folder, none of the sets in it, an unknown name in ``include``, or a damaged file.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; pass the folder that holds arena/ and golden/")
    _check_names(include)
    corpus = _empty()
    for path in _tables(folder):
        place = path.relative_to(folder).as_posix()
        source = source_of_file(place)
        reason = _why_ignored(source, include, commercial_only)
        if source is None or reason:
            corpus = corpus.merged(replace(_empty(), ignored=(f"{place} ({reason})",)))
        else:
            corpus = corpus.merged(_read_file(path, source, place))
    if not corpus.sources:
        wanted = ", ".join(sorted(include)) if include else "arena/votes_2023.jsonl.gz and the like"
        raise DataError(
            f"{folder}: none of the wanted sets is in it ({wanted}); see data/README.md for where to get them"
        )
    return corpus


def read_source(spec: str) -> Corpus:
    """Read one set: a file, a folder of files, or a data set of the hub.

    Args:
        spec: a path, or a hub id such as ``lmsys/lmsys-arena-human-preference-55k``.

    Raises:
        DataError: there is no such thing, or it cannot be read; says where and what to do.
    """
    path = Path(spec)
    if path.is_file():
        registered = source_of_file(f"{path.absolute().parent.name}/{path.name}")
        return _read_file(path, registered or own_source(_own_name(path)), path.name)
    if path.is_dir():
        return _read_own_folder(path)
    if is_hub_id(spec) and not is_table(path):
        source = hub_set(spec) or own_source(spec)
        return _gathered(hub_rows(spec), source, Drops(), where=spec, file=spec, sha256="")
    raise DataError(f"{spec}: no such file or folder, and no hub id of the form owner/name; check the path")


def _read_own_folder(folder: Path) -> Corpus:
    corpus = _empty()
    for path in _tables(folder):
        place = path.relative_to(folder).as_posix()
        corpus = corpus.merged(_read_file(path, own_source(f"{folder.name}/{_own_name(path)}"), place))
    if not corpus.sources:
        raise DataError(f"{folder}: holds no data file; expected {', '.join(FORMATS)} (.gz too)")
    return corpus


def _read_file(path: Path, source: Source, place: str) -> Corpus:
    drops = Drops()
    rows = read_rows(path, drops, source.name, skip=ANSWER_COLUMNS)
    return _gathered(rows, source, drops, where=str(path), file=place, sha256=sha256_of(path))


def _gathered(rows: Iterable[Row], source: Source, drops: Drops, *, where: str, file: str, sha256: str) -> Corpus:
    counted = _Counted(progress(rows, label=f"reading {source.name}"))
    battles: list[Battle] = []
    graded: list[Graded] = []
    for record in records_of(counted, FORMS, drops, source.name):
        (battles if isinstance(record, Battle) else graded).append(record)
    if not counted.rows and not drops.total:
        raise DataError(f"{where}: has no rows; check that the download or export is complete")
    read = SourceRead(
        name=source.name,
        file=file,
        sha256=sha256,
        rows=counted.rows,
        kept=len(battles) + len(graded),
        origin=source.origin,
        licence=source.licence,
        commercial=source.commercial,
        use=source.use,
        note=source.note,
    )
    return Corpus(battles=battles, graded=graded, drops=drops, sources=(read,))


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class _Counted:
    """Rows as they pass by, counted."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items
        self.rows = 0

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            self.rows += 1
            yield item


def _tables(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and is_table(path))


def _own_name(path: Path) -> str:
    return path.name.partition(".")[0]


def _check_names(include: Collection[str] | None) -> None:
    known = [source.name for source in SOURCES if source.use in ("train", "refit")]
    unknown = sorted(set(include or ()) - set(known))
    if unknown:
        raise DataError(f"no data set is called {', '.join(unknown)}; the names are {', '.join(known)}")


def _why_ignored(source: Source | None, include: Collection[str] | None, commercial_only: bool) -> str:
    """Why a file of a data folder is not read, "" if it is."""
    if source is None:
        return NO_TRAINING_SET
    if source.use in ("evaluate", "cache"):
        return {"evaluate": "test set", "cache": "for the cache's verifier"}[source.use]
    if include is not None and source.name not in include:
        return "not asked for"
    if include is None and source.use == "refit":
        return "only when asked for by name: questions of a test set"
    if commercial_only and not source.commercial:
        return f"licence {source.licence}"
    return ""


def _empty() -> Corpus:
    return Corpus(battles=[], graded=[], drops=Drops(), sources=())
