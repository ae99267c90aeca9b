"""A server that answers by what it is asked, and ways to run the command against it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from router.upstream.scripted import ScriptedServer
from router.upstream.scripted.script import Turn
from router.upstream.scripted.server import Received

Answer = Callable[[str, int], Turn | str]
"""What to do with a prompt that is asked for the nth time, counted from 0."""


class AnsweringServer(ScriptedServer):
    """A scripted server whose turn depends on the prompt, since prompts come in any order."""

    def __init__(self, answer: Answer, **options: Any) -> None:
        super().__init__(**options)
        self._answer = answer
        self._begun: Counter[str] = Counter()

    @property
    def asked(self) -> Counter[str]:
        """Prompt -> how often it was asked."""
        return Counter(chat.body["messages"][-1]["content"] for chat in self.chats)

    def turn_for(self, request: Received) -> Turn:
        prompt = request.body["messages"][-1]["content"]
        turn = self._answer(prompt, self._begun[prompt])
        self._begun[prompt] += 1
        return Turn(reply=turn) if isinstance(turn, str) else turn


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
