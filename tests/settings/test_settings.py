"""Where settings come from, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from router.configured.secret import Secret
from router.errors import SettingsError
from router.principals import Budget, Limits
from router.settings import FIELDS, load_settings


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text("port = 1\nthreshold = 0.1\nconnect_timeout_s = 9\n")
    environ = {"UNDERDOG_PORT": "2", "UNDERDOG_THRESHOLD": "0.2"}
    settings = load_settings(flags={"port": 3, "threshold": None}, environ=environ, config=config)
    assert (settings.port, settings.threshold, settings.connect_timeout_s) == (3, 0.2, 9.0)
    assert settings.host == "127.0.0.1"


def test_the_file_named_in_the_environment_is_read(tmp_path: Path) -> None:
    config = tmp_path / "other.toml"
    config.write_text('weak_url = "http://127.0.0.1:1/v1"\n')
    assert load_settings(environ={"UNDERDOG_CONFIG": str(config)}).weak_url == "http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"UNDERDOG_THRESHOLD": "3"}, "UNDERDOG_THRESHOLD"),
        ({"UNDERDOG_PORT": "http"}, "UNDERDOG_PORT"),
        ({"UNDERDOG_CACHE": "perhaps"}, "UNDERDOG_CACHE"),
        ({"UNDERDOG_CONFIG": "no-such-file.toml"}, "no-such-file.toml"),
    ],
)
def test_a_wrong_value_is_named_with_its_origin(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load_settings(environ=environ)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"UNDERDOG_THRESHOLD": "7"}, "must be a number from 0 to 1, not '7'"),
        ({"UNDERDOG_PORT": "abc"}, "must be a whole number from 0 to 65535, not 'abc'"),
        ({"UNDERDOG_CACHE_TTL_S": "-1"}, "must be a number above 0"),
        ({"UNDERDOG_CACHE": "perhaps"}, "must be true or false"),
        ({"UNDERDOG_DEPLOYMENTS": '{"route": "weak"}'}, r"is a list; write \[\[deployments\]\] above each record"),
        ({"UNDERDOG_CONTEXT_FALLBACKS": "strong"}, r'must be JSON, such as \["a", "b"\]'),
    ],
)
def test_a_wrong_value_is_answered_with_what_is_allowed(environ: dict[str, str], expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        load_settings(environ=environ)


def test_a_misspelt_variable_is_pointed_out(caplog: pytest.LogCaptureFixture) -> None:
    load_settings(environ={"UNDERDOG_THRESHHOLD": "0.4", "UNDERDOG_SERVICE_HOST": "10.0.0.1"})
    assert [record.getMessage() for record in caplog.records] == [
        "UNDERDOG_THRESHHOLD is no setting and has no effect; did you mean UNDERDOG_THRESHOLD?"
    ]


def test_an_unknown_setting_in_the_file_is_named(tmp_path: Path) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text("treshold = 0.5\n")
    with pytest.raises(SettingsError, match="'treshold'; did you mean 'threshold'"):
        load_settings(environ={}, config=config)


def test_settings_may_be_written_in_groups(tmp_path: Path) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text("port = 1\ncache.max_wrong = 0.02\n[embedded]\nthreads = 3\n")
    settings = load_settings(environ={}, config=config)
    assert (settings.port, settings.cache_max_wrong, settings.embedded_threads) == (1, 0.02, 3)
    config.write_text("[cache]\nmax_wrng = 0.5\n")
    with pytest.raises(SettingsError, match="'cache_max_wrng'; did you mean 'cache_max_wrong'"):
        load_settings(environ={}, config=config)


def test_the_error_budget_may_be_turned_off_by_a_word() -> None:
    assert load_settings(environ={"UNDERDOG_CACHE_MAX_WRONG": "off"}).cache_max_wrong == 0
    assert load_settings(environ={}).cache_max_wrong == 0.01


@pytest.mark.parametrize("value", ["0.51", "-0.01", "nan", "on", "1e9"])
def test_an_error_budget_beyond_a_half_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match=r"UNDERDOG_CACHE_MAX_WRONG: must be a number from 0 to 0\.5 or 'off'"):
        load_settings(environ={"UNDERDOG_CACHE_MAX_WRONG": value})


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ('[[deployments]]\nname = "eu"\nroute = "wek"', "deployments: 'eu': route: must be one of named, strong, weak"),
        ('[[deployments]]\nroute = "weak"\nmodle = "x"', "number 1: unknown field 'modle'; did you mean 'model'?"),
        ('[[rules]]\nname = "a"\nwhen = { regx = "x" }\nthen = {}', "rules: 'a': when: unknown field 'regx'; did you"),
        ('[[rules]]\nname = "a"\nthen = { cash = 1, zzz = 2 }', "rules: 'a': then: unknown field 'cash'; did you mean"),
        ('[[rules]]\nname = "a"\nthen = { zzz = 2 }', "'zzz'; known are cache, max_threshold, min_threshold, model"),
        (
            '[[rules]]\nname = "a"\nwhen = { min_tokens = -1 }\nthen = {}',
            "rules: 'a': when.min_tokens: must be at least 0",
        ),
        ('[[rules]]\nthen = { route = "weak" }', "rules: number 1: 'name' is required."),
        ('[rules]\nname = "a"', "rules: is a list; write [[rules]] above each record"),
        (
            '[[catalogue]]\nmodel = "m"\ncontext = "long"',
            "catalogue: 'm': context: must be a whole number, not a text.",
        ),
        ("[aliases]\na = [1]", "aliases: must be a text, not a whole number."),
        ('context_fallbacks = "strong"', 'context_fallbacks: must be JSON, such as ["a", "b"]'),
    ],
)
def test_a_table_that_cannot_be_read_is_told_by_entry_field_and_remedy(
    toml: str, expected: str, tmp_path: Path
) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text(toml)
    with pytest.raises(SettingsError) as raised:
        load_settings(environ={}, config=config)
    assert expected in str(raised.value)


def test_broken_toml_is_said_to_be_broken(tmp_path: Path) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text("port = \n")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings(environ={}, config=config)


def test_the_server_does_not_listen_to_the_world_without_a_key() -> None:
    with pytest.raises(SettingsError, match="UNDERDOG_API_KEY"):
        load_settings(environ={"UNDERDOG_HOST": "0.0.0.0"})
    settings = load_settings(environ={"UNDERDOG_HOST": "0.0.0.0", "UNDERDOG_API_KEY": "k"})
    assert settings.api_key is not None


def test_a_secret_does_not_show_itself() -> None:
    settings = load_settings(environ={"UNDERDOG_STRONG_API_KEY": "sk-very-secret"})
    shown = (
        f"{settings} {settings!r} {settings.strong_api_key} {settings.strong_api_key!r} {settings.strong_api_key:>9}"
    )
    assert "sk-very-secret" not in shown
    assert isinstance(settings.strong_api_key, Secret)
    assert settings.strong_api_key.reveal() == "sk-very-secret"


@pytest.mark.parametrize("value", ['["marked"]', "12345", "true"])
@pytest.mark.parametrize("name", ["api_key", "strong_api_key", "embeddings_api_key"])
def test_a_key_of_the_wrong_type_is_refused_without_being_shown(tmp_path: Path, name: str, value: str) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text(f"{name} = {value}")
    with pytest.raises(SettingsError, match=f"{name}: must be text in quotes, not ") as refused:
        load_settings(config=config, environ={})
    assert value.strip('[]"') not in str(refused.value)
    assert "marked" not in str(refused.value)


def test_every_setting_has_a_sentence() -> None:
    for name, field in FIELDS.items():
        assert field.type.__metadata__[-1].description.endswith("."), name


@pytest.mark.parametrize("closing", [{"UNDERDOG_MASTER_KEY": "m" * 16}, {"UNDERDOG_REQUIRE_KEY": "true"}])
def test_a_master_key_or_keys_of_ones_own_let_it_listen_to_the_world_too(closing: dict[str, str]) -> None:
    assert load_settings(environ={"UNDERDOG_HOST": "0.0.0.0", **closing}).closed


def test_a_master_key_that_can_be_guessed_does_not_let_it_listen_to_the_world() -> None:
    assert load_settings(environ={"UNDERDOG_MASTER_KEY": "m"}).closed
    with pytest.raises(SettingsError, match=r"at least 16 characters .*openssl") as said:
        load_settings(environ={"UNDERDOG_HOST": "0.0.0.0", "UNDERDOG_MASTER_KEY": "tiny-secret"})
    assert "tiny-secret" not in str(said.value)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"BUDGET_USD": "NaN"}, "UNDERDOG_BUDGET_USD: must be an amount of dollars"),
        ({"BUDGET_USD": "-1"}, "UNDERDOG_BUDGET_USD: must be an amount of dollars"),
        ({"BUDGET_USD": "1e400"}, "UNDERDOG_BUDGET_USD: must have 12 digits"),
        ({"BUDGET_USD": "lots"}, "UNDERDOG_BUDGET_USD: must be an amount of dollars, such as 25.00, not 'lots'"),
        ({"BUDGET_PERIOD": "year"}, "UNDERDOG_BUDGET_PERIOD: must be one of day, month, week"),
        ({"BUDGET_TIME_ZONE": "../etc/passwd"}, "UNDERDOG_BUDGET_TIME_ZONE: '../etc/passwd' is no time zone"),
        ({"REQUESTS_PER_MINUTE": "0"}, "UNDERDOG_REQUESTS_PER_MINUTE: must be a whole number, 1 or more"),
        ({"API_KEY": "same", "MASTER_KEY": "same"}, "UNDERDOG_MASTER_KEY: is the same as api_key"),
    ],
)
def test_limits_and_budgets_of_the_server_are_sound(environ: dict[str, str], expected: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(environ={f"UNDERDOG_{name}": value for name, value in environ.items()})
    assert expected in str(raised.value)


def test_the_servers_budget_is_exact_from_wherever_it_comes(tmp_path: Path) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text(
        'budget_usd = 0.1\nbudget_period = "day"\nbudget_time_zone = "Europe/Berlin"\ntokens_per_minute = 9'
    )
    settings = load_settings(environ={}, config=config)
    assert settings.budget == Budget(usd=Decimal("0.1"), period="day", time_zone="Europe/Berlin")
    assert load_settings(environ={"UNDERDOG_TOKENS_PER_MINUTE": "9"}).limits == Limits(tokens_per_minute=9)
    exact = load_settings(environ={"UNDERDOG_BUDGET_USD": "0.000000000000000001"})
    assert exact.budget_usd == Decimal("1e-18")
    assert load_settings(environ={}).budget is None


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("port = 1\n\nthreshold = 7\n", "line 3: threshold: must be a number"),
        ('text = """\nthreshold = 1\n"""\nthreshold = 7\n', "line 1: unknown setting 'text'"),
        ('hook = """\nthreshold = 1\n"""\nthreshold = 7\n', "line 4: threshold"),
        ("port = 1\n[cache]\nttl_s = -1\n", "line 3: cache_ttl_s"),
        ("cache.ttl_s = -1\n", "line 1: cache_ttl_s"),
        ("[cache]\n\nmax_wrng = 1\n", "line 3: unknown setting 'cache_max_wrng'"),
        ('[[rules]]\nname = "a"\nthen = {}\n\n[[rules]]\nname = "b"\nthen = { rout = "weak" }\n', "line 5: rules: 'b'"),
        ("port = \n", "at line 1"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_line(toml: str, expected: str, tmp_path: Path) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text(toml)
    with pytest.raises(SettingsError) as raised:
        load_settings(environ={}, config=config)
    assert expected in str(raised.value)


def test_a_share_may_be_written_without_its_zero() -> None:
    settings = load_settings(environ={"UNDERDOG_THRESHOLD": ".771", "UNDERDOG_BUDGET_USD": ".5"})
    assert (settings.threshold, settings.budget_usd) == (0.771, Decimal("0.5"))
    with pytest.raises(SettingsError, match="whole number"):
        load_settings(environ={"UNDERDOG_PORT": ".5"})
