"""What ``GET /metrics`` gives can be read by Prometheus, and tells the truth of the requests that were settled."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from router.metrics import Histogram, Histograms, Traffic, render
from router.types import LedgerRow
from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, HARD, routed
from tests.metrics.everything import exposition
from tests.metrics.exposition import Wrong, read

PATH = "/v1/chat/completions"


def row(**fields: Any) -> LedgerRow:
    return LedgerRow(request_id="r", at=datetime.now(UTC), tenant="", **fields)


ROWS = (
    row(route="weak", cache="miss", latency_ms=300, first_token_ms=30, stream=True, cost_usd=Decimal(0)),
    row(
        route="strong",
        cache="miss",
        latency_ms=2_000,
        prompt_tokens=10,
        completion_tokens=5,
        cost_usd=Decimal("0.5"),
        baseline_cost_usd=Decimal("0.5"),
        decision_us=200,
    ),
    row(route="strong", cache="exact", latency_ms=1, cost_usd=Decimal(0), baseline_cost_usd=Decimal("0.25")),
    row(route="named", cache="miss", latency_ms=10, cost_usd=Decimal("1.5"), baseline_cost_usd=Decimal(1)),
    row(reason="embeddings", prompt_tokens=3),
    row(outcome="error", status=429, error_code="rate_limit_exceeded"),
    row(outcome="cancelled", status=499, route="weak"),
)


def value(text: str, name: str, **labels: str) -> float:
    family = next(metric for known, metric in read(text).items() if name.startswith(known))
    return family.samples[name, frozenset(labels.items())]


def test_every_metric_is_in_the_format_that_prometheus_reads() -> None:
    metrics = read(exposition(ROWS))
    assert {metric.kind for metric in metrics.values()} == {"counter", "gauge", "histogram"}
    assert all(re.fullmatch(r"(underdog|process)_[a-z0-9_]+", name) for name in metrics)
    assert all(metric.samples for metric in metrics.values())


def test_requests_are_counted_by_who_answered_and_how_they_ended() -> None:
    text = exposition(ROWS)
    requests = {
        (*sorted(dict(labels).values()),): count
        for (_, labels), count in read(text)["underdog_requests_total"].samples.items()
    }
    assert requests == {
        ("2xx", "ok", "weak"): 1,
        ("2xx", "ok", "strong"): 1,
        ("2xx", "cache", "ok"): 1,
        ("2xx", "named", "ok"): 1,
        ("2xx", "embeddings", "ok"): 1,
        ("4xx", "error", "none"): 1,
        ("4xx", "cancelled", "weak"): 1,
    }
    assert value(text, "underdog_errors_total", code="rate_limit_exceeded") == 1


def test_money_and_tokens_are_counted_by_who_answered() -> None:
    text = exposition(ROWS)
    assert value(text, "underdog_cost_usd_total", source="strong") == 0.5
    assert value(text, "underdog_saved_usd_total", source="cache") == 0.25
    assert value(text, "underdog_overspent_usd_total", source="named") == 0.5
    assert value(text, "underdog_unpriced_total", source="embeddings") == 1
    assert value(text, "underdog_tokens_total", source="strong", kind="completion") == 5
    assert value(text, "underdog_tokens_total", source="embeddings", kind="prompt") == 3


def test_a_value_counts_in_the_bucket_whose_bound_it_does_not_exceed() -> None:
    histogram = Histogram((1.0, 2.0))
    for seen in (0.5, 1.0, 1.5, 2.0, 9.0):
        histogram.observe(seen)
    text = render([Histograms("underdog_x_seconds", "X.", [({}, histogram)])])
    buckets = {le: value(text, "underdog_x_seconds_bucket", le=le) for le in ("1", "2", "+Inf")}
    assert buckets == {"1": 2, "2": 4, "+Inf": 5}
    assert value(text, "underdog_x_seconds_sum") == 14
    assert value(text, "underdog_x_seconds_count") == 5


def test_a_large_counter_is_told_to_the_last_one() -> None:
    traffic = Traffic()
    traffic.settled(row(route="weak", prompt_tokens=123_456_789_012_345))
    assert (
        value(render(traffic.families()), "underdog_tokens_total", source="weak", kind="prompt") == 123_456_789_012_345
    )


async def test_a_live_server_tells_of_its_own_requests(tmp_path: Path) -> None:
    async with (
        ScriptedServer() as weak,
        ScriptedServer(turns=[Turn(status=400)]) as strong,
        routed(tmp_path, weak, strong) as server,
        server.http() as http,
    ):
        for stream in (False, True, False):
            await http.post(PATH, json={"messages": [{"role": "user", "content": EASY}], "stream": stream})
        await http.post(PATH, json={"messages": [{"role": "user", "content": HARD}]})
        await http.get("/v1/no-such-path")
        text = (await http.get("/metrics")).text
    assert value(text, "underdog_turned_away_total", code="unknown_url") == 1
    assert value(text, "underdog_requests_total", source="weak", outcome="ok", status="2xx") == 1
    assert value(text, "underdog_requests_total", source="cache", outcome="ok", status="2xx") == 2
    assert value(text, "underdog_requests_total", source="strong", outcome="error", status="4xx") == 1
    assert value(text, "underdog_errors_total", code="upstream_refused") == 1
    assert value(text, "underdog_first_token_seconds_count", source="cache") == 1
    assert value(text, "underdog_request_seconds_count", source="weak") == 1
    assert value(text, "underdog_request_seconds_sum", source="weak") > 0
    assert value(text, "process_cpu_seconds_total") > 0


@pytest.mark.parametrize(
    "wrong",
    [
        "a 1\n",
        "# HELP a A.\n# TYPE a gauge\na 1",
        "# HELP a A.\n# TYPE a gauge\na 1\na 2\n",
        "# HELP a A.\n# TYPE a counter\na 1\n",
        "# HELP a_total A.\n# TYPE a_total counter\na_total -1\n",
        '# HELP a A.\n# TYPE a gauge\na{b="c"d"} 1\n',
        '# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
        '# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n',
        "# HELP a A.\n# HELP a A.\n# TYPE a gauge\n",
    ],
)
def test_the_reader_itself_refuses_what_is_wrong(wrong: str) -> None:
    with pytest.raises(Wrong):
        read(wrong)


def families(folder: Path) -> Iterator[str]:
    """The names of functions that yield metrics for a scrape."""
    for path in sorted(folder.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.endswith("_families"):
                yield node.name


def test_everything_is_everything(repository: Path) -> None:
    """What the other tests of metrics rest on has every part that a scrape has."""
    status = (repository / "router/http/status.py").read_text(encoding="utf-8")
    here = (Path(__file__).parent / "everything.py").read_text(encoding="utf-8")
    for name in families(repository / "router/http"):
        assert f"{name}(" in status
        assert f"{name}(" in here
