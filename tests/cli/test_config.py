"""``underdog config``: where each setting came from, and changes of the file that keep all else in it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from router.cli import main
from router.settings import FIELDS, load_settings

FILE = """\
# the proxy
port = 9000  # not the usual one
threshold = 0.3

[cache]
# how sure it must be
max_wrong = 0.02

[[deployments]]
name = "eu"
route = "strong"
url = "http://127.0.0.1:9/v1"
model = "m"
api_key = "sk-very-secret"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("UNDERDOG_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "underdog.toml"
    path.write_text(FILE)
    return path


def config(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["config", *arguments], input=stdin, prog_name="underdog")


def shown(*arguments: str) -> dict[str, dict[str, object]]:
    rows = json.loads(config("show", "--json", *arguments).output)["settings"]
    return {row["name"]: row for row in rows}


def test_every_setting_says_where_it_came_from(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERDOG_PORT", "9001")
    monkeypatch.setenv("UNDERDOG_STRONG_API_KEY", "sk-of-the-environment")
    rows = shown("--retries", "4")
    assert list(rows) == list(FIELDS)
    place = {name: (row["source"], row["place"], row["line"], row["value"]) for name, row in rows.items()}
    assert place["port"] == ("environment", "UNDERDOG_PORT", None, 9001)
    assert place["threshold"] == ("file", "underdog.toml", 3, 0.3)
    assert place["cache_max_wrong"] == ("file", "underdog.toml", 7, 0.02)
    assert place["deployments"][:3] == ("file", "underdog.toml", 9)
    assert place["retries"] == ("flag", "--retries", None, 4)
    assert place["host"] == ("default", None, None, "127.0.0.1")
    assert place["strong_api_key"][3] == "***"


@pytest.mark.parametrize("arguments", [["show"], ["show", "--json"], ["get", "deployments"], ["get", "api_key"]])
def test_no_secret_is_shown_not_even_one_within_a_table(
    file: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("UNDERDOG_API_KEY", "sk-of-mine")
    result = config(*arguments)
    assert result.exit_code == 0
    assert "***" in result.output
    assert "sk-" not in result.output


def test_a_change_keeps_comments_order_and_the_group_in_which_a_setting_stands(file: Path) -> None:
    assert config("set", "threshold", ".5").exit_code == 0
    assert config("set", "cache.max-wrong", "0.03").exit_code == 0
    assert config("set", "retries", "1").exit_code == 0
    text = file.read_text()
    expected = FILE.replace("0.3", "0.5").replace("max_wrong = 0.02", "max_wrong = 0.03")
    assert text.replace("retries = 1\n", "") == expected
    settings = load_settings(config=file, environ={})
    assert (settings.threshold, settings.cache_max_wrong, settings.retries) == (0.5, 0.03, 1)
    assert config("unset", "retries").exit_code == 0
    assert file.read_text() == expected


def test_tables_words_and_amounts_are_written_as_the_server_reads_them(file: Path) -> None:
    for name, value in {
        "aliases": '{"mine": "strong"}',
        "cache_max_wrong": "off",
        "budget_usd": "12.50",
        "sticky": "false",
        "named_local": '["ollama"]',
        "rules": '[{"name": "r", "then": {"route": "weak"}}]',
    }.items():
        result = config("set", name, value)
        assert result.exit_code == 0, result.output
    settings = load_settings(config=file, environ={})
    assert settings.aliases == {"mine": "strong"}
    assert (settings.cache_max_wrong, str(settings.budget_usd), settings.sticky) == (0, "12.50", False)
    assert settings.named_local == ("ollama",)
    assert settings.rules[0].name == "r"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("treshold", "0.5", "did you mean 'threshold'"),
        ("port", "70000", "port: must be a whole number from 0 to 65535"),
        ("cache_max_wrong", "lots", "must be a number from 0 to 0.5 or 'off'"),
        (
            "rules",
            '[{"name": "r", "then": {"model": "nobody"}}]',
            "rules: 'r': then.model: The model 'nobody' does not",
        ),
        ("strong_url", "http://127.0.0.1:1/v1", "deployments serve the strong route; keep one"),
        ("budget_time_zone", "Mars/Base", "'Mars/Base' is no time zone"),
        ("host", "0.0.0.0", "refusing to listen on 0.0.0.0 without a key"),
        ("aliases", "strong", "must be JSON"),
    ],
)
def test_what_a_server_would_refuse_is_not_written(file: Path, name: str, value: str, said: str) -> None:
    result = config("set", name, value)
    assert result.exit_code == 1
    assert said in result.output
    assert file.read_text() == FILE


def test_what_was_wrong_before_does_not_stand_in_the_way_of_a_change(file: Path) -> None:
    file.write_text('threshold = 0.3\n[[deployments]]\nroute = "strong"\nmodel = "gpt-4.1"\n')
    result = config("set", "threshold", "0.4")
    assert result.exit_code == 0
    assert "still is: underdog.toml, line 2: deployments: 'strong-1' says neither its provider" in result.output
    assert load_settings(config=file, environ={}).threshold == 0.4


def test_a_secret_is_not_taken_from_the_command_line_and_makes_the_file_private(file: Path) -> None:
    file.write_text("port = 9000\n")
    file.chmod(0o644)
    refused = config("set", "master_key", "sk-mine")
    assert refused.exit_code == 2
    assert "command line is visible" in refused.output
    assert "sk-mine" not in refused.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert config("set", "master_key", stdin="sk-mine\n").exit_code == 0
    assert tomllib.loads(file.read_text())["master_key"] == "sk-mine"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_to_the_file_stays_one(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real = file.rename(tmp_path / "elsewhere" / "real.toml")
    file.symlink_to(real)
    assert config("set", "threshold", "0.6").exit_code == 0
    assert file.is_symlink()
    assert load_settings(config=real, environ={}).threshold == 0.6
    assert sorted(path.name for path in real.parent.iterdir()) == ["real.toml"]


def test_without_a_file_one_is_begun(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.unlink()
    assert config("path").output.strip() == str(file)
    assert config("set", "threshold", "0.6").exit_code == 0
    assert file.read_text() == "threshold = 0.6\n"
    monkeypatch.setenv("UNDERDOG_THRESHOLD", "0.9")
    result = config("set", "threshold", "0.7")
    assert "UNDERDOG_THRESHOLD is set, and comes before the file" in result.output
    assert config("get", "threshold").output == "0.9\n"


def test_a_change_is_told_as_json_with_what_counts_by_now(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = json.loads(config("set", "cache.max-wrong", "0.03", "--json").stdout)
    place = {"source": "file", "place": "underdog.toml", "line": 7}
    assert changed == {"name": "cache_max_wrong", "file": str(file), **place, "still_wrong": None}
    monkeypatch.setenv("UNDERDOG_PORT", "9001")
    above = config("unset", "port", "--json")
    assert "UNDERDOG_PORT is set, and comes before the file" in above.stderr
    place = {"source": "environment", "place": "UNDERDOG_PORT", "line": None}
    assert json.loads(above.stdout) == {"name": "port", "file": str(file), **place, "still_wrong": None}
    default = json.loads(config("unset", "threshold", "--json").stdout)
    assert (default["source"], default["place"]) == ("default", None)


def test_a_secret_is_not_in_what_is_told_of_its_change(file: Path) -> None:
    result = config("set", "master_key", "--json", stdin="sk-mine\n")
    assert json.loads(result.stdout)["name"] == "master_key"
    assert "sk-mine" in file.read_text()
    assert "sk-mine" not in result.output


def test_what_is_still_wrong_is_in_what_is_told_of_a_change(file: Path) -> None:
    file.write_text('threshold = 0.3\n[[deployments]]\nroute = "strong"\nmodel = "gpt-4.1"\n')
    result = config("set", "threshold", "0.4", "--json")
    assert (result.exit_code, result.stderr.count("still is: ")) == (0, 1)
    assert json.loads(result.stdout)["still_wrong"] in result.stderr


def test_the_path_as_json_says_whether_there_is_a_file(file: Path) -> None:
    assert json.loads(config("path", "--json").stdout) == {"file": str(file), "exists": True}
    file.unlink()
    assert json.loads(config("path", "--json").stdout) == {"file": str(file), "exists": False}


@pytest.mark.parametrize("name", ["port", "treshold"])
def test_what_the_file_does_not_give_cannot_be_taken_out(file: Path, name: str) -> None:
    file.write_text("threshold = 0.3\n")
    result = config("unset", name)
    assert result.exit_code == 1
    assert file.read_text() == "threshold = 0.3\n"


def test_looking_at_the_settings_loads_neither_the_server_nor_the_writer() -> None:
    heavy = ["numpy", "litestar", "httpx", "tomlkit", "onnxruntime"]
    code = "import sys; from router.cli import main; main(['config', 'path'], standalone_mode=False); "
    code += f"main(['config', 'show'], standalone_mode=False); print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
