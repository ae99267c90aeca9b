"""The static encoder that a run starts from."""

from __future__ import annotations

from pathlib import Path

from router.errors import ArtifactError, DataError
from router.scoring.artifact import default_artifact_path
from router.scoring.encoder import StaticEncoder


def encoder_folder(given: Path | None) -> Path:
    """The folder that was given, else that of the shipped artifact."""
    return given if given is not None else default_artifact_path()


def load_encoder(folder: Path) -> StaticEncoder:
    """Load an encoder that somebody named.

    Raises:
        DataError: there is none in ``folder``, or a damaged one; says how to get one.
    """
    try:
        return StaticEncoder.load(folder)
    except ArtifactError as error:
        fault = str(error).partition(";")[0]  # what follows is a remedy for servers
        raise DataError(f"{fault}; pass a folder that `train-router distill` wrote") from error
