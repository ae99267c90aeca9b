"""The provider table: every row must hold up by itself."""

import re
from urllib.parse import urlsplit

import pytest
from genai_prices.data_snapshot import get_snapshot

from router.errors import SettingsError
from router.upstream.connect import require_usable
from router.upstream.provider_table import OTHER_NAMES
from router.upstream.providers import (
    PROVIDERS,
    Provider,
    discover,
    is_local,
    known_provider,
    provider_at,
    provider_called,
    split_model,
)

EACH = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.id)
FILLED = {
    "AWS_REGION": "eu-west-1",
    "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com/",
    "CLOUDFLARE_ACCOUNT_ID": "abc",
    "DATABRICKS_HOST": "mine.cloud.databricks.com",
    "OPENAI_API_VERSION": "2024-10-21",
    "SNOWFLAKE_ACCOUNT": "org-mine",
}


def called(name: str) -> Provider:
    provider = provider_called(name)
    assert provider is not None
    return provider


def test_there_are_more_than_thirty_in_the_cloud() -> None:
    assert sum(not provider.local for provider in PROVIDERS) > 30


def test_no_id_no_other_name_and_no_host_stands_for_two() -> None:
    ids = [provider.id for provider in PROVIDERS]
    assert len(ids) == len(set(ids))
    assert not set(ids) & set(OTHER_NAMES)
    assert set(OTHER_NAMES.values()) <= set(ids)
    hosts = [provider.host for provider in PROVIDERS if provider.host and not provider.local]
    assert len(hosts) == len(set(hosts))


@EACH
def test_a_row_is_sound(provider: Provider) -> None:
    url = provider.url(FILLED, "m")
    require_usable(url, provider.id)
    assert provider.id == provider.id.lower()
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]+", variable) for variable in provider.key_variables)
    assert is_local(url) is provider.local
    assert urlsplit(url).scheme == ("http" if provider.local else "https")
    assert not url.endswith("/")
    assert "{" not in url
    assert provider.local or provider.key_variables


@EACH
def test_the_price_list_knows_a_provider_or_the_row_says_that_it_does_not(provider: Provider) -> None:
    priced = {listed.id for listed in get_snapshot().providers}
    assert (provider.price_id in priced) is (provider.priced and not provider.local)


def test_keys_are_looked_for_in_the_order_in_which_they_always_were() -> None:
    found = ["openai", "openrouter", "anthropic", "google", "mistral", "deepseek", "x-ai", "groq", "cerebras"]
    assert [provider.id for provider in PROVIDERS if provider.strong_model] == [*found, "together", "fireworks"]


def test_a_key_that_is_there_for_other_purposes_finds_nobody() -> None:
    general = {variable: "k" for provider in PROVIDERS if provider.shared_key for variable in provider.key_variables}
    assert {"GITHUB_TOKEN", "HF_TOKEN"} <= set(general)
    assert discover(general) is None


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("azure", "https://mine.openai.azure.com/openai/v1"),
        ("azure-dated", "https://mine.openai.azure.com/openai/deployments/my%2Fm?api-version=2024-10-21"),
        ("bedrock", "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1"),
        ("databricks", "https://mine.cloud.databricks.com/serving-endpoints"),
    ],
)
def test_variables_in_a_url_are_filled_in(name: str, url: str) -> None:
    assert called(name).url(FILLED, "my/m") == url


def test_a_variable_that_is_missing_is_named() -> None:
    with pytest.raises(SettingsError, match="'cloudflare' needs CLOUDFLARE_ACCOUNT_ID"):
        called("cloudflare").url({})


def test_providers_go_by_other_names_in_any_case() -> None:
    assert called("Gemini").id == "google"
    assert called("XAI").id == "x-ai"
    assert provider_called("nobody") is None


def test_a_misspelt_provider_gets_a_hint() -> None:
    with pytest.raises(SettingsError, match="here: unknown provider 'gorq'; did you mean 'groq'"):
        known_provider("gorq", "here")


def test_a_model_may_be_named_with_its_provider() -> None:
    provider, model = split_model("groq/openai/gpt-oss-120b") or (None, "")
    assert provider is called("groq")
    assert model == "openai/gpt-oss-120b"
    assert split_model("gpt-4o") is None
    assert split_model("groq/") is None
    assert split_model("nobody/m") is None


def test_a_url_of_ones_own_machine_tells_no_provider() -> None:
    assert provider_at("http://localhost:11434/v1") is None
    assert provider_at("https://api.groq.com/openai/v1") is called("groq")
