"""Artifacts that differ from the shipped one in one thing, and the real command."""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner

from router.cli import main
from router.scoring.artifact import Facts, default_artifact_path, load_artifact, write_artifact
from router.scoring.calibration import Calibrator
from router.scoring.chain import Chain

REPOSITORY = Path(__file__).resolve().parents[2]


def make_artifact(models: Path, name: str, version: str = "1", *, slope: float = 0.5) -> Path:
    """The shipped artifact under another name and with another map to win rates; gives its folder."""
    shipped = load_artifact(default_artifact_path())
    chain = Chain(shipped.chain.inputs.encoder, shipped.chain.scaler, shipped.chain.blend, Calibrator.platt(slope, 0.0))
    points = {
        name: type(point)(threshold=0.5 + slope / 10, strong_share=point.strong_share, quality=point.quality, n=point.n)
        for name, point in shipped.manifest.operating_points.items()
    }
    facts = Facts(name=name, version=version, command="train-router", description="for tests", operating_points=points)
    folder = models / name / version
    golden = ["Hi there!", "Prove that the square root of two is irrational.", "Write a haiku about rain."]
    source = default_artifact_path()
    write_artifact(folder, encoder_folder=source, chain=chain, curve=shipped.curve, golden=golden, facts=facts)
    return folder


async def underdog(*arguments: str, **environ: str) -> tuple[int, str]:
    """Run the command beside the event loop; gives its exit status and all that it said."""
    result = await asyncio.to_thread(CliRunner().invoke, main, list(arguments), env=environ, prog_name="underdog")
    return result.exit_code, result.output
