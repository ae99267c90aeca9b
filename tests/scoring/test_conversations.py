"""Multi-turn conversations are scored on the conversation: "yes, do it" is as hard as what it agrees to.

``conversations.jsonl`` holds pairs that end in the same words, once after a hard task and once after an easy one. The
text that is scored was chosen on the rows of even number; those of odd number were looked at once, afterwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from router.scoring.prompt import prompt_text
from router.scoring.scorer import Scorer
from router.types import Message

PAIRS = msgspec.json.Decoder(dict[str, Any]).decode_lines(
    Path(__file__).with_name("conversations.jsonl").read_bytes(),
)
WITHIN_REACH = [pair for pair in PAIRS if pair["kind"] != "system"]
"""System prompts are not scored, as the classifier learned from what users ask: such pairs are ties."""


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer.load()


def score(scorer: Scorer, messages: list[dict[str, Any]]) -> float:
    return scorer.score(prompt_text(msgspec.convert(messages, list[Message]))).score


def ranked_rightly(scorer: Scorer, pairs: list[dict[str, Any]]) -> float:
    return sum(score(scorer, pair["hard"]) > score(scorer, pair["easy"]) for pair in pairs) / len(pairs)


def test_both_sides_of_a_pair_end_alike() -> None:
    assert len(PAIRS) >= 40
    assert all(pair["hard"][-1] == pair["easy"][-1] for pair in PAIRS)


@pytest.mark.parametrize("half", [0, 1], ids=["chosen-on", "looked-at-once"])
def test_what_was_said_before_decides_how_hard_the_last_words_are(scorer: Scorer, half: int) -> None:
    halved = [pair for number, pair in enumerate(PAIRS) if number % 2 == half and pair in WITHIN_REACH]
    assert ranked_rightly(scorer, halved) >= 0.7


@pytest.mark.parametrize("kind", ["confirmation", "reference", "tool-result", "long", "proposal"])
def test_every_kind_of_conversation_is_ranked_better_than_by_chance(scorer: Scorer, kind: str) -> None:
    assert ranked_rightly(scorer, [pair for pair in PAIRS if pair["kind"] == kind]) > 0.5
