"""Where each data set comes from, on what terms, and what it may be used for."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Use = Literal["train", "refit", "evaluate", "cache"]
"""``train``: may teach the artifact that ships. ``refit``: only experiments on a benchmark's own domain. ``evaluate``:
test sets, never learned from. ``cache``: fits the verifier of the semantic cache."""


class Source(Struct, frozen=True, kw_only=True):
    """One data set.

    ``name`` is what its rows are called in reports; ``file`` its place below a data folder, without the suffix, or its
    hub id. ``commercial``: whether an artifact that learned from it may be used commercially.
    """

    name: str
    file: str
    origin: str
    licence: str
    commercial: bool
    use: Use
    note: str = ""


SOURCES = (
    Source(
        name="arena/votes_2023",
        file="arena/votes_2023",
        origin="lm-sys/FastChat, arena_hard_1k",
        licence="Apache-2.0",
        commercial=True,
        use="train",
        note="votes of people in Chatbot Arena, 2023",
    ),
    Source(
        name="arena/human_preference_55k_first100",
        file="arena/human_preference_55k_first100",
        origin="AlperCeyhun/llm-classification-finetuning, first rows of lmsys/lmsys-arena-human-preference-55k",
        licence="MIT; the full set Apache-2.0",
        commercial=True,
        use="train",
        note="votes of people in Chatbot Arena; its ties include both bad",
    ),
    Source(
        name="judged/alpaca_eval",
        file="judged/alpaca_eval",
        origin="tatsu-lab/alpaca_eval @cd543a14",
        licence="CC-BY-NC-4.0 (code Apache-2.0)",
        commercial=False,
        use="train",
        note="preferences of LLM judges",
    ),
    Source(
        name="golden/mmlu_pro",
        file="golden/mmlu_pro",
        origin="TIGER-AI-Lab/MMLU-Pro @f418b116, without MMLU's questions",
        licence="Apache-2.0",
        commercial=True,
        use="train",
    ),
    Source(
        name="golden/mmlu_pro_of_mmlu",
        file="golden/mmlu_pro_of_mmlu",
        origin="TIGER-AI-Lab/MMLU-Pro @f418b116, MMLU's test questions",
        licence="Apache-2.0",
        commercial=True,
        use="refit",
        note="test questions of a benchmark: for experiments on refitting, never for an artifact that ships",
    ),
    Source(
        name="golden/zeroeval",
        file="golden/zeroeval",
        origin="WildEval/ZeroEval @8c1485ed",
        licence="Apache-2.0",
        commercial=True,
        use="train",
    ),
    Source(
        name="golden/ulab",
        file="golden/ulab",
        origin="ulab-uiuc/LLMRouter @4e7a7969",
        licence="MIT",
        commercial=True,
        use="train",
    ),
    Source(
        name="golden/lm_eval",
        file="golden/lm_eval",
        origin="wheresmyhair/routellm-distl @ad652427",
        licence="MIT",
        commercial=True,
        use="train",
        note="small models, 1B to 8B",
    ),
    Source(
        name="sample/battles",
        file="battles",
        origin="data/sample of this project",
        licence="CC0-1.0",
        commercial=True,
        use="train",
        note="written for trying the commands; its preferences are invented",
    ),
    Source(
        name="sample/graded",
        file="graded",
        origin="data/sample of this project",
        licence="CC0-1.0",
        commercial=True,
        use="train",
        note="written for trying the commands; its grades are invented",
    ),
    Source(
        name="routellm_evals",
        file="routellm_evals/",
        origin="lm-sys/RouteLLM @0b64fdaf",
        licence="Apache-2.0",
        commercial=True,
        use="evaluate",
    ),
    Source(
        name="qqp/pairs",
        file="qqp/pairs",
        origin="zilliztech/GPTCache @c59fb3a6, Quora question pairs",
        licence="MIT repository; Quora's terms",
        commercial=False,
        use="cache",
    ),
)
"""The sets of a data folder."""

_PROMPTS_CC_BY = "CC-BY-4.0 for the prompts and votes; answers under other terms, and not read"

HUB_SETS = (
    Source(
        name="lmsys/lmsys-arena-human-preference-55k",
        file="lmsys/lmsys-arena-human-preference-55k",
        origin="Hugging Face hub",
        licence="Apache-2.0",
        commercial=True,
        use="train",
        note="57,477 votes; its ties include both bad",
    ),
    Source(
        name="lmsys/chatbot_arena_conversations",
        file="lmsys/chatbot_arena_conversations",
        origin="Hugging Face hub, gated",
        licence=_PROMPTS_CC_BY,
        commercial=True,
        use="train",
        note="33,000 votes of 2023",
    ),
    Source(
        name="lmarena-ai/arena-human-preference-100k",
        file="lmarena-ai/arena-human-preference-100k",
        origin="Hugging Face hub",
        licence=_PROMPTS_CC_BY,
        commercial=True,
        use="train",
        note="votes of June to August 2024",
    ),
    Source(
        name="lmarena-ai/arena-human-preference-140k",
        file="lmarena-ai/arena-human-preference-140k",
        origin="Hugging Face hub",
        licence=_PROMPTS_CC_BY,
        commercial=True,
        use="train",
        note="votes of 2025; follow-up votes are left out",
    ),
)
"""The published sets that are known by name. Any other set in the same form can be read too."""


def source_of_file(place: str) -> Source | None:
    """The registered set at ``place``, a path relative to the data folder, or None."""
    stem = _without_suffix(place)
    for source in SOURCES:
        if stem == source.file or (source.file.endswith("/") and place.startswith(source.file)):
            return source
    return None


def hub_set(name: str) -> Source | None:
    """The registered hub set called ``name``, or None."""
    return next((source for source in HUB_SETS if source.name == name), None)


def own_source(name: str) -> Source:
    """A set that is not registered: whoever passes it answers for its terms."""
    return Source(
        name=name,
        file=name,
        origin="given on the command line",
        licence="not known here: as its owner grants it",
        commercial=True,
        use="train",
    )


def _without_suffix(place: str) -> str:
    folder, slash, name = place.rpartition("/")
    return folder + slash + name.partition(".")[0]
