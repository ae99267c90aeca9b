"""Rows of a data set of the Hugging Face hub, or of a local folder in the same layout, through ``datasets``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from router.errors import DataError
from training.extras import how_to_install
from training.forms import ANSWER_COLUMNS
from training.tables import Row

PROBE_TIMEOUT_S = 5.0

LOCAL_ALTERNATIVE = "download it elsewhere and pass the file: --battles FILE.parquet (or .csv, .json, .jsonl)"

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_hub_id(spec: str) -> bool:
    """Whether ``spec`` has the form ``owner/name`` of a hub data set."""
    return _HUB_ID.fullmatch(spec) is not None


def hub_rows(name: str) -> Iterator[Row]:
    """Read every split of data set ``name``, downloading it on first use; columns that hold only answers are skipped.

    Args:
        name: a hub id such as ``lmsys/lmsys-arena-human-preference-55k``, or a local folder of data files.

    Raises:
        DataError: no network and no copy in the local cache, no such set, or a gated one without a token.
    """
    for split, rows in _loaded(name).items():
        skipped = [column for column in rows.column_names if column in ANSWER_COLUMNS]
        for number, values in enumerate(rows.remove_columns(skipped), 1):
            yield Row(f"{name} ({split}):row {number}", values)


def _loaded(name: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise DataError(f"{name}: hub data sets need the extra 'train': {how_to_install('train')}") from None
    if not (Path(name).is_dir() or _is_cached(name)):
        _probe(name)
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(name)
    except datasets.exceptions.DatasetNotFoundError as error:
        raise DataError(_not_found(name, str(error))) from error
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise DataError(f"{name}: the data set cannot be loaded ({_line(error)}); {LOCAL_ALTERNATIVE}") from error


def _is_cached(name: str) -> bool:
    from datasets import config

    return (Path(config.HF_DATASETS_CACHE) / name.replace("/", "___")).is_dir()


def _probe(name: str) -> None:
    """Ask the hub once whether it is there: ``datasets`` itself would go on trying for half a minute."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().dataset_info(name, timeout=PROBE_TIMEOUT_S)
    except HfHubHTTPError as error:
        raise DataError(_not_found(name, _line(error))) from error
    except Exception as error:  # which HTTP library fails here differs between versions of the hub's client
        raise DataError(f"{name}: the hub cannot be reached ({_line(error)}); {LOCAL_ALTERNATIVE}") from error


def _not_found(name: str, said: str) -> str:
    if "gated" in said.lower():
        return (
            f"{name}: a gated data set; accept its terms on its hub page and set HF_TOKEN to your access token, "
            f"or {LOCAL_ALTERNATIVE}"
        )
    return f"{name}: the hub does not offer it to you ({said}); check the name and HF_TOKEN, or {LOCAL_ALTERNATIVE}"


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (text or type(error).__name__)[:200]
