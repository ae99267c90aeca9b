"""What every test may use: where the repository is, the shared data, and whether long proofs run in full."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.upstream.embedded.fetch import fetch_weights
from tests.telling import ShowsTasks, TellsAtOnce

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

LONGEST_FIRST = ("training/cluster", "browser", "training_pipeline", "chaos", "reload", "artifacts", "e2e")
"""Folders of long files. Two processes share the tests a file at a time; neither shall begin a long one at the end."""

FETCH_LIMIT_S = 300
"""For a test that may be the first to need the embedded LLM, of 98 MB."""

pytest_plugins = ["tests.services.fixtures"]


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Failures are told at once, and no generated example is judged by how long it took: the machine may be busy."""
    if terminal := config.pluginmanager.get_plugin("terminalreporter"):
        config.pluginmanager.register(TellsAtOnce(terminal))
    config.pluginmanager.register(ShowsTasks())
    if importlib.util.find_spec("hypothesis") is None:
        return  # the environment of an extra, whose tests generate nothing
    from hypothesis import HealthCheck, settings

    settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folders of ``LONGEST_FIRST`` come first; who may have to fetch has more time."""
    for item in items:
        if "embedded_home" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(FETCH_LIMIT_S))
    folders = [REPOSITORY / "tests" / name for name in LONGEST_FIRST]
    places = {
        item: next((n for n, each in enumerate(folders) if each in item.path.parents), len(folders)) for item in items
    }
    items.sort(key=places.__getitem__)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the long proofs (marker soak) in full, not in small")
    parser.addoption("--screenshots", metavar="FOLDER", help="where pictures of the console go (default: screenshots/)")


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """Servers under test see neither settings, provider keys nor a collector of whoever runs the tests.

    ``UNDERDOG_HOME`` stays: it is where the fetched LLM lies.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            setting = name.startswith("UNDERDOG_") and name != "UNDERDOG_HOME"
            if setting or name.endswith("_API_KEY") or name.startswith("OTEL_"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; a test that asks for it is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no ../shared/data beside the checkout: this test reads real data that is not part of the project")
    return SHARED_DATA


@pytest.fixture(scope="session")
def embedded_home(pytestconfig: pytest.Config) -> Path:
    """A home folder with the verified weights of the embedded LLM, kept between runs so that they are fetched once."""
    assert pytestconfig.cache is not None
    home = pytestconfig.cache.mkdir("underdog-home")
    fetch_weights(home)
    return home


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether long proofs run in full (``make soak``)."""
    return bool(request.config.getoption("--full"))
