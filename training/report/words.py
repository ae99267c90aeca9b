"""What things are called on pages for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

BENCHMARK_NAMES: Mapping[str, str] = {"mt-bench": "MT-Bench", "mmlu": "MMLU", "gsm8k": "GSM8K"}

FAMILY_NAMES: Mapping[str, str] = {
    "chat": "votes on chat prompts",
    "exam": "exam questions",
    "labels": "labels of one's own",
}
"""Kinds of held-out prompts, as the manifest calls them."""


def benchmark_name(name: str) -> str:
    """A benchmark as its authors write it."""
    return BENCHMARK_NAMES.get(name, name)


def percent(share: float, digits: int = 0) -> str:
    """A share of 1 in percent: ``59 %``."""
    return f"{100.0 * share:.{digits}f} %"


def exact_percent(share: float) -> str:
    """A share of 1 in percent, never rounded to none or all: ``0.01 %``, ``99.5 %``."""
    return f"{100.0 * share:.10g} %"


def percent_interval(bounds: Sequence[float]) -> str:
    """An interval of shares in percent: ``51 to 66 %``."""
    low, high = bounds
    return f"{100.0 * low:.0f} to {100.0 * high:.0f} %"


def one_line(text: str, longest: int = 150) -> str:
    """A prompt on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[:longest].rstrip()} ..."


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign: ``+0.59``, ``−1.36``."""
    return f"{value:+.{digits}f}".replace("-", "−")
