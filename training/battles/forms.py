"""The forms that battles come in, and one function for each that turns a row into battles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from training.forms import Form, Rejected, Values
from training.records import Battle, Winner
from training.text import clean, decoded, number, user_turns

WINNERS: dict[str, Winner] = {
    "model_a": "model_a",
    "model_b": "model_b",
    "tie": "tie",
    "tie (bothbad)": "both_bad",
    "bothbad": "both_bad",
    "both_bad": "both_bad",
}
"""How the published sets spell who won."""

JUDGE_MODELS = {"chatgpt": "gpt-3.5-turbo-0301", "gpt4_turbo": "gpt4_1106_preview"}
"""Second names that AlpacaEval's leaderboards use for the same model."""

ZERO_IS_A_DRAW = frozenset({"alpaca_eval_gpt4", "claude", "bedrock_claude"})
"""The judges whose preference of 0 means a draw; elsewhere it is no preference at all."""

DRAW = 1.5
"""A judge's preference runs from 1 (the baseline) to 2 (the model)."""


def flagged_battle(values: Values, source: str) -> Iterator[Battle]:
    """``human-preference-55k``: one flag for each outcome, and the user's turns as a JSON list.

    That set does not tell "both bad" from other ties, so its ties are ties.
    """
    flags = (values["winner_model_a"], values["winner_model_b"], values["winner_tie"])
    outcomes: tuple[Winner, ...] = ("model_a", "model_b", "tie")
    set_flags = [outcome for outcome, flag in zip(outcomes, flags, strict=True) if _is_set(flag)]
    if len(set_flags) != 1:
        raise Rejected("unknown winner")
    yield _battle(values, source, winner=set_flags[0], turns=_listed(values["prompt"]))


def conversation_battle(values: Values, source: str) -> Iterator[Battle]:
    """``chatbot_arena_conversations`` and ``arena-human-preference-100k``/``-140k``: whole conversations."""
    if (values.get("evaluation_order") or 1) > 1:
        raise Rejected("follow-up vote, its context was answered by other models")
    conversation = decoded(values["conversation_a"])
    if not isinstance(conversation, list):
        raise Rejected("malformed conversation")
    turns = user_turns(conversation)
    if turns and not turns[0] and isinstance(_first_content(conversation), list):
        raise Rejected("image only")
    yield _battle(values, source, winner=_winner(values["winner"]), turns=turns)


def turns_battle(values: Values, source: str) -> Iterator[Battle]:
    """Votes with the user's turns in a list, without the answers."""
    yield _battle(values, source, winner=_winner(values["winner"]), turns=_listed(values["turns"]))


def plain_battle(values: Values, source: str) -> Iterator[Battle]:
    """The simple form for one's own votes: the prompt is the text itself."""
    yield _battle(values, source, winner=_winner(values["winner"]), turns=[values["prompt"]])


def judged_battles(values: Values, source: str) -> Iterator[Battle | Rejected]:
    """AlpacaEval's judges: how much many models were preferred to one baseline on one instruction."""
    preferences = values["preference"]
    if not isinstance(preferences, dict):
        raise Rejected("malformed preference")
    for model, preference in preferences.items():
        if preference is None:  # how Parquet spells a model that is not in this row
            continue
        try:
            yield _judged_battle(values, source, model, preference)
        except Rejected as rejected:
            yield rejected


BATTLE_FORMS: tuple[Form[Battle], ...] = (
    Form(
        "human-preference-55k",
        frozenset({"prompt", "model_a", "model_b", "winner_model_a", "winner_model_b", "winner_tie"}),
        flagged_battle,
    ),
    Form("arena conversations", frozenset({"conversation_a", "model_a", "model_b", "winner"}), conversation_battle),
    Form("votes with turns", frozenset({"turns", "model_a", "model_b", "winner"}), turns_battle),
    Form("judged pairs", frozenset({"instruction", "baseline", "preference"}), judged_battles),
    Form("own votes", frozenset({"prompt", "model_a", "model_b", "winner"}), plain_battle),
)


def _judged_battle(values: Values, source: str, name: str, preference: Any) -> Battle:
    if preference == 0 and values.get("annotator") in ZERO_IS_A_DRAW:
        preference = DRAW
    if not isinstance(preference, int | float) or not 1 <= preference <= 2:
        raise Rejected("preference outside 1..2")
    winner: Winner = "tie" if preference == DRAW else "model_a" if preference > DRAW else "model_b"
    models = {"model_a": JUDGE_MODELS.get(name, name), "model_b": values["baseline"]}
    degree = abs(preference - DRAW) / (2 - DRAW)
    return _battle(models, source, winner=winner, turns=[values["instruction"]], degree=degree)


def _battle(values: Values, source: str, *, winner: Winner, turns: Sequence[Any], degree: float = 1.0) -> Battle:
    texts = [clean(turn) for turn in turns if isinstance(turn, str)]
    if not texts or not texts[0]:
        raise Rejected("empty prompt")
    model_a, model_b, language = values["model_a"], values["model_b"], values.get("language")
    if not (isinstance(model_a, str) and isinstance(model_b, str) and model_a and model_b):
        raise Rejected("model not named")
    if model_a == model_b:
        raise Rejected("same model twice")
    return Battle(
        prompt=texts[0],
        model_a=model_a,
        model_b=model_b,
        winner=winner,
        source=source,
        language=language if isinstance(language, str) else None,
        turns=tuple(texts) if len(texts) > 1 else (),
        degree=degree,
    )


def _winner(value: Any) -> Winner:
    winner = WINNERS.get(value.strip().lower()) if isinstance(value, str) else None
    if winner is None:
        raise Rejected("unknown winner")
    return winner


def _is_set(flag: Any) -> bool:
    try:
        return number(flag) == 1
    except (TypeError, ValueError):
        return False


def _listed(value: Any) -> list[Any]:
    turns = decoded(value)
    if not isinstance(turns, list):
        raise Rejected("malformed list of turns")
    return turns


def _first_content(conversation: list[Any]) -> Any:
    first = next((turn for turn in conversation if isinstance(turn, dict) and turn.get("role") == "user"), {})
    return first.get("content")
