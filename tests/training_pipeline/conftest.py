"""``train-router`` as a function, and one artifact trained on the sample, shared by the tests that only look at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from router.scoring.scorer import Scorer
from training.cli import main

TrainRouter = Callable[..., str]


@pytest.fixture(scope="session")
def train_router() -> TrainRouter:
    """Runs a command and gives back its standard output; one that fails fails the test with what it said."""

    def run(*words: object) -> str:
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


@pytest.fixture(scope="session")
def train_router_fails() -> TrainRouter:
    """Runs a command that must fail on purpose (no traceback) and gives back what it said."""

    def run(*words: object) -> str:
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert result.exit_code in (1, 2), result.output
        assert isinstance(result.exception, SystemExit), result.exception
        return result.output

    return run


@pytest.fixture(scope="session")
def sample(repository: Path) -> Path:
    return repository / "data" / "sample"


@pytest.fixture(scope="session")
def sample_artifact(tmp_path_factory: pytest.TempPathFactory, sample: Path, train_router: TrainRouter) -> Path:
    folder = tmp_path_factory.mktemp("artifacts") / "sample"
    train_router(
        *("--data", sample, "--test-sets", sample / "benchmarks", "--evaluate"),
        *("--out", folder, "--name", "sample/3", "--quiet"),
    )
    return folder


@pytest.fixture(scope="session")
def sample_scorer(sample_artifact: Path) -> Scorer:
    return Scorer.load(sample_artifact)
