"""What asking costs, and the estimate before."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices import Usage, calc_price

from training.label.ask import Endpoint
from training.label.costs import Spent, is_local, price
from training.label.estimate import estimate
from training.label.journal import Asked, Journal
from training.label.questions import Question

OPENAI = "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:11434/v1", True),
        ("http://127.0.0.1/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://192.168.1.7/v1", True),
        ("http://ollama:11434/v1", True),
        ("http://box.lan/v1", True),
        (OPENAI, False),
        ("http://8.8.8.8/v1", False),
    ],
)
def test_urls_of_this_network_are_local(url: str, local: bool) -> None:
    assert is_local(url) is local


def test_prices_are_those_of_the_list() -> None:
    listed = calc_price(Usage(input_tokens=1000, output_tokens=100), "gpt-4o-mini", provider_id="openai").total_price
    assert price(OPENAI, "gpt-4o-mini", 1000, 100) == listed > 0
    assert price("https://proxy.example.com/v1", "gpt-4o-mini", 1000, 100) == listed


def test_local_models_cost_nothing_and_unknown_is_not_nothing() -> None:
    assert price("http://localhost/v1", "whatever", None, None) == 0
    assert price(OPENAI, "no-such-model", 1, 1) is None
    assert price(OPENAI, "gpt-4o-mini", None, 1) is None


def test_a_sum_says_what_it_lacks() -> None:
    spent = Spent()
    assert str(spent) == "$0.0000"
    spent.add(None)
    assert str(spent) == "unknown"
    spent.add(Decimal("0.25"))
    assert str(spent) == "$0.2500 and 1 answers of unknown price"


def test_the_estimate_counts_only_what_is_missing(tmp_path: Path) -> None:
    rows = [Question(key=str(number), prompt="x" * 400, place="", answer="1") for number in range(10)]
    endpoints = {
        "weak": Endpoint(role="weak", url="http://localhost/v1", model="small"),
        "strong": Endpoint(role="strong", url=OPENAI, model="gpt-4o-mini"),
    }
    with Journal(tmp_path / "j", {}) as journal:
        before = estimate(rows, endpoints, journal, max_tokens=1000)
        for number in range(5):
            journal.add(Asked(key=str(number), part="strong", text="a"))
        after = estimate(rows, endpoints, journal, max_tokens=1000)
    assert (before.answers, after.answers) == (20, 15)
    assert before.usual == 2 * after.usual
    assert 0 < before.usual < before.most
    assert not before.free


def test_an_estimate_without_a_price_says_so(tmp_path: Path) -> None:
    endpoints = {"weak": Endpoint(role="weak", url="https://llm.example.com/v1", model="mystery")}
    rows = [Question(key="1", prompt="x", place="", answer="1")]
    with Journal(tmp_path / "j", {}) as journal:
        found = estimate(rows, endpoints, journal, max_tokens=10)
    assert "price of the weak model is unknown" in str(found)
    assert not found.free
