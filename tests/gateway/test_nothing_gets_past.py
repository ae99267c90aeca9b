"""Through the whole gateway: whatever is asked, ruled and broken, no model is sent what it does not take."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import msgspec

from router.artifacts.in_use import InUse
from router.asking import Fallbacks
from router.cache import SemanticCache
from router.calls import Call
from router.catalogue import ABILITIES, Ability, Catalogue
from router.configured.catalogue import CatalogueEntry
from router.configured.rules import Rule
from router.errors import ApiError
from router.gateway import Gateway
from router.ledger.ledger import Ledger
from router.metrics import Metrics
from router.policy import Dial
from router.principals import ANONYMOUS
from router.rules import Rules
from router.scoring.scorer import Scorer
from router.terms import Ways
from router.types import ChatRequest, Tuning
from router.upstream.build import Upstreams
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.scripted import ScriptedServer, Turn

ROUNDS = 40
REQUESTS = 12
HARD = "Prove that every group of order p^2 is abelian and write a program that lists all groups of order 45."

ASKS: dict[Ability, dict[str, Any]] = {
    "tools": {"tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}]},
    "images": {"part": {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}},
    "audio": {"part": {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}},
    "files": {"part": {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}},
    "json_schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}},
    "json_mode": {"response_format": {"type": "json_object"}},
}
TUNINGS = (
    Tuning(),
    Tuning(),
    Tuning(threshold=0.0, source="query"),
    Tuning(threshold=1.0, source="query"),
    Tuning(pinned_route="weak", source="model"),
    Tuning(pinned_model="strong-model", source="model"),
)
RULES: tuple[dict[str, Any], ...] = (
    {"route": "weak"},
    {"model": "strong-model"},
    {"min_threshold": 0.9},
    {"max_threshold": 0.1},
    {"cache": False},
)
FIELDS = {
    "tools": lambda body: bool(body.get("tools")),
    "images": lambda body: "image_url" in str(body["messages"]),
    "audio": lambda body: "input_audio" in str(body["messages"]),
    "files": lambda body: "file_data" in str(body["messages"]),
    "json_schema": lambda body: body.get("response_format", {}).get("type") == "json_schema",
    "json_mode": lambda body: body.get("response_format", {}).get("type") == "json_object",
}


def a_request(rng: random.Random) -> dict[str, Any]:
    """A request that needs some abilities, or none."""
    text = rng.choice(["What is the capital of France?", HARD, "word " * 3_000])
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}]
    body: dict[str, Any] = {"seed": rng.randrange(3)}
    for ability in rng.sample(ABILITIES, rng.randrange(3)):
        fields = dict(ASKS[ability])
        parts += [fields.pop("part")] if "part" in fields else []
        body |= fields
    return {"messages": [{"role": "user", "content": parts}], **body}


def what_models_take(rng: random.Random, name: str) -> CatalogueEntry:
    lacks = dict.fromkeys(rng.sample(ABILITIES, rng.randrange(4)), False)
    return CatalogueEntry(model=name, context=rng.choice([None, 1_000, 100_000]), **lacks)


async def test_no_model_is_ever_sent_what_it_does_not_take(tmp_path: Path) -> None:
    rng = random.Random(20261129)
    scorer = Scorer.load()
    dial = Dial(curve=scorer.curve, operating_points={}, default=0.77)
    in_use = InUse(scorer=scorer, dial=dial, artifact=scorer.version, digest=scorer.manifest.digest)
    refused = 0
    for number in range(ROUNDS):
        entries = {name: what_models_take(rng, name) for name in ("weak-model", "strong-model")}
        rules = [msgspec.convert({"name": "r", "then": rng.choice(RULES)}, Rule)] if rng.random() < 0.5 else []
        broken = {name: [Turn(status=503)] if rng.random() < 0.3 else [Turn(reply="Fine.")] for name in entries}
        async with (
            ScriptedServer(model="weak-model", turns=broken["weak-model"]) as weak_server,
            ScriptedServer(model="strong-model", turns=broken["strong-model"]) as strong_server,
        ):
            weak = OpenAICompatibleUpstream(name="weak", base_url=weak_server.base_url, model="weak-model")
            strong = OpenAICompatibleUpstream(name="strong", base_url=strong_server.base_url, model="strong-model")
            ledger = Ledger.open(tmp_path / f"{number}.sqlite3")
            gateway = Gateway(
                in_use=in_use,
                upstreams=Upstreams(weak=weak, strong=strong),
                cache=SemanticCache(),
                ledger=ledger,
                metrics=Metrics(),
                fallbacks=Fallbacks(),
                ways=Ways(catalogue=Catalogue(tuple(entries.values())), rules=Rules(rules)),
            )
            for turn in range(REQUESTS):
                body = a_request(rng)
                call = Call(
                    principal=ANONYMOUS,
                    request=msgspec.convert(body, ChatRequest),
                    body=body,
                    tuning=rng.choice(TUNINGS),
                )
                settlement = gateway.open(ANONYMOUS, "/v1/chat/completions", f"{number}-{turn}")
                settlement.asked(call.request)
                try:
                    await gateway.answer(call, settlement)
                except ApiError as error:
                    settlement.failed(error)
                    refused += error.code in ("unsupported_by_model", "context_length_exceeded")
                await settlement.close()
            for server, entry in zip((weak_server, strong_server), entries.values(), strict=True):
                for chat, (ability, asks) in itertools.product(server.chats, FIELDS.items()):
                    assert getattr(entry, ability) is not False or not asks(chat.body), (ability, entry)
                long = [chat for chat in server.chats if len(str(chat.body)) > 12_000]
                assert entry.context != 1_000 or not long, entry
            await weak.aclose()
            await strong.aclose()
            await ledger.aclose()
    assert refused > 20
