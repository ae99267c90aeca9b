"""Over a real socket: prompts unlike all training go where the operator says, and the metrics count them."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from router.cli import main
from router.commands.drift import SHIFTED_STATUS
from router.scoring.reference import FEWEST
from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, LiveServer, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRANGE = "9f3c0a77e1b2d4 5560ffae19 0x7fe2 c8d1e0aa93b7 44de01fc9b3a 77aa10ce5d2f"
SEEDS = itertools.count()
SAMPLE = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)$")


async def ask(server: LiveServer, prompt: str, *, path: str = "/v1/chat/completions", **body: Any) -> Any:
    query = body.pop("query", {})
    message = {"role": "user", "content": prompt}
    async with server.http() as http:
        return await http.post(path, params=query, json={"messages": [message], "seed": next(SEEDS), **body})


async def metrics(server: LiveServer) -> dict[tuple[str, str], float]:
    """Value by name and labels; every line that is no comment must be a sample."""
    async with server.http() as http:
        answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {}
    for line in answer.text.splitlines():
        if line.startswith("# "):
            assert line.split()[1] in ("HELP", "TYPE")
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        found[match["name"], match["labels"] or ""] = float(match["value"])
    return found


async def test_an_unfamiliar_prompt_goes_to_the_strong_model_and_the_header_says_why(server: LiveServer) -> None:
    answer = await ask(server, STRANGE)
    assert answer.headers["x-router-reason"] == "unfamiliar"
    assert answer.headers["x-router-route"] == "strong"
    assert answer.json()["choices"][0]["message"]["content"] == "from the strong one"
    row = await server.ledger_row(answer.headers["x-request-id"])
    assert row["reason"] == "unfamiliar"
    assert row["unfamiliarity"] > 1
    assert row["scored_tokens"] > 10


async def test_a_familiar_prompt_is_routed_by_its_win_rate(server: LiveServer) -> None:
    answer = await ask(server, EASY)
    assert answer.headers["x-router-reason"] == "win-rate"
    assert 0 < (await server.ledger_row(answer.headers["x-request-id"]))["unfamiliarity"] < 1


@pytest.mark.parametrize(
    ("wish", "route", "reason"),
    [
        ({"query": {"threshold": "1"}}, "weak", "win-rate"),
        ({"query": {"threshold": "0"}}, "strong", "win-rate"),
        ({"query": {"strong_share": "0.01"}}, "strong", "unfamiliar"),
        ({"model": "weak"}, "weak", "pinned"),
        ({"model": "weak-model"}, "weak", "pinned"),
    ],
)
async def test_always_never_and_pins_hold_for_unfamiliar_prompts(
    server: LiveServer, wish: dict[str, Any], route: str, reason: str
) -> None:
    headers = (await ask(server, STRANGE, **wish)).headers
    assert (headers["x-router-route"], headers["x-router-reason"]) == (route, reason)


async def test_the_preview_says_how_unfamiliar_a_prompt_is(server: LiveServer) -> None:
    preview = (await ask(server, STRANGE, path="/v1/route")).json()
    assert (preview["reason"], preview["route"]) == ("unfamiliar", "strong")
    assert preview["evidence"]["unfamiliarity"] > 1


@pytest.mark.parametrize(("where", "reason"), [("weak", "unfamiliar"), ("win-rate", "win-rate")])
async def test_the_operator_chooses_where_unfamiliar_prompts_go(
    tmp_path: Path, weak: ScriptedServer, strong: ScriptedServer, where: str, reason: str
) -> None:
    async with routed(tmp_path, weak, strong, UNDERDOG_UNFAMILIAR=where) as server:
        headers = (await ask(server, STRANGE)).headers
    assert headers["x-router-reason"] == reason
    if where == "weak":
        assert headers["x-router-route"] == "weak"


async def test_without_a_strong_model_the_weak_one_answers_and_the_reason_says_so(
    tmp_path: Path, weak: ScriptedServer
) -> None:
    async with routed(tmp_path, weak, None) as server:
        headers = (await ask(server, STRANGE)).headers
    assert (headers["x-router-route"], headers["x-router-reason"]) == ("weak", "no-strong-model")


async def test_metrics_and_ledger_tell_of_drift_once_there_are_enough_decisions(
    tmp_path: Path, weak: ScriptedServer, strong: ScriptedServer
) -> None:
    async with routed(tmp_path, weak, strong) as server:
        await ask(server, STRANGE)
        early = await metrics(server)
        for _ in range(FEWEST):
            await ask(server, EASY)
        later = await metrics(server)
        told = CliRunner().invoke(main, ["drift", "--home", str(server.home), "--strict", "--json"])
    label = 'artifact="default/1"'
    assert early["underdog_decisions_total", f'{label},route="strong",reason="unfamiliar"'] == 1
    assert early["underdog_unfamiliar_prompts_total", label] == 1
    assert early["underdog_drift_sample", f'{label},quantity="tokens"'] == 1
    assert ("underdog_drift_psi", f'{label},quantity="tokens"') not in early
    assert later["underdog_decisions_total", f'{label},route="weak",reason="win-rate"'] == FEWEST
    for quantity in ("win_rate", "tokens", "unfamiliarity"):
        assert later["underdog_drift_psi", f'{label},quantity="{quantity}"'] > 1
    assert told.exit_code == SHIFTED_STATUS
    assert json.loads(told.output)["recent_requests"] == FEWEST + 1


@pytest.mark.parametrize("stream", [False, True])
async def test_metrics_count_a_fallback_beside_the_decision_and_only_where_it_helped(
    tmp_path: Path, stream: bool
) -> None:
    def labels(route: str, reason: str) -> str:
        return f'artifact="default/1",route="{route}",reason="{reason}"'

    async with (
        ScriptedServer(model="strong-model", turns=[Turn(status=503)]) as broken,
        ScriptedServer(model="weak-model", turns=[Turn(), Turn(status=503)]) as failing,
        routed(tmp_path, failing, broken) as server,
    ):
        answers = [(await ask(server, STRANGE, stream=stream)).status_code for _ in range(2)]
        found = await metrics(server)
    assert answers == [200, 503]
    assert found["underdog_fallbacks_total", labels("weak", "strong-failed")] == 1
    assert found["underdog_decisions_total", labels("strong", "unfamiliar")] == 2
    assert len([name for name, _ in found if name in ("underdog_fallbacks_total", "underdog_decisions_total")]) == 2


async def test_metrics_need_the_key_of_the_server(tmp_path: Path, weak: ScriptedServer, strong: ScriptedServer) -> None:
    async with routed(tmp_path, weak, strong, UNDERDOG_API_KEY="sesame") as server, server.http() as http:
        assert (await http.get("/metrics")).status_code == 401
        opened = await http.get("/metrics", headers={"authorization": "Bearer sesame"})
    assert opened.status_code == 200
