"""``underdog init --from litellm``: what moves, what is told, and that a server starts with what is written."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from router.cli import main
from router.settings import load_settings
from router.upstream.scripted import ScriptedServer
from tests.live import live_server

SECRETS = ("sk-a-key-in-the-file-1", "sk-lf-of-nobody", "a-password-of-redis", "a-password-of-postgres", "sk-1234")
KEYS = {"THOROUGH_API_KEY": "k1", "SECOND_KEY": "k2", "AZURE_EU_KEY": "k3", "ANTHROPIC_API_KEY": "k4"}
MASTER = "a-master-key-of-sixteen-signs-and-more"


def init(source: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", "--from", "litellm", str(source), *arguments], prog_name="underdog")


def told(source: Path, *arguments: str) -> Any:
    result = init(source, "--json", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def config(text: str) -> Path:
    path = Path("config.yaml")
    path.write_text(text, encoding="utf-8")
    return path


def fixture(repository: Path, weak: str = "http://127.0.0.1:1/v1", strong: str = "http://127.0.0.1:2/v1") -> Path:
    text = (repository / "tests/cli/elsewhere/litellm.yaml").read_text(encoding="utf-8")
    return config(text.replace("WEAK_URL", weak).replace("STRONG_URL", strong))


def remark(report: Any, key: str) -> Any:
    (found,) = [each for each in report["remarks"] if each["key"] == key]
    return found


PAIR = """
model_list:
  - model_name: small
    litellm_params: {model: openai/gpt-4.1-nano}
  - model_name: big
    litellm_params: {model: openai/gpt-4.1}
"""


async def test_a_server_starts_with_what_is_written_and_answers_the_old_names(repository: Path, tmp_path: Path) -> None:
    async with ScriptedServer(model="qwen-small") as weak, ScriptedServer(model="big-model") as strong:
        result = init(fixture(repository, weak.base_url, strong.base_url))
        assert result.exit_code == 0, result.output
        environ = {**KEYS, "UNDERDOG_MASTER_KEY": MASTER}
        async with live_server(
            tmp_path / "home", "--config", str(tmp_path / "underdog.toml"), environ=environ
        ) as server:
            client = server.client(api_key=MASTER)
            ask: list[Any] = [{"role": "user", "content": "Good morning!"}]
            for name, route in (("quick", "weak"), ("cheap", "weak"), ("thorough", "strong"), ("gpt-4", "strong")):
                raw = await client.chat.completions.with_raw_response.create(model=name, messages=ask)
                assert raw.headers["x-router-route"] == route, name
            raw = await client.chat.completions.with_raw_response.create(model="auto", messages=ask)
            assert raw.headers["x-router-reason"] not in {"pinned", "not-pinned"}
            vectors = await client.embeddings.create(model="embed-small", input="words", encoding_format="float")
            assert vectors.data
            names = {model.id async for model in client.models.list()}
            assert {"quick", "thorough", "eu", "claude", "gpt-4", "cheap"} <= names
            async with server.http() as stranger:
                assert (await stranger.get("/v1/models")).status_code == 401
        assert weak.chats
        assert strong.chats


def test_what_has_an_equivalent_moves(repository: Path) -> None:
    init(fixture(repository))
    settings = load_settings(config=Path("underdog.toml"), environ={})
    weak, one, two, azure, claude = settings.deployments
    assert (weak.route, weak.provider, weak.model, weak.api_key_env) == ("weak", "vllm", "qwen-small", ())
    assert (weak.total_timeout_s, weak.first_token_timeout_s) == (90, 20)
    assert (one.route, one.name, one.weight, one.max_concurrent) == ("strong", "thorough-one", 2, 40)
    assert (two.api_key_env, two.weight) == (("SECOND_KEY",), 1)
    assert (azure.provider, azure.url) == ("azure", "https://eu.openai.example.com/openai/v1")
    assert (claude.route, claude.provider, claude.api_key_env) == ("named", "anthropic", ())
    assert settings.port == 4000
    assert (settings.retries, settings.total_timeout_s) == (4, 300)
    assert (settings.breaker_failures, settings.breaker_open_s) == (3, 30)
    assert (settings.cache, settings.cache_semantic, settings.cache_ttl_s) == (True, False, 600)
    assert (settings.redis_prefix, settings.budget_usd, settings.budget_period) == ("ours", 250, "month")
    assert settings.context_fallbacks == ("strong", "claude-sonnet-5-5")
    assert settings.max_concurrent_requests == 200
    assert settings.ledger_keep_days == 30
    (price,) = settings.prices
    assert (price.model, price.input, price.output) == ("big-model", 10, 30)


def test_no_secret_of_the_file_is_printed_or_written(repository: Path) -> None:
    source = fixture(repository)
    shown = init(source, "--dry-run").output + init(source, "--dry-run", "--json").output + init(source).output
    shown += Path("underdog.toml").read_text(encoding="utf-8")
    assert [secret for secret in SECRETS if secret in shown] == []
    assert stat.S_IMODE(Path("underdog.toml").stat().st_mode) == 0o644


def test_a_server_that_had_a_master_key_is_closed_without_it(repository: Path) -> None:
    report = told(fixture(repository))
    assert report["settings"]["require_key"] is True
    assert "16 characters" in remark(report, "general_settings.master_key")["what"]
    (variable,) = [each for each in report["variables"] if each["name"] == "UNDERDOG_MASTER_KEY"]
    assert variable == {
        "name": "UNDERDOG_MASTER_KEY",
        "why": "the key that administers keys and teams",
        "required": False,
        "is_set": False,
        "was": None,
    }


def test_what_has_no_equivalent_is_told_with_its_line(repository: Path) -> None:
    source = fixture(repository)
    lines = source.read_text(encoding="utf-8").splitlines()
    report = told(source)
    for each in report["remarks"]:
        last = each["key"].rpartition(".")[2].partition("[")[0]
        assert last in lines[each["line"] - 1] or "model_name" in lines[each["line"] - 1], each
    assert "any-llm:bedrock" in remark(report, "model_list[5]")["what"]
    assert remark(report, "general_settings.some_new_setting")["what"] == "Underdog has nothing like it"
    assert "GET /metrics" in remark(report, "litellm_settings.callbacks")["what"]
    printed = init(source, "--force").output
    assert f"config.yaml:{remark(report, 'guardrails')['line']}  guardrails:" in printed


def test_every_entry_moves_or_is_told(repository: Path) -> None:
    """Nothing is passed over in silence: what was not taken over has a remark."""
    text = fixture(repository).read_text(encoding="utf-8")
    added = (
        text.replace("  some_new_setting: 1", "  some_new_setting: 1\n  deep: {er: {still: 2}}")
        + "unheard_of: [1, 2]\n"
    )
    keys = {each["key"] for each in told(config(added))["remarks"]}
    assert {"general_settings.deep", "unheard_of"} <= keys


def test_a_section_of_which_nothing_moves_is_told_part_by_part() -> None:
    report = told(config(PAIR + "router_settings: {routing_strategy: least-busy, something: 1}\n"))
    assert "drawn by weight" in remark(report, "router_settings.routing_strategy")["what"]
    assert remark(report, "router_settings.something")["what"] == "Underdog has nothing like it"


def test_the_cheaper_of_two_is_weak_by_the_price_list() -> None:
    report = told(config(PAIR))
    assert (report["weak"], report["strong"]) == ("small", "big")
    assert "price list" in report["because"]


def test_the_models_can_be_named() -> None:
    report = told(config(PAIR), "--weak", "big", "--strong", "none")
    assert (report["weak"], report["strong"]) == ("big", None)
    assert [each["route"] for each in report["settings"]["deployments"]] == ["weak", "named"]
    refused = init(config(PAIR), "--weak", "huge", "--force")
    assert refused.exit_code == 2
    assert "'small', 'big'" in refused.output


def test_names_may_tell_which_is_which_where_prices_do_not() -> None:
    text = PAIR.replace("openai/gpt-4.1-nano", "lm_studio/one").replace("openai/gpt-4.1", "lm_studio/two")
    refused = init(config(text.replace("small", "first").replace("big", "second")))
    assert refused.exit_code == 2
    assert "--weak and --strong" in refused.output
    report = told(config(text.replace("small", "team-small").replace("big", "team-large")))
    assert (report["weak"], report["strong"]) == ("team-small", "team-large")


def test_a_single_model_in_the_cloud_is_the_strong_one_beside_the_embedded_llm() -> None:
    report = told(config("model_list: [{model_name: g, litellm_params: {model: gpt-4.1}}]"))
    assert (report["weak"], report["strong"]) == (None, "g")
    assert report["settings"]["deployments"] == [{"route": "strong", "model": "gpt-4.1", "provider": "openai"}]


def test_another_endpoint_for_the_same_model_is_not_mixed_up_with_the_first() -> None:
    report = told(
        config(PAIR + "  - model_name: big-eu\n    litellm_params: {model: azure/gpt-4.1, api_base: https://eu}\n")
    )
    assert "big-eu" not in report["settings"]["aliases"]
    assert "another endpoint" in remark(report, "model_list[2]")["what"]
    same = told(config(PAIR + "  - model_name: again\n    litellm_params: {model: openai/gpt-4.1}\n"), "--force")
    assert same["settings"]["aliases"]["again"] == "gpt-4.1"


def test_words_of_ours_cannot_be_names() -> None:
    report = told(config(PAIR.replace("small", "auto")))
    assert "auto" not in report["settings"]["aliases"]
    assert "ask for 'weak'" in remark(report, "model_list[0].model_name")["what"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ("{model: openai/m, api_base: os.environ/NOT_HERE}", "NOT_HERE, which is not set here"),
        ("{model: openai/m, api_base: 'https://u:hidden@host/v1'}", "credentials"),
        ("{model: openai/m, api_base: elsewhere}", "names a host"),
        ("{model: openai/m, weight: 0}", "without weight"),
        ("{model: azure/, api_base: https://host}", "names no model"),
        ("{model: text-completion-openai/gpt-3.5-turbo-instruct}", "completions of a prompt alone"),
        ("{model: nobody-knows/m}", "does not speak to it"),
        ("{api_base: https://host/v1}", "names no model"),
    ],
)
def test_a_deployment_that_cannot_move_is_left_out_and_told(params: str, said: str) -> None:
    report = told(config(PAIR + f"  - model_name: other\n    litellm_params: {params}\n"))
    assert said in json.dumps(report["remarks"])
    assert "hidden" not in json.dumps(report)
    assert [each["name"] for each in report["variables"]] == ["OPENAI_API_KEY"]
    assert len(report["settings"]["deployments"]) == 2


def test_a_remark_about_a_name_hides_nothing_else_of_its_model() -> None:
    text = PAIR.replace("small", "auto").replace("gpt-4.1-nano}", "gpt-4.1-nano, temperature: 0}")
    assert "callers send it" in remark(told(config(text)), "model_list[0].litellm_params.temperature")["what"]


def test_a_word_for_no_key_is_no_key() -> None:
    text = PAIR.replace("gpt-4.1-nano}", "gpt-4.1-nano, api_key: none}")
    report = told(config(text))
    assert report["settings"]["deployments"][0] == {"route": "weak", "model": "gpt-4.1-nano", "provider": "openai"}
    assert [each["name"] for each in report["variables"]] == ["OPENAI_API_KEY"]


def test_a_variable_that_is_set_gives_an_address_and_of_keys_only_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", "https://llm.example.com/v1")
    monkeypatch.setenv("THE_KEY", "sk-of-nobody")
    params = "{model: openai/m, api_base: os.environ/WHERE, api_key: os.environ/THE_KEY}"
    report = told(config(PAIR + f"  - {{model_name: x, litellm_params: {params}}}\n"))
    assert report["settings"]["deployments"][2] == {
        "route": "named",
        "model": "m",
        "url": "https://llm.example.com/v1",
        "api_key_env": ["THE_KEY"],
    }
    assert "sk-of-nobody" not in json.dumps(report)


def test_a_file_that_is_there_stays_unless_forced() -> None:
    Path("underdog.toml").write_text("port = 9\n")
    refused = init(config(PAIR))
    assert refused.exit_code == 1
    assert "--force" in refused.output
    assert Path("underdog.toml").read_text() == "port = 9\n"
    assert init(config(PAIR), "--dry-run").exit_code == 0
    assert Path("underdog.toml").read_text() == "port = 9\n"
    assert init(config(PAIR), "--force").exit_code == 0
    assert "deployments" in Path("underdog.toml").read_text()


def test_redis_without_a_password_is_written_and_the_routers_settings_count_more() -> None:
    router = "router_settings: {num_retries: 5, redis_host: cache.lan, redis_port: 6380}\n"
    report = told(config(PAIR + "litellm_settings: {num_retries: 1}\n" + router))
    assert report["settings"]["redis_url"] == "redis://cache.lan:6380"
    assert report["settings"]["retries"] == 5


def test_a_cache_that_callers_had_to_ask_for_is_off() -> None:
    cache = "litellm_settings: {cache: true, cache_params: {type: local, mode: default_off}}\n"
    report = told(config(PAIR + cache))
    assert report["settings"]["cache"] is False
    assert "cache = true" in remark(report, "litellm_settings.cache_params.mode")["what"]


def test_numbers_beyond_all_sense_are_told_and_shares_stay_within_reason() -> None:
    report = told(
        config("""
model_list:
  - model_name: strong
    litellm_params: {model: openai/gpt-4.1, weight: 1e-12, timeout: 1e999999}
  - model_name: strong
    litellm_params: {model: openai/gpt-4.1, weight: 1e15}
""")
    )
    assert [each["weight"] for each in report["settings"]["deployments"]] == [1, 1_000_000]
    assert "no number" in remark(report, "model_list[0].litellm_params.timeout")["what"]


HOSTILE = """
model_list:
  - model_name: "one\\e]0;named\\a"
    litellm_params: {model: "openai/a\\u009b2J", api_base: "http://127.0.0.1:9/v1", timeout: 1e999999999,
      rpm: 1e-999999}
  - model_name: "two\\e[2J"
    litellm_params: {model: "openai/b", api_base: "http://127.0.0.1:9/v1", rpm: 1e15, max_parallel_requests: 1e999}
router_settings: {num_retries: 1e999999999, allowed_fails: 1e999999999, cooldown_time: 1e999999999}
litellm_settings: {max_budget: 1, budget_duration: 99999999999999999999d}
general_settings: {maximum_spend_logs_retention_period: 99999999999999999999d, global_max_parallel_requests: 1e99999999}
"""


def test_names_in_a_file_do_not_steer_the_terminal_where_they_are_asked_about() -> None:
    result = CliRunner().invoke(main, ["init", "--from", "litellm", str(config(HOSTILE))], color=True)
    assert result.exit_code == 2
    assert "'one ]0;named '" in result.output
    assert "\x1b" not in result.output


def test_numbers_without_measure_are_told_and_left_out() -> None:
    found = told(config(HOSTILE), "--weak", "one\x1b]0;named\x07", "--strong", "two\x1b[2J")
    assert {name for name in found["settings"] if name not in ("port", "budget_usd")} == {"deployments", "aliases"}
    assert all("total_timeout_s" not in each and "weight" not in each for each in found["settings"]["deployments"])
    unfit = [each["key"] for each in found["remarks"] if "no number that could" in each["what"]]
    assert len(unfit) == 7


def test_a_terminal_is_shown_the_file_without_what_would_steer_it(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    chosen = ("--weak", "one\x1b]0;named\x07", "--strong", "two\x1b[2J", "--dry-run")
    process = subprocess.Popen(
        [sys.executable, "-m", "router", "init", "--from", "litellm", str(config(HOSTILE)), *chosen],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        cwd=tmp_path,
    )
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # how a terminal says that nobody writes to it any more
        while piece := os.read(ours, 4096):
            said += piece
    os.close(ours)
    assert process.wait(timeout=60) == 0
    text = said.decode()
    assert 'model = "a 2J"' in text
    assert not {"\x1b", "\x9b"} & set(text)


def test_logs_that_were_json_stay_json() -> None:
    settings = {
        said: told(config(f"{PAIR}\nlitellm_settings: {{json_logs: {said}}}\n"), "--dry-run")["settings"]
        for said in ("true", "false")
    }
    assert settings["true"]["log_format"] == "json"
    assert "log_format" not in settings["false"]


def test_a_file_without_models_says_that_there_is_no_strong_one_and_nothing_of_a_part_without_a_name() -> None:
    result = init(config("model_list: []\n"), "--dry-run")
    assert result.exit_code == 0, result.output
    assert "routed between the two" not in result.output
    assert "Without a strong model" in result.output
    assert "config.yaml:1  model_list: " in result.output
