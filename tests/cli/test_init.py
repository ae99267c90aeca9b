"""``underdog init``: what it asks, what it finds, and the file that it writes."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from router.cli import main
from router.commands import init_found
from router.commands.init_found import Offer, cloud_offers, local_offers
from router.parts import wiring_of
from router.settings import load_settings
from router.upstream.providers import provider_called
from router.upstream.scripted import ScriptedServer


@pytest.fixture(autouse=True)
def _folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(init_found, "local_offers", lambda environ: [])
    for name in [name for name in os.environ if name.startswith("UNDERDOG_") or name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)


def init(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", *arguments], prog_name="underdog")


def routes(environ: Mapping[str, str] | None = None) -> tuple[str | None, str | None]:
    """The models that a server would have with the file."""
    upstreams = wiring_of(load_settings(environ={}, config=Path("underdog.toml")), environ or {}).upstreams
    return tuple(None if upstream is None else upstream.model for upstream in (upstreams.weak, upstreams.strong))


def port_of(server: ScriptedServer) -> int:
    port = urlsplit(server.base_url).port
    assert port is not None
    return port


def test_names_of_models_that_a_server_tells_do_not_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init_found, "local_offers", lambda environ: [Offer(provider="ollama", model="a\x1b[2Jb")])
    result = CliRunner().invoke(main, ["init", "--yes"], color=True)
    assert result.exit_code == 0, result.output
    assert "weak: a [2Jb at ollama" in result.output
    assert "\x1b" not in result.output


def test_with_yes_it_takes_what_is_found_and_names_the_keys_variable_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init_found, "local_offers", lambda environ: [Offer(provider="ollama", model="llama3.2")])
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    result = init("--yes")
    assert result.exit_code == 0, result.output
    text = Path("underdog.toml").read_text()
    assert 'api_key_env = ["ANTHROPIC_API_KEY"]' in text
    assert "sk-ant-secret" not in text + result.output
    assert routes({"ANTHROPIC_API_KEY": "x"}) == ("llama3.2", "claude-opus-5-5")


def test_with_nothing_found_the_embedded_model_serves_and_a_key_that_comes_later_is_taken_up() -> None:
    assert init("--yes").exit_code == 0
    assert routes() == ("smollm2-135m-instruct", None)
    assert routes({"OPENAI_API_KEY": "x"}) == ("smollm2-135m-instruct", "gpt-4.1")


@pytest.mark.parametrize(("preference", "sign"), [("cheap", 1), ("best", -1)])
def test_a_preference_is_the_artifacts_own_point(preference: str, sign: int) -> None:
    assert init("--yes", "--prefer", preference).exit_code == 0
    chosen = load_settings(environ={}, config=Path("underdog.toml")).threshold
    assert chosen is not None
    assert init("--yes", "--prefer", "balanced", "--force").exit_code == 0
    assert load_settings(environ={}, config=Path("underdog.toml")).threshold is None
    assert init("--yes", "--prefer", "best" if preference == "cheap" else "cheap", "--force").exit_code == 0
    other = load_settings(environ={}, config=Path("underdog.toml")).threshold
    assert other is not None
    assert (chosen - other) * sign > 0


def test_a_file_that_is_there_is_not_overwritten_unless_forced() -> None:
    Path("underdog.toml").write_text("port = 9\n")
    refused = init("--yes")
    assert refused.exit_code == 1
    assert "--force" in refused.output
    assert Path("underdog.toml").read_text() == "port = 9\n"
    assert init("--yes", "--force").exit_code == 0
    assert "port" not in Path("underdog.toml").read_text()


def test_without_a_terminal_it_says_that_it_cannot_ask() -> None:
    result = init()
    assert result.exit_code == 2
    assert "no terminal" in result.output
    assert "--yes" in result.output
    assert not Path("underdog.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--weak", "llama3.2"], 2, "write PROVIDER/MODEL, or embedded"),
        (["--strong", "openai/gpt-4.1"], 1, "needs a key; set OPENAI_API_KEY"),
    ],
)
def test_what_a_server_would_refuse_is_not_written(arguments: list[str], status: int, said: str) -> None:
    result = init("--yes", *arguments)
    assert result.exit_code == status
    assert said in result.output
    assert not Path("underdog.toml").exists()


async def test_models_of_local_servers_are_found_those_for_embeddings_left_out() -> None:
    async with ScriptedServer(model="llama3.2") as chats, ScriptedServer(model="nomic-embed-text") as embeds:
        vllm, jan = (provider_called(name) for name in ("vllm", "jan"))
        assert vllm is not None
        assert jan is not None
        own, shared = port_of(chats), port_of(embeds)
        found = await asyncio.to_thread(local_offers, {}, {own: [vllm], shared: [vllm]})
        assert found == [Offer(provider="vllm", model="llama3.2", url=f"http://127.0.0.1:{own}/v1")]
        guessed = await asyncio.to_thread(local_offers, {}, {own: [vllm, jan]})
    assert guessed == [Offer(model="llama3.2", url=f"http://127.0.0.1:{own}/v1")]


def test_a_server_that_nobody_knows_is_written_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    offer = Offer(model="mine", url="http://127.0.0.1:8080/v1")
    monkeypatch.setattr(init_found, "local_offers", lambda environ: [offer])
    result = init("--yes", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["settings"]["deployments"] == [
        {"route": "weak", "model": "mine", "url": "http://127.0.0.1:8080/v1"}
    ]
    assert routes() == ("mine", None)


def test_a_dry_run_shows_the_file_and_writes_nothing() -> None:
    Path("underdog.toml").write_text("port = 9\n")
    result = init("--yes", "--dry-run", "--prefer", "cheap")
    assert result.exit_code == 0, result.output
    assert "threshold = " in result.output
    assert "Nothing was written" in result.output
    assert Path("underdog.toml").read_text() == "port = 9\n"


def test_of_the_environment_only_the_names_of_variables_are_told() -> None:
    (offer,) = cloud_offers({"GROQ_API_KEY": "gsk-secret", "VLLM_API_KEY": "local"})
    assert offer.variable == "GROQ_API_KEY"
    assert "secret" not in repr(offer)


def test_on_a_terminal_it_asks_three_questions_at_most(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "OPENAI_API_KEY": "sk-x", "GROQ_API_KEY": "gsk-x"}
    environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        [sys.executable, "-m", "router", "init"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=tmp_path,
        env=environ,
    )
    os.close(theirs)
    # The embedded model comes last; whatever listens on this machine's usual ports comes before it.
    os.write(ours, b"\n2\n3\n")
    output, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0, output.decode()
    assert output.count(b"Number [") == 3
    text = (tmp_path / "underdog.toml").read_text()
    assert 'api_key_env = ["GROQ_API_KEY"]' in text
    assert "threshold = " in text
    assert "sk-x" not in text
