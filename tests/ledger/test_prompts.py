"""What was said is kept only where the operator wants it, and readable only by who has the key."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from router.cli import main
from router.configured.secret import Secret
from router.database.sqlite import SqliteDatabase
from router.errors import LedgerError, SettingsError
from router.ledger import Ledger
from router.ledger.ledger import LEDGER_FILE
from router.ledger.opening import open_ledger
from router.ledger.prompts import EncryptedPrompts, Exchange, Sealed, new_key, opened, prompt_keeper, read_key
from router.settings import Settings
from router.types import ChatRequest, Message
from tests.ledger.support import a_row

SAID = Exchange(ChatRequest(messages=[Message(role="user", content="Where is the treasure?")]), "Under the oak, Jim.")
KEPT = {"messages": [{"role": "user", "content": "Where is the treasure?"}], "answer": "Under the oak, Jim."}
KEY, OTHER = new_key(), new_key()


@pytest.fixture
async def sealed(tmp_path: Path) -> AsyncIterator[Ledger]:
    """A ledger with one encrypted prompt."""
    ledger = open_ledger(Settings(home=str(tmp_path), ledger_prompts=True, ledger_prompts_key=Secret(KEY)))
    await ledger.submit(a_row("req-1"), SAID)
    yield ledger
    await ledger.aclose()


def run(home: Path, *words: str, **variables: str) -> Result:
    environment = {f"UNDERDOG_{name.upper()}": value for name, value in variables.items()}
    return CliRunner().invoke(main, ["ledger", *words, "--home", str(home)], env=environment)


def written(home: Path) -> bytes:
    return b"".join(each.read_bytes() for each in home.iterdir())


def stored(home: Path) -> list[tuple[str, str, bytes]]:
    with SqliteDatabase(home / LEDGER_FILE).reading() as connection:
        return connection.execute("SELECT * FROM prompts").fetchall()


async def test_nothing_is_kept_unless_the_operator_wants_it(tmp_path: Path) -> None:
    ledger = open_ledger(Settings(home=str(tmp_path), ledger_prompts_key=Secret(KEY)))
    assert not ledger.keeps_prompts
    await ledger.submit(a_row("req-1"), SAID)
    await ledger.aclose()
    assert stored(tmp_path) == []
    assert b"treasure" not in written(tmp_path)
    assert b"oak" not in written(tmp_path)


async def test_without_a_key_they_are_kept_as_they_are(tmp_path: Path) -> None:
    ledger = open_ledger(Settings(home=str(tmp_path), ledger_prompts=True))
    await ledger.submit(a_row("req-1"), SAID)
    await ledger.submit(a_row("req-2"))
    await ledger.aclose()
    assert json.loads(run(tmp_path, "prompts", "show", "req-1").output) == KEPT
    assert json.loads(run(tmp_path, "prompts", "show", "req-1", "--json").output) == KEPT
    missing = run(tmp_path, "prompts", "show", "req-2")
    assert missing.exit_code == 1
    assert "no prompt of request 'req-2' is kept" in missing.output


async def test_with_a_key_no_byte_on_the_disk_tells_them(sealed: Ledger, tmp_path: Path) -> None:
    assert b"treasure" not in written(tmp_path)
    assert b"oak" not in written(tmp_path)
    shown = run(tmp_path, "prompts", "show", "req-1", ledger_prompts_key=KEY)
    assert json.loads(shown.output) == KEPT


async def test_a_wrong_key_or_none_says_which_is_missing(sealed: Ledger, tmp_path: Path) -> None:
    (_, name, _), *_ = stored(tmp_path)
    for variables in ({}, {"ledger_prompts_key": OTHER}):
        refused = run(tmp_path, "prompts", "show", "req-1", **variables)
        assert refused.exit_code == 1
        assert f"sealed by the key named {name}, which is not here" in refused.output
        assert "treasure" not in refused.output
        assert OTHER not in refused.output


async def test_a_key_may_be_changed(sealed: Ledger, tmp_path: Path) -> None:
    await sealed.aclose()
    ledger = open_ledger(Settings(home=str(tmp_path), ledger_prompts=True, ledger_prompts_key=Secret(OTHER)))
    await ledger.submit(a_row("req-2"), SAID)
    await ledger.aclose()
    keys = {"ledger_prompts_key": OTHER, "ledger_prompts_old_keys": f"{new_key()}, {KEY}"}
    for request_id in ("req-1", "req-2"):
        assert json.loads(run(tmp_path, "prompts", "show", request_id, **keys).output) == KEPT


async def test_exports_have_prompts_only_where_they_are_asked_for(sealed: Ledger, tmp_path: Path) -> None:
    await sealed.submit(a_row("req-2"))
    for form in ("jsonl", "csv"):
        plain = run(tmp_path, "export", "--format", form, ledger_prompts_key=KEY)
        assert "treasure" not in plain.output
        asked = run(tmp_path, "export", "--format", form, "--prompts", ledger_prompts_key=KEY)
        assert asked.output.count("Where is the treasure?") == 1
    refused = run(tmp_path, "export", "--prompts")
    assert refused.exit_code == 1
    assert "which is not here" in refused.output


async def test_a_file_with_prompts_in_it_is_for_this_user_alone(sealed: Ledger, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        for words, mode in (((), 0o644), (("--prompts",), 0o600)):
            out = tmp_path / f"export-{mode:o}.jsonl"
            assert run(tmp_path, "export", "--out", str(out), *words, ledger_prompts_key=KEY).exit_code == 0
            assert stat.S_IMODE(out.stat().st_mode) == mode
        pairs = tmp_path / "pairs.jsonl"
        assert run(tmp_path, "pairs", "--out", str(pairs)).exit_code == 0
        assert stat.S_IMODE(pairs.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_a_text_that_was_moved_or_changed_is_not_read() -> None:
    key = read_key(Secret(KEY))
    keeper = EncryptedPrompts(key)
    one = keeper.seal("req-1", SAID)
    assert opened("req-1", one, [key]) == KEPT
    assert one != keeper.seal("req-1", SAID), "a nonce is never used twice"
    with pytest.raises(LedgerError, match="damaged, or was moved here"):
        opened("req-2", one, [key])
    for place in (0, 11, 12, len(one.body) - 1):
        changed = bytearray(one.body)
        changed[place] ^= 1
        with pytest.raises(LedgerError, match="damaged, or was moved here"):
            opened("req-1", Sealed(one.sealed_by, bytes(changed)), [key])
    with pytest.raises(LedgerError, match="damaged"):
        opened("req-1", Sealed(one.sealed_by, b""), [key])


@pytest.mark.parametrize(
    "text", ["", "short", "a" * 44, KEY[:-4], KEY + "AAAA"], ids=["empty", "short", "guessed", "cut off", "longer"]
)
def test_a_key_that_is_none_is_refused_without_telling_it(text: str) -> None:
    with pytest.raises(SettingsError, match="32 bytes in base64; `underdog ledger prompts key` makes one") as refused:
        prompt_keeper(keep=True, key=Secret(text))
    assert not text or text not in str(refused.value).replace("32 bytes", "")


def test_the_command_makes_a_key_that_the_settings_take() -> None:
    made = CliRunner().invoke(main, ["ledger", "prompts", "key"]).output.strip()
    assert len(read_key(Secret(made))) == 32
    assert made != CliRunner().invoke(main, ["ledger", "prompts", "key"]).output.strip()
