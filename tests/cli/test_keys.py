"""``underdog keys`` and ``underdog teams``, on the database itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from router.accounts import Ring
from router.cli import main
from router.database import open_database
from router.errors import Unauthenticated
from router.settings import Settings
from tests.accounts.support import enter


class Shell:
    """Runs commands on one home folder."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *arguments: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, [*arguments, "--home", str(self.home)], input=typed, env={"COLUMNS": "200"})

    def good(self, *arguments: str, typed: str | None = None) -> str:
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 0, result.output
        return result.stdout

    def read(self, *arguments: str) -> Any:
        return json.loads(self.good(*arguments, "--json"))

    def wrong(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.exit_code in (1, 2), result.output
        assert "Traceback" not in result.output
        return result.output


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home")


def test_a_key_is_printed_once_alone_on_standard_output_and_opens_the_door(shell: Shell) -> None:
    result = shell.run("keys", "create", "--name", "ci")
    text = result.stdout.strip()
    assert text.startswith("sk-ud-")
    assert "this once" in result.stderr
    assert text not in result.stderr
    ring = Ring(open_database(Settings(home=str(shell.home)), "accounts"))
    ring.open()
    assert enter(ring, text).key_id in text
    for arguments in (("list",), ("show", "ci"), ("show", text), ("list", "--json")):
        assert text.rpartition("-")[2] not in shell.good("keys", *arguments)
    fresh = shell.good("keys", "rotate", "ci", "--yes").strip()
    assert enter(ring, fresh)
    with pytest.raises(Unauthenticated):
        enter(ring, text)
    ring.close()


def test_a_form_is_filled_in_by_options(shell: Shell) -> None:
    team = shell.read("teams", "create", "search", "--budget-usd", "1000.10", "--budget-period", "week")
    options = {
        "--team": "search", "--user": "ann", "--threshold": "0.4", "--max-threshold": "0.8", "--budget-usd": "0.1",
        "--budget-time-zone": "Asia/Kathmandu", "--requests-per-minute": "60", "--concurrent-requests": "4",
        "--metadata": '{"a": [0.1, null]}', "--expires": "2099-01-31",
    }  # fmt: skip
    words = [word for pair in options.items() for word in pair]
    key = shell.read("keys", "create", "--model", "auto", "--model", "gpt-*", "--no-budget-pace", *words)
    assert (key["team"], key["user"], key["models"]) == (team["id"], "ann", ["auto", "gpt-*"])
    assert (key["budget_usd"], key["budget_pace"], key["budget_time_zone"]) == ("0.1", False, "Asia/Kathmandu")
    assert (key["metadata"], key["expires_at"]) == ({"a": [0.1, None]}, "2099-01-31T00:00:00Z")
    changed = shell.read("keys", "update", key["id"], "--clear", "expires-at", "--clear", "budget-usd", "--user", "bob",
                         "--clear", "budget-time-zone", "--clear", "budget-pace")  # fmt: skip
    assert (changed["expires_at"], changed["budget_usd"], changed["user"]) == (None, None, "bob")
    assert (changed["requests_per_minute"], changed["models"]) == (60, ["auto", "gpt-*"])


def test_lists_are_tables_for_people_and_pages_for_programs(shell: Shell) -> None:
    shell.good("teams", "create", "search")
    made = [shell.read("keys", "create", "--name", f"k{number}", "--team", "search") for number in range(3)]
    assert "there is none" not in shell.good("keys", "list")
    table = shell.good("keys", "list", "--limit", "2")
    assert "k2" in table
    assert "search" in table
    assert f"--after {made[1]['id']} goes on" in table
    rest = shell.read("keys", "list", "--after", made[1]["id"])
    assert [key["id"] for key in rest["data"]] == [made[0]["id"]]
    shell.good("keys", "update", "k0", "--blocked")
    assert shell.read("keys", "show", "k0")["state"] == "blocked"
    shell.good("keys", "update", "k0", "--no-blocked")
    assert shell.read("keys", "show", "k0")["state"] == "active"
    shell.good("keys", "revoke", "k0", made[1]["key"], "--yes")
    assert [key["name"] for key in shell.read("keys", "list")["data"]] == ["k2"]
    assert [key["state"] for key in shell.read("keys", "list", "--revoked")["data"]] == ["active", "revoked", "revoked"]
    shell.good("teams", "update", "search", "--blocked", "--name", "find")
    assert "blocked" in shell.good("teams", "list")
    assert "Keys revoked with it: 1" in shell.good("teams", "delete", "find", "--yes")
    assert shell.read("teams", "list")["data"] == []
    assert shell.read("teams", "list", "--deleted")["data"][0]["name"] == "find"


def test_a_list_fits_a_terminal_of_80_columns(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shell.good("teams", "create", "search")
    assert shell.good("keys", "list").strip() == "No keys."
    shell.good("keys", "create", "--team", "search", "--user", "ann", "--requests-per-minute", "60", "--expires",
               "2099-01-31", "--budget-usd", "25")  # fmt: skip
    (head, _, row) = [line for line in shell.good("keys", "list").splitlines() if line.strip()]
    assert head.split() == ["id", "team", "user", "state", "limits", "budget", "expires"], "what nobody has is left out"
    assert row.split()[1:] == ["search", "ann", "active", "60/min", "$25", "a", "month", "2099-01-31"]


def test_a_name_of_several_keys_is_answered_with_their_ids(shell: Shell) -> None:
    ids = [shell.read("keys", "create", "--name", "ci")["id"] for _ in range(2)]
    said = shell.wrong("keys", "show", "ci")
    assert all(key_id in said for key_id in ids)


def test_who_deletes_a_team_hears_first_how_many_keys_end(shell: Shell) -> None:
    shell.good("teams", "create", "t")
    assert "It has no keys." in shell.run("teams", "delete", "t", typed="n\n").output
    for said in ("Its key is revoked.", "Its 2 keys are revoked."):
        shell.good("keys", "create", "--team", "t")
        assert said in shell.run("teams", "delete", "t", typed="n\n").output


def test_what_cannot_be_undone_is_asked_about_first(shell: Shell) -> None:
    shell.good("teams", "create", "t")
    key = shell.read("keys", "create", "--team", "t")
    for command in (("keys", "revoke", key["id"]), ("keys", "rotate", key["id"]), ("teams", "delete", "t")):
        assert shell.run(*command, typed="n\n").exit_code == 1
    assert shell.read("keys", "show", key["id"]) == {name: value for name, value in key.items() if name != "key"}
    rotated = json.loads(shell.good("keys", "rotate", key["id"], "--grace", "1h", "--json"))
    assert rotated["previous_until"] is not None
    shell.good("keys", "revoke", key["id"], typed="y\n")
    assert shell.read("keys", "show", key["id"])["state"] == "revoked"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("keys", "create", "--budget-usd", "ten"), "budget_usd"),
        (("keys", "create", "--budget-usd", "-1"), "budget_usd"),
        (("keys", "create", "--budget-period", "day"), "budget_usd"),
        (("keys", "create", "--budget-usd", "1", "--budget-time-zone", "Mars"), "no time zone"),
        (("keys", "create", "--requests-per-minute", str(2**63)), "requests_per_minute"),
        (("keys", "create", "--metadata", "{"), "JSON object"),
        (("keys", "create", "--metadata", "[]"), "metadata"),
        (("keys", "create", "--expires", "soon"), "no time"),
        (("keys", "create", "--expires", "2001-01-01"), "expires_at"),
        (("keys", "create", "--expires", "9e9d"), "no time"),
        (("keys", "create", "--team", "nobody"), "no team 'nobody'"),
        (("keys", "create", "--name", "\x1b[2J"), "name"),
        (("keys", "create", "--name", "\udce9"), "UTF-8"),
        (("keys", "update", "nobody", "--name", "a"), "no key 'nobody'"),
        (("keys", "update", "k"), "Nothing to change"),
        (("keys", "update", "k", "--clear", "nonsense"), "nonsense"),
        (("keys", "update", "k", "--name", "x", "--clear", "name"), "keep one"),
        (("keys", "revoke", "nobody", "--yes"), "no key 'nobody'"),
        (("keys", "revoke"), "Missing argument"),
        (("teams", "create", "taken"), "another team"),
        (("teams", "update", "taken", "--clear", "name"), "name"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(shell: Shell, arguments: tuple[str, ...], said: str) -> None:
    shell.good("teams", "create", "taken")
    shell.good("keys", "create", "--name", "k")
    assert said in shell.wrong(*arguments)


def test_nothing_is_made_where_there_is_only_to_be_read(shell: Shell) -> None:
    for command in (("keys", "list"), ("keys", "show", "x"), ("teams", "list"), ("teams", "show", "x")):
        assert "there is none" in shell.wrong(*command)
    assert not shell.home.exists()


def test_text_of_strangers_does_not_steer_the_terminal(shell: Shell) -> None:
    shell.good("keys", "create", "--name", "a\u202eb[red]c", "--user", "\u200b")
    for command in (("list",), ("show", "a\u202eb[red]c")):
        shown = shell.good("keys", *command)
        assert "a b[red]c" in shown
        assert "\u202e" not in shown


def test_keys_may_be_in_postgres(shell: Shell, postgres_url: str) -> None:
    environ = {"UNDERDOG_DATABASE_URL": postgres_url}
    runner = CliRunner()
    made = runner.invoke(main, ["keys", "create", "--name", "far", "--home", str(shell.home)], env=environ)
    assert made.exit_code == 0, made.output
    listed = runner.invoke(main, ["keys", "list", "--json"], env=environ)
    assert [key["name"] for key in json.loads(listed.stdout)["data"]] == ["far"]
    away = runner.invoke(main, ["keys", "list"], env={"UNDERDOG_DATABASE_URL": "postgresql://u:hushhush@127.0.0.1:1/x"})
    assert away.exit_code == 1
    assert "hushhush" not in away.output
    assert not shell.home.exists()


def test_help_waits_for_no_database() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from router.cli import main\n"
        "for command in ('keys', 'teams'):\n"
        "    assert CliRunner().invoke(main, [command, 'create', '--help']).exit_code == 0\n"
        "heavy = {'router.accounts.accounts', 'router.database.sqlite', 'psycopg', 'rich', 'litestar', 'numpy'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
