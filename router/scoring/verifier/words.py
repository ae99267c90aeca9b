"""Words whose being on one side only usually changes the answer, and other tables of the pair verifier."""

from __future__ import annotations

from router.scoring.pair import NEGATIONS
from router.scoring.wording_tables import AUXILIARIES, QUESTION_WORDS, TASK_VERBS

SPELLED: dict[str, str] = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
} | {
    word: str(10 * number)
    for number, word in enumerate("thirty forty fifty sixty seventy eighty ninety hundred".split(), 3)
}
"""Numbers in words to digits."""

SMALL = frozenset("a an the of to in on at for is are be do does my me i you it and please can could would".split())
"""Words without much content."""

KINDS: dict[str, frozenset[str]] = {
    "negation": NEGATIONS,
    "question": QUESTION_WORDS,
    "direction": frozenset("from to into than before after by with without if unless only all every any".split()),
    "person": frozenset("i me my mine we us our you your he him his she her they them their".split()),
    "form": frozenset(
        "list table bullet bullets json yaml csv xml markdown haiku poem sentence sentences word words paragraph "
        "paragraphs short brief briefly long detailed steps code one-liner essay tweet".split()
    ),
    "modal": AUXILIARIES & frozenset("can could will would should shall may might must".split()),
    "past": frozenset("was were did had".split()),
    "task": TASK_VERBS,
}
"""Kinds of words whose being on one side only usually changes the answer."""

OPPOSITES: dict[str, str] = {
    word: other
    for pair in (
        "increase/decrease open/close start/stop buy/sell best/worst good/bad before/after enable/disable "
        "add/remove first/last more/less most/least highest/lowest ascending/descending win/lose gain/lose "
        "largest/smallest always/never with/without import/export upload/download push/pull male/female "
        "man/woman boy/girl men/women old/new hot/cold long/short high/low fast/slow rich/poor "
        "cheap/expensive advantages/disadvantages love/hate possible/impossible legal/illegal safe/dangerous "
        "encode/decode encrypt/decrypt lock/unlock install/uninstall maximum/minimum max/min left/right "
        "up/down inside/outside above/below early/late easy/hard public/private send/receive "
        "teach/learn borrow/lend rise/fall strong/weak positive/negative what/why how/why when/where"
    ).split()
    for word, other in (pair.split("/"), pair.split("/")[::-1])
}
"""A word to the one that turns what is asked round."""
