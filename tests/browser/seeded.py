"""A server with some life in it, for the console to show: two scripted models with prices, keys, and real requests."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, HARD, LiveServer, live_server

MASTER = "marked-master-key-for-the-console"
SHARED = "marked-shared-key-for-the-console"

MARKUP = '<img src=x onerror="alert(1)"><script>alert(2)</script> What does this markup do?'
"""A prompt that must be shown as it was written."""

MARKED_ANSWER = "<b>Bold</b> words of the strong model, <script>alert(3)</script> and no markup."

WEAK, STRONG = "llama-3.1-8b", "gpt-4.1"

SETTINGS = f"""
ledger_prompts = true

[[prices]]
model = "{WEAK}"
input = 40
output = 80

[[prices]]
model = "{STRONG}"
input = 2000
output = 8000
"""
"""What the models cost is made up: dear enough that a few short requests come to cents."""

EASY_ONES = (EASY, "Good morning!", "Name three colours.", "What is the capital of Norway?", "Tell me a short joke.")
HARD_ONES = (
    HARD,
    "Show that packing rectangles into a rectangle by translation is NP-hard, by a reduction from 3-partition.",
)


@dataclass
class Seeded:
    """A server, its models, and what was asked of it: request ids by what they are of."""

    server: LiveServer
    weak: ScriptedServer
    strong: ScriptedServer
    key: str | None
    ids: dict[str, str] = field(default_factory=dict)

    def http(self) -> httpx.AsyncClient:
        """A client with the master key."""
        headers = {"authorization": f"Bearer {self.key}"} if self.key else {}
        return httpx.AsyncClient(base_url=self.server.url, timeout=60, trust_env=False, headers=headers)

    async def ask(self, text: str, *, http: httpx.AsyncClient, query: str = "", **fields: Any) -> httpx.Response:
        """One chat request."""
        body = {"model": "auto", "messages": [{"role": "user", "content": text}], **fields}
        return await http.post(f"/v1/chat/completions{query}", json=body)


@asynccontextmanager
async def a_server(
    home: Path, *arguments: str, master_key: str | None = MASTER, settings: str = SETTINGS
) -> AsyncIterator[Seeded]:
    """A server of its own that nobody asked anything yet, closed by a master key unless that is None."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / "underdog.toml"
    config.write_text(settings, encoding="utf-8")
    easy = [Turn(reply="Paris is the capital of France, and has been for a long time.")]
    hard = [Turn(reply=MARKED_ANSWER)]
    async with ScriptedServer(model=WEAK, turns=easy) as weak, ScriptedServer(model=STRONG, turns=hard) as strong:
        models = ["--weak-url", weak.base_url, "--weak-model", WEAK, "--strong-url", strong.base_url]
        environ = {"UNDERDOG_MASTER_KEY": master_key, "UNDERDOG_API_KEY": SHARED} if master_key else {}
        command = [*models, "--strong-model", STRONG, "--config", str(config), *arguments]
        async with live_server(home, *command, environ=environ) as server:
            yield Seeded(server, weak, strong, master_key)


async def seed(seeded: Seeded) -> None:
    """Ask it some of everything: weak, strong, cached, streamed, pinned, refused, rated, and markup."""
    async with seeded.http() as http:
        await _ask_all(seeded, http, EASY_ONES)
        await _ask_all(seeded, http, HARD_ONES)
        answers = {
            "weak": await seeded.ask("Who wrote the play Hamlet?", http=http),
            "strong": await seeded.ask(HARD + " Explain each step.", http=http, temperature=0.0),
            "cached": await seeded.ask(EASY, http=http),
            "streamed": await seeded.ask("Count to three.", http=http, stream=True),
            "pinned": await seeded.ask("Say hello.", http=http, model="strong"),
            "markup": await seeded.ask(MARKUP, http=http, model="strong"),
            "refused": await seeded.ask("Hello?", http=http, temperature="hot"),
        }
        seeded.ids |= {name: answer.headers["x-request-id"] for name, answer in answers.items()}
        await http.post("/v1/feedback", json={"request_id": seeded.ids["strong"], "rating": "good"})


async def _ask_all(seeded: Seeded, http: httpx.AsyncClient, texts: Sequence[str]) -> None:
    for text in texts:
        (await seeded.ask(text, http=http)).raise_for_status()


def a_new_question() -> str:
    """A question that no cache knows."""
    return f"What does the word {secrets.token_hex(4)} mean?"
