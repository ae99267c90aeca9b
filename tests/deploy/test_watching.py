"""The dashboard and the alerts ask for what ``GET /metrics`` really gives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from router.types import LedgerRow
from tests.deploy import promql
from tests.metrics.everything import exposition
from tests.metrics.exposition import Metric, read

FROM_PROMETHEUS = {"instance", "job", "le"}
"""Labels that Prometheus adds; and that of a histogram's buckets."""


@pytest.fixture(scope="module")
def metrics() -> dict[str, Metric]:
    rows = [LedgerRow(request_id="r", at=datetime.now(UTC), tenant="", route="weak", status=502, error_code="x")]
    return read(exposition(rows))


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    repository = Path(__file__).resolve().parents[2]
    return dict(json.loads((repository / "deploy/grafana/underdog.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    repository = Path(__file__).resolve().parents[2]
    groups = yaml.safe_load((repository / "deploy/prometheus/alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def require_given(query: str, metrics: dict[str, Metric]) -> None:
    """All that a query names is there."""
    names, labels = promql.read(query)
    assert names, query
    families = {}
    for name in names:
        family = name if name in metrics else re.sub(r"_(bucket|sum|count)$", "", name)
        assert family in metrics, f"{name} in {query}"
        families[family] = metrics[family]
        assert name in {full for full, _ in metrics[family].samples}, query
    known = set().union(*(metric.labels for metric in families.values())) | FROM_PROMETHEUS
    assert labels <= known, f"{labels - known} in {query}"


def test_every_query_of_the_dashboard_reads_metrics_that_there_are(
    dashboard: dict[str, Any], metrics: dict[str, Metric]
) -> None:
    for query in queries(dashboard):
        require_given(query.replace("$__rate_interval", "5m"), metrics)


def test_every_query_is_of_the_chosen_servers(dashboard: dict[str, Any]) -> None:
    for query in queries(dashboard):
        names, _ = promql.read(query)
        assert query.count('instance=~"$instance"') >= len(names), query


def test_the_dashboard_can_be_imported_beside_any_other(dashboard: dict[str, Any]) -> None:
    assert dashboard["id"] is None
    assert (dashboard["uid"], dashboard["title"]) == ("underdog", "Underdog")
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            continue
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["description"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references))
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


def test_no_panel_lies_on_another(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_alert_reads_metrics_that_there_are(rules: list[dict[str, Any]], metrics: dict[str, Metric]) -> None:
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        require_given(rule["expr"], metrics)
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "description"}


def test_an_alert_names_no_label_that_its_query_has_aggregated_away(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        _, labels = promql.read(rule["expr"])
        told = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", told)) <= labels, rule["alert"]


@pytest.mark.parametrize("wrong", ["sum(rate(a[5m])", "summ(a)", 'sum by (x) (a{b="c"}'])
def test_the_reader_of_queries_refuses_what_is_wrong(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^(brackets of|\w+ in) "):
        promql.read(wrong)


def test_the_reader_of_queries_finds_metrics_and_labels() -> None:
    query = 'histogram_quantile(0.5, sum by (le, source) (rate(a_bucket{b=~"c|d"}[5m]))) / (e offset 1w or vector(0))'
    assert promql.read(query) == ({"a_bucket", "e"}, {"le", "source", "b"})
