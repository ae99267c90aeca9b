"""Prices, held to the price list's own arithmetic."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import genai_prices
import msgspec
import pytest
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider

from router.errors import SettingsError
from router.ledger.listed import TIER_NAMES, tariff_of
from router.ledger.prices import ModelRef, Prices
from router.settings import load_settings
from router.types import Cost, Usage
from tests.ledger.support import REPOSITORY

USAGE = Usage(prompt_tokens=1000, completion_tokens=200)
GPT_4O = ModelRef("openai", "gpt-4o")
PRICES = Prices()
price, cost, preload = PRICES.price, PRICES.cost, PRICES.preload


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


TIERS = (None, "flex", "priority", "batch", "fast", "default", "made-up")


def some_usage(chance: random.Random, *, answers: bool, speech: bool) -> Usage:
    """Tokens of every kind, at the lengths where prices change. Which of spoken ones were cached, nobody tells."""
    prompt = chance.choice([0, 1, 999, 127_999, 128_001, 200_000, 200_001, 272_001, 300_000])
    completion = chance.choice([0, 1, 777, 9999]) if answers else 0
    cached = 0 if speech else chance.randint(0, prompt)
    written = 0 if speech else chance.randint(0, prompt - cached)
    reasoning = 0 if speech else chance.randint(0, completion)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        cache_written_tokens=written,
        cache_written_1h_tokens=chance.randint(0, written),
        reasoning_tokens=reasoning,
        prompt_audio_tokens=chance.randint(0, prompt) if speech else 0,
        completion_audio_tokens=chance.randint(0, completion) if speech else 0,
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_listed_model_costs_what_the_price_list_itself_computes(seed: int) -> None:
    chance = random.Random(seed)
    compared = special = 0
    for provider, model in listed_models():
        moment = datetime(2026, chance.randrange(6, 13), 3, chance.randrange(24), 30, tzinfo=UTC)
        tariff = tariff_of(model)
        tier = chance.choice([variant.tier for variant in tariff.variants] * 3 or TIERS)
        rates = tariff.at(moment, tier)
        if rates is None:
            continue
        usage = some_usage(chance, answers=rates.completion is not None, speech=seed == 3)
        theirs = genai_prices.Usage(
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            cache_read_tokens=usage.cached_tokens,
            cache_write_tokens=usage.cache_written_tokens,
            cache_write_1h_tokens=usage.cache_written_1h_tokens,
            output_reasoning_tokens=usage.reasoning_tokens,
            input_audio_tokens=usage.prompt_audio_tokens,
            output_audio_tokens=usage.completion_audio_tokens,
        )
        context = dict.fromkeys(TIER_NAMES, tier) if tier else None
        expected = model.calc_price(theirs, provider, genai_request_timestamp=moment, price_context=context).total_price
        assert rates.amount(usage) == expected, f"{provider.id} {model.id} {tier} {usage}"
        compared += 1
        special += rates != tariff.at(moment)
    assert compared > 1500
    assert special > 10


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
    assert weak == Cost(Decimal(0), Decimal("0.0045"), uncertain_usd=Decimal("0.002"))
    assert weak.saved_usd == Decimal("0.0045")


def test_the_strong_model_saves_nothing_even_with_cached_tokens() -> None:
    usage = Usage(prompt_tokens=1000, completion_tokens=200, cached_tokens=900)
    assert cost(usage, GPT_4O, GPT_4O).saved_usd == Decimal(0)


def test_the_cached_tokens_of_another_model_give_the_baseline_no_discount() -> None:
    usage = Usage(prompt_tokens=1000, completion_tokens=200, cached_tokens=900)
    assert cost(usage, ModelRef("local", "smollm2"), GPT_4O).baseline_usd == Decimal("0.0045")


def test_an_answer_from_the_cache_costs_nothing_and_saves_the_strong_price() -> None:
    assert cost(USAGE, None, GPT_4O) == Cost(Decimal(0), Decimal("0.0045"), uncertain_usd=Decimal("0.002"))


def test_the_strong_models_own_answer_leaves_nothing_uncertain_in_the_baseline() -> None:
    assert cost(USAGE, GPT_4O, GPT_4O) == Cost(Decimal("0.0045"), Decimal("0.0045"), uncertain_usd=Decimal(0))
    assert cost(USAGE, None, GPT_4O, by_baseline=True).uncertain_usd == Decimal(0)


def test_without_a_strong_model_the_baseline_is_unknown() -> None:
    nothing = cost(USAGE, ModelRef("local", "smollm2"), None)
    assert (nothing.baseline_usd, nothing.saved_usd) == (None, None)


def imported_after(statement: str) -> bool:
    script = (
        f"import sys; from router.ledger.prices import *; Prices().{statement}; print('genai_prices' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )
    return result.stdout.strip() == "True"


def test_the_price_list_is_not_loaded_before_a_price_is_asked_for() -> None:
    assert not imported_after("preload([ModelRef('local', 'smollm2')])")
    assert imported_after("preload([ModelRef('openai', 'gpt-4o')])")


def test_preloading_unknown_models_is_harmless() -> None:
    preload([ModelRef("nowhere", "nothing"), ModelRef(None, "nothing"), GPT_4O])


def priced(*entries: dict[str, Any]) -> Prices:
    """The operator's prices, read as a settings file is."""
    return Prices(load_settings(flags={"prices": list(entries)}, environ={}).prices)


def test_the_operators_own_prices_stand_above_the_list() -> None:
    own = priced({"model": "openai/gpt-4o", "input": 1.1, "output": 3})
    assert own.price("openai", "gpt-4o", USAGE) == 1000 * Decimal("0.0000011") + 200 * Decimal("0.000003")
    assert own.price("azure", "gpt-4o", USAGE) == PRICES.price("azure", "gpt-4o", USAGE)
    assert own.price("openai", "gpt-4o-mini", USAGE) == PRICES.price("openai", "gpt-4o-mini", USAGE)


def test_an_own_price_is_exact_to_the_last_digit_as_it_is_written() -> None:
    own = priced({"model": "*", "input": 0.1, "output": "0.123456789012345678"})
    assert own.price("openai", "x", Usage(prompt_tokens=1)) == Decimal("1E-7")
    assert own.price("openai", "x", Usage(completion_tokens=1)) == Decimal("1.23456789012345678E-7")


def test_own_prices_know_kinds_of_tokens_lengths_of_prompts_and_requests() -> None:
    own = priced(
        {
            "model": "local/*",
            "input": 1,
            "output": 2,
            "cached_input": 0.5,
            "cache_write": 3,
            "reasoning": 4,
            "per_request": 0.001,
            "tiers": [{"above": 1000, "input": 10}],
        }
    )
    usage = Usage(
        prompt_tokens=1000, completion_tokens=100, cached_tokens=300, cache_written_tokens=200, reasoning_tokens=50
    )
    short = (500 * 1 + 300 * Decimal("0.5") + 200 * 3 + 50 * 2 + 50 * 4) / Decimal(1_000_000) + Decimal("0.001")
    assert own.price("local", "llama", usage) == short
    longer = msgspec.structs.replace(usage, prompt_tokens=1001)
    assert own.price("local", "llama", longer) == short + (501 * 10 - 500 * 1) / Decimal(1_000_000)


def test_a_local_model_costs_what_the_operator_says() -> None:
    own = priced({"model": "local/*", "input": 0.02, "output": 0.1})
    assert own.price("local", "smollm2", USAGE) == Decimal("0.00004")
    assert cost_of(own).usd == Decimal("0.00004")


def cost_of(prices: Prices) -> Cost:
    return prices.cost(USAGE, ModelRef("local", "smollm2"), GPT_4O)


def test_a_discount_is_taken_off_the_lists_price_or_the_entrys_own() -> None:
    own = priced(
        {"model": "openai/gpt-4o-mini", "input": 1, "output": 1, "discount": 0.5},
        {"model": "openai/*", "discount": 0.2},
    )
    assert own.price("openai", "gpt-4o", USAGE) == Decimal("0.0045") * Decimal("0.8")
    assert own.price("openai", "gpt-4o-mini", USAGE) == Decimal("0.0006")
    assert own.price("openai", "gpt-of-my-dreams", USAGE) is None, "a discount on nothing known is not known"
    assert own.price("anthropic", "claude-haiku-4-5", USAGE) == PRICES.price("anthropic", "claude-haiku-4-5", USAGE)


def test_of_own_prices_the_first_that_fits_and_has_begun_counts() -> None:
    own = priced(
        {"model": "house-model", "input": 3, "from": date(2026, 7, 1)},
        {"model": "house-*", "input": 2, "from": "2026-01-01"},
    )
    prompt = Usage(prompt_tokens=1_000_000)
    moments = [datetime(2025, 12, 31, 23, 59, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)]
    moments += [datetime(2026, 6, 30, 23, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)]
    assert [own.price(None, "house-model", prompt, at=at) for at in moments] == [None, 2, 2, 3]
    abroad = datetime(2026, 7, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert own.price(None, "house-model", prompt, at=abroad) == 2, "a day begins in UTC"


def test_without_a_price_for_answers_those_of_own_prices_are_unknown() -> None:
    own = priced({"model": "my-embeddings", "input": 1})
    assert own.price(None, "my-embeddings", Usage(prompt_tokens=1)) == Decimal("0.000001")
    assert own.price(None, "my-embeddings", USAGE) is None


def test_a_service_tier_has_a_price_of_its_own() -> None:
    flex = msgspec.structs.replace(USAGE, service_tier="flex")
    plain = price("openai", "gpt-5", USAGE)
    assert plain is not None
    assert price("openai", "gpt-5", flex) == plain / 2
    assert price("openai", "gpt-5", msgspec.structs.replace(USAGE, service_tier="default")) == plain
    assert price("openai", "gpt-5", msgspec.structs.replace(USAGE, service_tier="a-new-one")) == plain
    own = priced({"model": "gpt-5", "input": 1, "output": 0, "service_tier": "flex"})
    assert (own.price("openai", "gpt-5", USAGE), own.price("openai", "gpt-5", flex)) == (plain, Decimal("0.001"))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"model": "x"}, "says nothing"),
        ({"model": "x", "output": 1}, "'x': 'output' needs 'input'"),
        ({"model": "x", "tiers": [{"above": 1, "input": 1}]}, "'tiers' needs 'input'"),
        ({"model": "x", "input": -1}, "'input' is US dollars"),
        ({"model": "x", "input": "NaN"}, "'input' is US dollars"),
        ({"model": "x", "input": "1e999999"}, "'input' is US dollars"),
        ({"model": "x", "discount": 20}, "a share from 0 to 1"),
        ({"model": "x", "input": 1, "tiers": [{"above": 0, "input": 1}]}, "above"),
        ({"model": "x", "inputs": 1}, "did you mean 'input'?"),
        ({"model": "x", "input": 1, "from": "soon"}, "from"),
        ({"input": 1}, "'model' is required"),
    ],
)
def test_a_price_that_cannot_be_meant_is_refused_by_its_place(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match="prices") as refused:
        priced(entry)
    assert said in str(refused.value)
