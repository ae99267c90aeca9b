"""What the commands say where an artifact is gone, odd, or served by something that does not name it."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from router.artifacts import server as module
from router.artifacts.pointer import Pointer
from router.cli import main
from router.scoring.artifact import load_artifact
from tests.artifacts.support import make_artifact
from tests.live import EASY

NOBODY = ("--port", "1")


def underdog(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="underdog")


class OlderHealth(BaseHTTPRequestHandler):
    """``/health`` as it was before it named the digest."""

    def do_GET(self) -> None:
        body = b'{"status": "ok", "artifact": "default/1"}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def older_server() -> Iterator[int]:
    """The port of a server of an earlier version."""
    with ThreadingHTTPServer(("127.0.0.1", 0), OlderHealth) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_an_older_server_is_not_taken_for_none(tmp_path: Path, older_server: int) -> None:
    make_artifact(tmp_path / "models", "mine")
    done = underdog("artifacts", "use", "mine", "--home", tmp_path, "--port", older_server)
    assert done.exit_code == 0
    assert f"Something answers on http://127.0.0.1:{older_server} but does not say" in done.output
    assert "an older Underdog" in done.output


def test_a_choice_is_told_as_json_with_what_the_server_makes_of_it(tmp_path: Path, older_server: int) -> None:
    for name in ("one", "two"):
        make_artifact(tmp_path / "models", name)
    words = ("--home", tmp_path, "--json")
    two = json.loads(underdog("artifacts", "use", "two", *words, *NOBODY).stdout)
    digest = load_artifact(tmp_path / "models" / "two" / "1").manifest.digest
    away = {"url": "http://127.0.0.1:1", "state": "away", "why": None}
    folder = str((tmp_path / "models" / "two" / "1").resolve())
    assert two == {"artifact": "two/1", "folder": folder, "sha256": digest, "server": away}
    one = json.loads(underdog("artifacts", "use", "one", *words, "--port", older_server).stdout)
    why = "an older Underdog, or another program"
    assert one["server"] == {"url": f"http://127.0.0.1:{older_server}", "state": "silent", "why": why}
    back = json.loads(underdog("artifacts", "rollback", *words, *NOBODY).stdout)
    assert back == {**two, "back_from": "one/1", "made_anew": False}
    shipped = json.loads(underdog("artifacts", "rollback", *words, *NOBODY).stdout)
    assert (shipped["artifact"], shipped["back_from"], shipped["made_anew"]) == ("default/1", "two/1", False)


def test_going_back_to_what_was_made_anew_says_so_as_json(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_artifact(tmp_path / "models", name)
        assert underdog("artifacts", "use", name, "--home", tmp_path, *NOBODY).exit_code == 0
    shutil.rmtree(tmp_path / "models" / "one")
    make_artifact(tmp_path / "models", "one", slope=0.9)
    back = json.loads(underdog("artifacts", "rollback", "--home", tmp_path, "--json", *NOBODY).stdout)
    assert (back["artifact"], back["made_anew"]) == ("one/1", True)


def test_a_busy_server_is_not_taken_for_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_TIMEOUT_S", 0.1)
    make_artifact(tmp_path / "models", "mine")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        done = underdog("artifacts", "use", "mine", "--home", tmp_path, "--port", busy.getsockname()[1])
    assert done.exit_code == 0
    assert "(it took longer than 0.1 seconds)" in done.output


def test_where_the_artifact_before_is_gone_going_back_changes_nothing_and_says_so(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_artifact(tmp_path / "models", name)
        assert underdog("artifacts", "use", name, "--home", tmp_path, *NOBODY).exit_code == 0
    shutil.rmtree(tmp_path / "models" / "one")
    done = underdog("artifacts", "rollback", "--home", tmp_path, *NOBODY)
    assert done.exit_code == 1
    assert "Nothing was changed; choose another with `underdog artifacts use NAME`." in done.output
    assert [use.label for use in Pointer(tmp_path).uses()] == ["one/1", "two/1"]


def test_what_an_artifact_says_of_itself_does_not_steer_the_terminal(tmp_path: Path) -> None:
    folder = make_artifact(tmp_path / "models", "mine")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    odd = "\x1b[2J\r\u202egood\x9b"
    (folder / "manifest.json").write_text(json.dumps({**manifest, "description": odd, "command": odd}), "utf-8")
    shown = underdog("artifacts", "show", folder).output
    assert shown.count(" [2J  good ") == 2
    assert not set(odd) & set(shown) - set("[2Jgood")


def test_a_decision_is_explained_by_the_artifact_that_the_home_folder_has_in_use(tmp_path: Path) -> None:
    make_artifact(tmp_path / "models", "mine")
    underdog("artifacts", "use", "mine", "--home", tmp_path, *NOBODY)
    assert json.loads(underdog("route", EASY, "--json", "--home", tmp_path).output)["artifact"] == "mine/1"
