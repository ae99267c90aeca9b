"""Prometheus's text format 0.0.4, read strictly: https://prometheus.io/docs/instrumenting/exposition_formats/."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)')
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}

Labels = frozenset[tuple[str, str]]


class Wrong(ValueError):
    """What was read is not in the format."""


@dataclass
class Metric:
    """One family: its kind, what it tells, and its samples by full name and labels."""

    kind: str
    about: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)

    @property
    def labels(self) -> set[str]:
        """The names of all labels that a sample has."""
        return {label for _, labels in self.samples for label, _ in labels}


def read(text: str) -> dict[str, Metric]:
    """The metrics of a scrape.

    Raises:
        Wrong: a rule is broken, with the line.
    """
    metrics: dict[str, Metric] = {}
    about: dict[str, str] = {}
    current = ""
    if text and not text.endswith("\n"):
        raise Wrong("the last line does not end")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, told = line.split(" ", 3)
            _require(name not in about and bool(told), line)
            about[name] = told
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            _require(name not in metrics and name in about and kind in _SUFFIXES, line)
            metrics[name], current = Metric(kind, about[name]), name
        else:
            _add(metrics, current, line)
    for name, metric in metrics.items():
        if metric.kind == "histogram":
            _check_histogram(name, metric)
        _require(metric.kind != "counter" or name.endswith("_total"), name)
        _require(metric.kind == "counter" or not name.endswith("_total"), name)
    return metrics


def _add(metrics: dict[str, Metric], current: str, line: str) -> None:
    """A sample belongs to the metric that was announced last, and comes once."""
    match = _SAMPLE.fullmatch(line)
    _require(match is not None and current in metrics, line)
    assert match is not None
    name, written, value = match.groups()
    metric = metrics[current]
    _require(name in {current + suffix for suffix in _SUFFIXES[metric.kind]}, line)
    labels = _labels(written, line)
    _require((name, labels) not in metric.samples, line)
    metric.samples[name, labels] = float(value)
    _require(metric.kind != "counter" or float(value) >= 0, line)


def _labels(written: str | None, line: str) -> Labels:
    labels: dict[str, str] = {}
    rest = written or ""
    while rest:
        match = _LABEL.match(rest)
        _require(match is not None and match[1] not in labels, line)
        assert match is not None
        labels[match[1]] = match[2]
        rest = rest[match.end() :]
    return frozenset(labels.items())


def _check_histogram(name: str, metric: Metric) -> None:
    """Buckets rise up to ``+Inf``, which holds as many as there are."""
    buckets: defaultdict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for (full, labels), value in metric.samples.items():
        if full == f"{name}_bucket":
            bound = dict(labels)["le"]
            rest = frozenset(pair for pair in labels if pair[0] != "le")
            buckets[rest].append((float(bound), value))
    for labels, found in buckets.items():
        counts = [count for _, count in sorted(found)]
        _require(counts == sorted(counts) and max(found)[0] == math.inf, name)
        _require(metric.samples[f"{name}_count", labels] == counts[-1], name)
        _require(f"{name}_sum" in {full for full, same in metric.samples if same == labels}, name)


def _require(holds: bool, where: str) -> None:
    if not holds:
        raise Wrong(where)
