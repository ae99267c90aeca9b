"""The artifact in use: its scorer and the dial read off it, as one object, so that no request sees half of each."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from router.artifacts.pointer import Pointer
from router.errors import ArtifactError
from router.policy import DEFAULT_OPERATING_POINT, Dial
from router.scoring.scorer import Scorer
from router.settings import Settings

logger = logging.getLogger("underdog.artifacts")


@dataclass(frozen=True, slots=True)
class InUse:
    """What decides a request. A request takes it once and keeps it to its end, whatever is put in use meanwhile.

    ``artifact`` is the name and version that people see, ``digest`` the SHA-256 in hex of ``Manifest.digest``.
    """

    scorer: Scorer
    dial: Dial
    artifact: str
    digest: str

    @classmethod
    def of(cls, scorer: Scorer, settings: Settings) -> InUse:
        """A scorer with its dial; the operator's own threshold comes before the artifact's.

        Raises:
            ArtifactError: the artifact lacks the default operating point.
        """
        manifest = scorer.manifest
        points = manifest.operating_points
        if DEFAULT_OPERATING_POINT not in points:
            raise ArtifactError(
                f"{manifest.label}: has no operating point '{DEFAULT_OPERATING_POINT}'; refit it with train-router."
            )
        dial = Dial.for_server(
            curve=scorer.curve,
            operating_points=points,
            threshold=settings.threshold,
            when_unfamiliar=settings.unfamiliar,
        )
        return cls(scorer=scorer, dial=dial, artifact=manifest.label, digest=manifest.digest)


def load_in_use(settings: Settings) -> InUse:
    """What a server with these settings starts with: the folder that they pin, else what the pointer says.

    Where what the pointer says cannot be used, the shipped artifact stands in, with a warning: requests come first.

    Raises:
        ArtifactError: the pinned artifact, or the shipped one, cannot be used.
    """
    if settings.artifact:
        return InUse.of(Scorer.load(Path(settings.artifact).expanduser()), settings)
    try:
        return load_pointed(Pointer(settings.home_path), settings)
    except ArtifactError as error:
        shipped = InUse.of(Scorer.load(), settings)
        logger.warning(
            "%s is in use instead of what `underdog artifacts use` chose: %s Choose again, or go back with "
            "`underdog artifacts rollback`.",
            shipped.artifact,
            error,
        )
        return shipped


def load_pointed(pointer: Pointer, settings: Settings) -> InUse:
    """Load and verify what the pointer says, the shipped artifact where it says nothing.

    Raises:
        ArtifactError: the pointer or the artifact cannot be used.
    """
    use = pointer.current()
    if use is None:
        return InUse.of(Scorer.load(), settings)
    loaded = InUse.of(Scorer.load(Path(use.folder)), settings)
    if loaded.digest != use.digest:
        logger.warning("%s in %s is not what was put in use: it was made anew since.", loaded.artifact, use.folder)
    return loaded
