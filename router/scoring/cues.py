"""Words that hint at what kind of task a prompt sets.

English, since nearly all votes are; other languages are seen by their characters and by how words fall into tokens.
"""

from __future__ import annotations

_WORDS = {
    "maths.cue_words": """
        add algebra angle area arithmetic average calculate coefficient compute cube denominator derivative
        determine diameter difference digit digits divide divided divisible divisor equal equals equation
        evaluate expression factor formula fraction function geometry graph greatest hypotenuse inequality
        integer integers integral length matrix maximum mean median minimum minus multiple multiply number
        numbers percent percentage perimeter plus polygon polynomial positive prime probability product proof
        quadratic radius ratio remainder root roots rounded simplify slope solution solve square sum theorem
        times total triangle units variable vector volume
    """,
    "code.cue_words": """
        algorithm api array bash bug class code coding command compile compiler component const css database
        debug def django docker endpoint exception flask function functions git golang html http implement
        implementation int java javascript json kernel kotlin kubernetes library linux loop method module node
        numpy object pandas parse pipeline powershell printf program programming python query react refactor
        regex return rust schema script server shell software spark sql stack string struct swift syntax
        terminal typescript unittest variable xml yaml
    """,
    "reasoning.cue_words": """
        analyse analyze argue argument assess because compare comparison conclude conclusion contradiction
        contrast critically critique deduce derive discuss evaluate evidence explain how hypothesis if implies
        imply infer justify logic logical optimize prove puzzle rationale reason reasoning since solve step
        steps strategy suppose therefore thoroughly why
    """,
    "choice.cue_words": """
        above alternative alternatives answer answers best choice choices choose correct correctly except false
        following incorrect likely none option options select statement statements true which
    """,
    "constraint.cue_words": """
        avoid bullet bullets cannot characters column columns concise constraint constraints csv detailed each
        ensure every exactly format include including json least limit list markdown maximum minimum most must
        never no not only output paragraph paragraphs points required requirements rhyme rows rules sentence
        sentences short should table template tone under unless using valid without word words
    """,
    "creative.cue_words": """
        act adventure chapter character characters compose creative dialogue dragon essay fantasy fiction
        fictional haiku imagine joke jokes lyrics narrative novel persona play plot poem poetry pretend
        protagonist rap roleplay scene scenes screenplay script song speech story storyline tale tell
    """,
    "transform.cue_words": """
        abstract article classify convert correct email extract fix grammar identify improve label paraphrase
        passage proofread reformulate rephrase rewrite sentiment shorten summarise summarize summary text title
        translate translation
    """,
    "expert.cue_words": """
        acid biology chemistry circuit clinical compound court diagnosis disease economics electron energy
        engineering enzyme finance force gene genetic law legal medical medicine molecule patient philosophy
        physics physiology pressure protein psychology quantum statistics statute structural temperature theory
        therapy thermodynamics treatment velocity voltage
    """,
    "chat.cue_words": """
        advice are can could do favorite feel friend hello help hey hi i im like me my opinion please recommend
        recommendation suggest thank thanks think want what would you your
    """,
    "instruction.cue_words": """
        answer build calculate complete convert create describe design develop draft explain find generate give
        identify implement list make name outline plan produce propose provide show suggest summarize tell think
        translate use write
    """,
}

_OPENINGS = {
    "opening.fact_question": "who whom whose when where",
    "opening.what_question": "what which",
    "opening.how_question": "how why",
    "opening.yes_no_question": "is are was were do does did can could should would will has have am",
    "opening.make": "write create make generate draft compose design build develop implement produce code",
    "opening.tell": "explain describe discuss compare analyze analyse outline summarize tell give list name show",
    "opening.problem": "if suppose let given consider find solve calculate compute prove determine",
    "opening.address": "you act imagine pretend i please hello hi hey",
}


def _columns(words_of: dict[str, str]) -> dict[str, tuple[int, ...]]:
    """Turn name -> words into word -> positions of the names that it belongs to."""
    columns: dict[str, tuple[int, ...]] = {}
    for position, words in enumerate(words_of.values()):
        for word in words.split():
            columns[word] = (*columns.get(word, ()), position)
    return columns


CUE_NAMES: tuple[str, ...] = tuple(_WORDS)
"""Cue groups, in the order of their columns."""

CUES: dict[str, tuple[int, ...]] = _columns(_WORDS)
"""Word to the cue groups (positions in ``CUE_NAMES``) that it belongs to."""

OPENING_NAMES: tuple[str, ...] = tuple(_OPENINGS)
"""Kinds of opening, in the order of their columns."""

OPENINGS: dict[str, tuple[int, ...]] = _columns(_OPENINGS)
"""First word of a prompt to the kind of opening (position in ``OPENING_NAMES``) that it makes."""
