"""``underdog init --from routellm``: the command line of its server, wherever it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from router.cli import main
from router.upstream.scripted import ScriptedServer
from tests.live import live_server

FOLDER = Path(__file__).parent


def init(source: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", "--from", "routellm", str(source), *arguments])


def told(source: Path, *arguments: str) -> Any:
    result = init(source, "--json", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def script(text: str) -> Path:
    path = Path("start.sh")
    path.write_text(text, encoding="utf-8")
    return path


def test_the_words_of_the_command_are_read_over_several_lines() -> None:
    report = told(FOLDER / "routellm.sh")
    assert report["settings"] == {
        "port": 7070,
        "deployments": [
            {"route": "weak", "model": "llama3.2", "provider": "ollama"},
            {"route": "strong", "model": "gpt-4.1", "provider": "openai"},
        ],
    }
    assert [(each["line"], each["key"]) for each in report["remarks"]] == [
        (5, "--routers"),
        (8, "--config"),
        (8, "--verbose"),
    ]
    assert [each["name"] for each in report["variables"]] == ["OPENAI_API_KEY"]


def test_a_key_in_the_command_is_not_copied() -> None:
    models = "--weak-model m --strong-model n --base-url http://h.lan/v1"
    result = init(script(f"python -m routellm.openai_server {models} --api-key sk-secret\n"))
    assert result.exit_code == 0, result.output
    assert "sk-secret" not in result.output + Path("underdog.toml").read_text()
    assert "UPSTREAM_API_KEY" in result.output


def test_a_command_in_a_dockerfile_is_found() -> None:
    models = '"--strong-model", "gpt-4.1", "--weak-model=gpt-4.1-nano"'
    report = told(script(f'FROM python\nCMD ["python", "-m", "routellm.openai_server", {models}]\n'))
    assert [each["model"] for each in report["settings"]["deployments"]] == ["gpt-4.1-nano", "gpt-4.1"]


def test_a_file_without_the_command_is_refused() -> None:
    result = init(script("python -m http.server\n"))
    assert result.exit_code == 1
    assert "no command with routellm.openai_server" in result.output


async def test_a_server_starts_with_what_is_written_and_answers_routellms_names(tmp_path: Path) -> None:
    async with ScriptedServer(model="any") as both:
        models = f"--weak-model w --strong-model s --base-url {both.base_url}"
        told(script(f"python -m routellm.openai_server --routers mf {models}\n"))
        async with live_server(tmp_path / "home", "--config", str(tmp_path / "underdog.toml")) as server:
            ask: list[Any] = [{"role": "user", "content": "Good morning!"}]
            for name, route in (("router-mf-0.0", "strong"), ("router-mf-1.0", "weak"), ("w", "weak"), ("s", "strong")):
                raw = await server.client().chat.completions.with_raw_response.create(model=name, messages=ask)
                assert raw.headers["x-router-route"] == route, name


def test_a_model_that_cannot_be_taken_over_is_not_called_the_weak_one() -> None:
    report = told(script("python -m routellm.openai_server --routers mf --strong-model gpt-4.1\n"))
    assert (report["weak"], report["strong"]) == (None, "gpt-4.1")
    assert "left out" in report["because"]
    assert [each["route"] for each in report["settings"]["deployments"]] == ["strong"]
