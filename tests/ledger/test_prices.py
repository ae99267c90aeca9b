"""Prices, held to the price list's own arithmetic."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider

from router.ledger.prices import ModelRef, _tariff_of, cost, preload, price
from router.types import Cost, Usage
from tests.ledger.support import REPOSITORY

USAGE = Usage(prompt_tokens=1000, completion_tokens=200)
GPT_4O = ModelRef("openai", "gpt-4o")


def test_a_listed_model_costs_its_rates_times_its_tokens() -> None:
    # $2.50 and $10 per million tokens, the published prices.
    assert price("openai", "gpt-4o", USAGE) == Decimal("0.0045")


def test_a_dated_name_is_recognised() -> None:
    assert price("openai", "gpt-4o-2024-08-06", USAGE) == price("openai", "gpt-4o", USAGE)


def test_cached_tokens_are_cheaper_and_counted_within_the_prompt() -> None:
    half_cached = Usage(prompt_tokens=1000, completion_tokens=200, cached_tokens=500)
    assert price("openai", "gpt-4o", half_cached) == Decimal("0.0045") - 500 * Decimal("0.00000125")


def test_tokens_that_are_written_into_a_prompt_cache_cost_more_where_the_provider_says_so() -> None:
    written = Usage(prompt_tokens=1000, cache_written_tokens=400)
    assert price("anthropic", "claude-haiku-4-5", written) == Decimal("0.001") + 400 * Decimal("0.00000025")
    assert price("openai", "gpt-4o", written) == price("openai", "gpt-4o", Usage(prompt_tokens=1000))


def test_more_cached_tokens_than_prompt_are_taken_as_all_cached() -> None:
    nonsense = Usage(prompt_tokens=10, cached_tokens=10_000)
    assert price("openai", "gpt-4o", nonsense) == 10 * Decimal("0.00000125")


def test_a_local_model_costs_nothing() -> None:
    assert price("local", "smollm2-135m", USAGE) == Decimal(0)
    assert isinstance(price("local", "gpt-4o", USAGE), Decimal)


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-of-my-dreams"), ("my-own-cloud", "gpt-4o"), (None, "my-finetune"), ("openai", "")],
)
def test_an_unknown_price_is_none_and_never_zero(provider: str | None, model: str) -> None:
    assert price(provider, model, USAGE) is None


def test_a_model_listed_without_token_prices_is_unknown() -> None:
    assert price("openai", "whisper-1", USAGE) is None


def test_embeddings_have_a_price_for_what_is_read_alone() -> None:
    # $0.02 per million tokens, the published price.
    assert price("openai", "text-embedding-3-small", Usage(prompt_tokens=1000)) == Decimal("0.00002")
    assert price("openai", "text-embedding-3-small", USAGE) is None, "it has no price for completion tokens"


def test_an_unknown_provider_is_priced_as_the_maker_that_the_name_tells() -> None:
    assert price(None, "gpt-4o", USAGE) == price("openai", "gpt-4o", USAGE)
    assert price(None, "claude-sonnet-4-5", USAGE) == price("anthropic", "claude-sonnet-4-5", USAGE)


def test_a_long_prompt_takes_the_higher_tier_for_all_its_tokens() -> None:
    short = price("google", "gemini-2.5-pro", Usage(prompt_tokens=200_000))
    long = price("google", "gemini-2.5-pro", Usage(prompt_tokens=200_001))
    assert (short, long) == (Decimal("0.25"), Decimal("0.5000025"))


def listed_models() -> list[tuple[Provider, ModelInfo]]:
    return [(provider, model) for provider in providers for model in provider.models]


@pytest.mark.parametrize("seed", range(3))
def test_every_listed_model_costs_what_the_price_list_itself_computes(seed: int) -> None:
    chance = random.Random(seed)
    compared = 0
    for provider, model in listed_models():
        moment = datetime(2026, chance.randrange(1, 13), 3, chance.randrange(24), 30, tzinfo=UTC)
        rates = _tariff_of(model).at(moment)
        if rates is None:
            continue
        prompt = chance.choice([0, 1, 999, 127_999, 128_001, 200_000, 200_001, 300_000])
        completion = chance.choice([0, 1, 777, 9999]) if rates.completion else 0
        cached, reasoning = chance.randint(0, prompt), chance.randint(0, completion)
        written = chance.randint(0, prompt - cached)
        usage = Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=cached,
            cache_written_tokens=written,
            reasoning_tokens=reasoning,
        )
        theirs = genai_prices.Usage(
            input_tokens=prompt,
            output_tokens=completion,
            cache_read_tokens=cached,
            cache_write_tokens=written,
            output_reasoning_tokens=reasoning,
        )
        expected = model.calc_price(theirs, provider, genai_request_timestamp=moment).total_price
        assert rates.amount(usage) == expected, f"{provider.id} {model.id} {usage}"
        compared += 1
    assert compared > 1500


def test_a_price_that_varies_over_the_day_follows_the_time_of_the_request() -> None:
    varying = [
        (provider.id, model.id)
        for provider, model in listed_models()
        if isinstance(model.prices, list)
        and any(type(part.constraint).__name__ == "TimeOfDateConstraint" for part in model.prices)
    ]
    assert varying
    for provider, model in varying:
        hours = {price(provider, model, USAGE, at=datetime(2026, 11, 22, hour, tzinfo=UTC)) for hour in range(24)}
        assert len(hours) > 1


def test_cost_sets_the_answer_against_the_strong_model() -> None:
    weak = cost(USAGE, ModelRef("local", "smollm2"), GPT_4O)
    assert weak == Cost(Decimal(0), Decimal("0.0045"))
    assert weak.saved_usd == Decimal("0.0045")


def test_the_strong_model_saves_nothing_even_with_cached_tokens() -> None:
    usage = Usage(prompt_tokens=1000, completion_tokens=200, cached_tokens=900)
    assert cost(usage, GPT_4O, GPT_4O).saved_usd == Decimal(0)


def test_the_cached_tokens_of_another_model_give_the_baseline_no_discount() -> None:
    usage = Usage(prompt_tokens=1000, completion_tokens=200, cached_tokens=900)
    assert cost(usage, ModelRef("local", "smollm2"), GPT_4O).baseline_usd == Decimal("0.0045")


def test_an_answer_from_the_cache_costs_nothing_and_saves_the_strong_price() -> None:
    assert cost(USAGE, None, GPT_4O) == Cost(Decimal(0), Decimal("0.0045"))


def test_without_a_strong_model_the_baseline_is_unknown() -> None:
    nothing = cost(USAGE, ModelRef("local", "smollm2"), None)
    assert (nothing.baseline_usd, nothing.saved_usd) == (None, None)


def imported_after(statement: str) -> bool:
    script = f"import sys; from router.ledger.prices import *; {statement}; print('genai_prices' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )
    return result.stdout.strip() == "True"


def test_the_price_list_is_not_loaded_before_a_price_is_asked_for() -> None:
    assert not imported_after("preload([ModelRef('local', 'smollm2')])")
    assert imported_after("preload([ModelRef('openai', 'gpt-4o')])")


def test_preloading_unknown_models_is_harmless() -> None:
    preload([ModelRef("nowhere", "nothing"), ModelRef(None, "nothing"), GPT_4O])
