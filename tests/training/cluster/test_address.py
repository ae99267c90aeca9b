"""What ``--dask`` may say."""

from __future__ import annotations

import pytest

from router.errors import ClusterError
from training.cluster.address import LocalWorkers, Scheduler, parse_address


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("tcp://scheduler:8786", "tcp://scheduler:8786"),
        ("tls://10.0.0.1:8786", "tls://10.0.0.1:8786"),
        ("scheduler:8786", "tcp://scheduler:8786"),
        ("[::1]:8786", "tcp://[::1]:8786"),
        ("tcp://local:2", "tcp://local:2"),
    ],
)
def test_a_scheduler_is_named_by_its_host_and_port(given: str, url: str) -> None:
    assert parse_address(given) == Scheduler(url)


def test_local_workers_are_named_by_their_number() -> None:
    assert parse_address("local:2") == LocalWorkers(2)


@pytest.mark.parametrize("given", ["local:0", "local:8786", "local:999999999"])
def test_a_port_is_not_taken_for_a_number_of_processes(given: str) -> None:
    with pytest.raises(ClusterError, match=rf"--dask {given}: starts that many worker processes here; .*tcp://{given}"):
        parse_address(given)


WRONG = (
    *("", "scheduler", "tcp://scheduler", "scheduler:0", "scheduler:99999", "http://scheduler:8786", "local:two"),
    *("tcp://:8786", "tcp://user@scheduler:8786", "tcp://scheduler:8786/path", "tcp://[::1:8786", "a:b:c"),
)


@pytest.mark.parametrize("given", WRONG)
def test_anything_else_is_answered_by_what_may_stand_there(given: str) -> None:
    with pytest.raises(ClusterError, match=r"tcp://HOST:PORT or HOST:PORT of a scheduler, tls://.*local:2"):
        parse_address(given)
