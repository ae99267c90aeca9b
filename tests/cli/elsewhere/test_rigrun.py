"""``underdog init --from rigrun``: the server's file and the terminal program's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from router.cli import main
from router.upstream.scripted import ScriptedServer
from tests.live import live_server

FOLDER = Path(__file__).parent
KEY = "OPENROUTER_API_KEY"


def told(source: Path, *arguments: str) -> Any:
    result = CliRunner().invoke(main, ["init", "--from", "rigrun", str(source), "--json", *arguments])
    assert result.exit_code == 0, result.output
    assert "sk-or-v1" not in result.output
    return json.loads(result.output)


def config(**fields: Any) -> Path:
    path = Path("config.json")
    path.write_text(json.dumps(fields, indent=2), encoding="utf-8")
    return path


def test_the_local_model_is_weak_and_openrouter_strong_its_key_by_name_only() -> None:
    report = told(FOLDER / "rigrun.json")
    weak, strong = report["settings"]["deployments"]
    assert weak == {"route": "weak", "provider": "ollama", "model": "qwen2.5-coder:7b"}
    assert strong == {"route": "strong", "provider": "openrouter", "model": "openrouter/auto", "api_key_env": [KEY]}
    assert report["settings"]["port"] == 9797
    (key, *_) = report["remarks"]
    assert (key["line"], key["key"]) == (2, "openrouter_key")
    assert "sk-or-v1" not in Path("underdog.toml").read_text()


def test_paranoid_mode_is_privacy_and_asks_nobody_elsewhere() -> None:
    report = told(config(openrouter_key="sk-or-v1-x", model="llama3.2", paranoid_mode=True))
    assert report["settings"]["privacy"] == "local-only"
    assert [each["provider"] for each in report["settings"]["deployments"]] == ["ollama"]
    assert "paranoid" in report["remarks"][0]["what"]


def test_the_terminal_programs_nested_file_is_read_tabs_and_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "k")
    report = told(FOLDER / "rigrun-terminal.json")
    settings = report["settings"]
    weak, strong = settings["deployments"]
    assert (weak["model"], weak["url"]) == ("llama3.2", "http://127.0.0.1:11434/v1")
    assert strong["model"] == "anthropic/claude-sonnet-5.5"
    assert (settings["cache_ttl_s"], settings["cache_max_entries"], settings["fallback"]) == (43200, 10000, False)
    remarks = {each["key"]: (each["line"], each["what"]) for each in report["remarks"]}
    assert remarks["cache.semantic_threshold"][0] == 15
    assert "cache.max_wrong" in remarks["cache.semantic_threshold"][1]
    assert remarks["security.fips_mode"][1] == "Underdog has nothing like it"


@pytest.mark.parametrize(("mode", "threshold"), [("local", 1.0), ("cloud", 0.0)])
def test_a_forced_mode_is_the_threshold_at_that_end(mode: str, threshold: float) -> None:
    report = told(config(local={"ollama_model": "m"}, routing={"default_mode": mode}))
    assert report["settings"]["threshold"] == threshold


async def test_a_server_starts_with_what_is_written_and_answers_rigruns_names(tmp_path: Path) -> None:
    async with ScriptedServer(model="llama3.2") as ollama:
        base = ollama.base_url.removesuffix("/v1")
        told(config(local={"ollama_url": base, "ollama_model": "llama3.2"}, cloud={"openrouter_key": "sk-or-v1-x"}))
        file = str(tmp_path / "underdog.toml")
        async with live_server(tmp_path / "home", "--config", file, environ={KEY: "k"}) as server:
            ask: list[Any] = [{"role": "user", "content": "Good morning!"}]
            for name in ("local", "llama3.2"):
                raw = await server.client().chat.completions.with_raw_response.create(model=name, messages=ask)
                assert raw.headers["x-router-route"] == "weak"
