"""``--json`` wherever a script would want it: an object on standard output, words elsewhere, errors as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from router.cli import main
from router.configured.secret import Secret
from router.ledger.prompts import read_key
from router.upstream.embedded import fetch
from router.upstream.embedded.fetch import FILE_NAME

WITHOUT = {"serve", "chat"}
"""Commands that have no ``--json``: one runs until it is stopped, the other is a talk (docs/scripts.md)."""


def underdog(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=environ, prog_name="underdog")


def commands(group: click.Group, *before: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from commands(found, *before, name)
        else:
            yield " ".join((*before, name)), found


def has_json(command: click.Command) -> bool:
    return any("--json" in parameter.opts for parameter in command.params)


def test_every_command_has_json_but_those_that_have_no_end() -> None:
    known = dict(commands(main))
    assert len(known) > 40
    assert {words for words, command in known.items() if not has_json(command)} == WITHOUT


def test_the_page_for_scripts_names_every_command(repository: Path) -> None:
    page = (repository / "docs" / "scripts.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = {" ".join(words.strip(" `").split()) for row in rows for words in row.split(",")}
    assert named == {words for words, _ in commands(main)}


def test_a_fetch_says_where_the_weights_lie(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    weights = tmp_path / "models" / FILE_NAME
    weights.write_bytes(b"Verified, as far as the note beside it tells.")
    fetch._remember(weights)
    assert json.loads(underdog("fetch", "--json", "--home", str(tmp_path)).stdout) == {"file": str(weights)}
    assert underdog("fetch", "--home", str(tmp_path)).stdout == f"{weights}\n"


def test_a_key_for_prompts_is_in_the_object_where_it_would_be_shown() -> None:
    made = json.loads(underdog("ledger", "prompts", "key", "--json").stdout)
    assert set(made) == {"key"}
    assert read_key(Secret(made["key"])) != read_key(Secret(underdog("ledger", "prompts", "key").stdout))


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("fetch", "--home", "/dev/null/home"), 1),
        (("artifacts", "use", "nobody", "--port", "1"), 1),
        (("artifacts", "rollback", "--port", "1"), 1),
        (("ledger", "prune"), 2),
        (("ledger", "prune", "--days", "1"), 1),
        (("ledger", "prompts", "show", "nobody"), 1),
        (("ledger", "export", "--out", "/dev/null/requests.jsonl"), 1),
        (("prices", "update", "--config", "no-such-file.toml"), 1),
        (("config", "set", "treshold", "0.5"), 1),
        (("config", "set", "threshold", "5"), 1),
        (("config", "set", "api_key", "sk-mine"), 2),
        (("config", "unset", "threshold"), 1),
    ],
)
def test_what_goes_wrong_is_said_as_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], status: int
) -> None:
    monkeypatch.chdir(tmp_path)
    plain, told = (underdog(*words, *more, UNDERDOG_HOME=str(tmp_path / "home")) for more in ((), ("--json",)))
    assert (told.exit_code, told.stdout) == (status, "")
    assert (plain.exit_code, plain.stderr) == (told.exit_code, told.stderr)
    assert "Error: " in told.stderr
