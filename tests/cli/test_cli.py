"""The ``underdog`` command: what it prints, and what it says when it cannot."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from router.cli import main
from router.settings import FIELDS, is_secret, is_table
from tests.live import EASY, HARD


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What whoever runs the tests put in use must not decide here."""
    monkeypatch.setenv("UNDERDOG_HOME", str(tmp_path))


def underdog(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=stdin, prog_name="underdog")


def test_every_setting_but_keys_and_tables_has_a_flag_with_its_variable() -> None:
    shown = underdog("serve", "--help").output
    for name in FIELDS:
        flagless = is_secret(name) or is_table(name)
        flag = re.search(rf"--{name.replace('_', '-')}(?![\w-])", shown)
        assert (flag is not None) is not flagless, name


def test_a_prompt_is_explained() -> None:
    easy, hard = underdog("route", EASY), underdog("route", HARD)
    assert easy.output.startswith("weak: win rate")
    assert hard.output.startswith("strong: win rate")


def test_a_decision_is_also_given_as_json() -> None:
    decision = json.loads(underdog("route", EASY, "--json", "--threshold", "0.01").output)
    assert decision["route"] == "strong"
    assert decision["threshold"] == 0.01
    assert set(decision) == {
        "route",
        "reason",
        "rule",
        "win_rate",
        "threshold",
        "artifact",
        "tokens",
        "unfamiliarity",
        "promise",
        "contributions",
    }


def test_a_prompt_may_come_from_standard_input_whatever_its_bytes() -> None:
    assert underdog("route", "-", stdin=HARD.encode()).output == underdog("route", HARD).output
    assert underdog("route", "-", stdin=b"caf\xe9 \xff").exit_code == 0


@pytest.mark.parametrize("arguments", [["route", ""], ["route", "-"], ["route"], ["serve", "--treshold", "1"]])
def test_wrong_usage_exits_with_2_and_says_where_help_is(arguments: list[str]) -> None:
    result = underdog(*arguments, stdin=b" \n")
    assert result.exit_code == 2
    assert "--help" in result.output


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["route", "hi", "--threshold", "nan"], "--threshold"),
        (["route", "hi", "--threshold", "1.5"], "--threshold"),
        (["route", "hi", "--artifact", "no-such-folder"], "no-such-folder"),
        (["serve", "--port", "http"], "--port"),
        (["serve", "--config", "no-such-file.toml"], "no-such-file.toml"),
        (["serve", "--host", "0.0.0.0"], "UNDERDOG_API_KEY"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(arguments: list[str], named: str) -> None:
    result = underdog(*arguments)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    assert named in result.output


def test_a_port_in_use_is_said_to_be_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = underdog("serve", "--port", port, "--home", str(tmp_path))
    assert result.exit_code == 1
    assert f"127.0.0.1:{port}" in result.output
    assert "--port" in result.output


def test_the_operators_rules_are_part_of_the_explanation(tmp_path: Path) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text(
        '[[rules]]\nname = "german"\nwhen = { language = "de" }\nthen = { route = "strong" }\n'
        '[[rules]]\nname = "no poems"\nwhen = { max_tokens = 12 }\nthen = { refuse = "Say more." }\n'
    )
    german = underdog("route", "Wie heißt die Hauptstadt von Schweden?", "--config", str(config))
    assert german.output.startswith("strong: by the rule german, whatever the win rate")
    short = json.loads(underdog("route", "hi", "--json", "--config", str(config)).output)
    assert short == {"refused": "Say more.", "rule": "no poems"}


@pytest.mark.parametrize(("model", "route"), [("opus", "named"), ("mine", "strong"), ("weak-model", "weak")])
def test_a_rule_in_the_explanation_may_name_what_a_server_could_ask(tmp_path: Path, model: str, route: str) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text(
        f'[[rules]]\nname = "r"\nthen = {{ model = "{model}" }}\n'
        '[aliases]\nmine = "gpt-4.1"\n'
        '[[deployments]]\nroute = "strong"\nmodel = "gpt-4.1"\n'
        '[[deployments]]\nroute = "weak"\nmodel = "weak-model"\n'
    )
    decision = json.loads(underdog("route", "hi", "--json", "--config", str(config)).output)
    assert (decision["route"], decision["rule"]) == (route, "r")
