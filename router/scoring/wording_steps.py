"""The steps from the tokens of a question to its normal form; ``router.scoring.wording`` says what they are for."""

from __future__ import annotations

from collections.abc import Callable

from router.scoring.wording_tables import (
    AFTER_A_GREETING,
    AGENTS,
    ANNOUNCEMENTS,
    ASKED_OF_US,
    ATTRIBUTES,
    AUXILIARIES,
    BEFORE_A_VERB,
    BEFORE_USING,
    COMPARISONS,
    CONTRACTIONS,
    EXPLAINERS,
    GREETINGS,
    HANDIWORK,
    IS_AFTER,
    LANGUAGES,
    MEASURES,
    NUMBER_WORDS,
    PHRASE_STARTS,
    PHRASES,
    QUESTION_WORDS,
    STATES,
    SUBJECT_STARTS,
    TAKES_ME,
    TASK_VERBS,
    THANKS,
    WORDS,
    WRITINGS,
)

Tokens = list[str]


def _expand(tokens: Tokens) -> Tokens:
    expanded: Tokens = []
    for token in tokens:
        base, mark, ending = token.partition("'")
        if token in CONTRACTIONS:
            expanded.extend(CONTRACTIONS[token])
        elif mark and ending == "s":
            expanded.extend((base, "is" if base in IS_AFTER else "'s"))
        else:
            expanded.append(token)
    return expanded


def _drop_closing(tokens: Tokens) -> Tokens:
    """Without the closing full stop, repeated marks, "please" and, after a mark, thanks."""
    while len(tokens) > 1:
        polite = next((size for size in (4, 3, 2, 1) if _ends_politely(tokens, size)), 0)
        if tokens[-1] in {".", "!", ","} or (tokens[-1] == "?" and tokens[-2] in {"?", "!"}):
            tokens = tokens[:-1]
        elif tokens[-1] == "?" and _ends_politely(tokens[:-1], 1):
            tokens = tokens[:-2]
        elif polite:
            tokens = tokens[:-polite]
        else:
            break
    return tokens


def _ends_politely(tokens: Tokens, size: int) -> bool:
    if len(tokens) < size + 2:
        return False
    closing, before = tuple(tokens[-size:]), tokens[-size - 1]
    if before in {".", "!", "?"}:
        closing = tuple(token.lower() for token in closing)
    return closing in THANKS and (
        before in {",", ".", "!", "?"} or (closing == ("please",) and before.lower() not in BEFORE_A_VERB)
    )


def _drop_opening(tokens: Tokens) -> Tokens:
    while len(tokens) > 2:
        rest = _after_opening(tokens)
        if rest is None:
            return tokens
        tokens = rest
    return tokens


def _after_opening(tokens: Tokens) -> Tokens | None:
    """What follows one polite opening; None where there is none."""
    if tokens[0] in GREETINGS and len(tokens) > 3:
        start = 2 if tokens[1] == "there" else 1
        # "Hello, Dolly" is a title.
        if tokens[start] in {",", ".", "!"} and tokens[start + 1].lower() in AFTER_A_GREETING:
            return tokens[start + 1 :]
    if tokens[0] in {"please", "kindly"} and tokens[1].lower() != tokens[0]:
        return tokens[1:]
    return _after_request(tokens) or _after_announcement(tokens)


def _after_request(tokens: Tokens) -> Tokens | None:
    """ "Can you explain ..." asks for the explanation; "can you give blood ..." is a question about people."""
    if tokens[0] not in {"can", "could", "would", "will"} or tokens[1] != "you":
        return None
    if tokens[2] in {"please", "kindly"}:
        return tokens[3:] if len(tokens) > 4 and tokens[3] in TASK_VERBS else None
    if tokens[0] not in {"can", "could"} or len(tokens) < 4:
        return None
    verb, after = tokens[2], tokens[3]
    writes = verb == "write" and len(tokens) > 4 and after in {"a", "an"} and tokens[4] in WRITINGS
    return tokens[2:] if verb in ASKED_OF_US or (verb in TASK_VERBS and after == "me") or writes else None


def _after_announcement(tokens: Tokens) -> Tokens | None:
    for opener in ANNOUNCEMENTS.get(tokens[0], ()):
        size = len(opener)
        if tuple(tokens[:size]) != opener or len(tokens) < size + 3:
            continue
        rest = tokens[size + 1 :] if tokens[size] == "," else tokens[size:]
        if opener == ("how", "come"):
            return _direct(["why", *rest])
        if rest[0] in ({"how", "why"} if opener in EXPLAINERS else QUESTION_WORDS) and not _asks_whether_known(
            opener, rest
        ):
            return _direct(rest)
    return None


def _asks_whether_known(opener: tuple[str, ...], rest: Tokens) -> bool:
    """ "Do you know how to swim" and "tell me when you are ready" are no questions for the fact itself."""
    if "know" in opener and opener[0] in {"do", "does"}:
        return rest[:2] == ["how", "to"] or bool({"i", "me", "my", "you", "your"}.intersection(rest))
    return opener[0] == "tell" and rest[0] == "when"


def _direct(tokens: Tokens) -> Tokens:
    """An indirect question in direct order: "what the capital of France is" becomes "what is the capital of France"."""
    question = tokens[:-1] if tokens[-1] == "?" else tokens
    if len(question) < 3 or question[1] in AUXILIARIES:
        return tokens
    if question[0] == "how" and question[1] in MEASURES and question[-1] in {"is", "was"}:
        return [*question[:2], question[-1], *question[2:-1]]
    clear = (
        question[0] in {"where", "when", "why"}
        or (question[0] in {"what", "who"} and question[-1] in {"is", "are", "was", "were"})
        or (question[0] in {"what", "who", "how"} and question[1] in SUBJECT_STARTS)
    )
    place = next((place for place, token in enumerate(question) if token in AUXILIARIES), None)
    if (
        not clear
        or place is None
        or any(token in QUESTION_WORDS or token in {"that", ","} for token in question[1:place])
    ):
        return tokens
    return [question[0], question[place], *question[1:place], *question[place + 1 :]]


def _drop_question_mark(tokens: Tokens) -> Tokens:
    """After an opening that already says what is asked, the mark adds nothing; "Python is slow?" needs it."""
    opens = (
        tokens[0] in QUESTION_WORDS
        or tokens[0] in AUXILIARIES
        or tokens[0] in TASK_VERBS
        or tokens[0] in {"in", "using"}
    )
    return tokens[:-1] if len(tokens) > 1 and tokens[-1] == "?" and opens else tokens


def _drop_list_commas(tokens: Tokens) -> Tokens:
    return [
        token
        for position, token in enumerate(tokens)
        if not (token == "," and position + 1 < len(tokens) and tokens[position + 1] in {"and", "or"})
    ]


def _code_language_last(tokens: Tokens) -> Tokens:
    """ "In Python, how ..." and "... using Python" become "... in Python"."""
    if len(tokens) > 4 and tokens[0] in {"in", "using"} and tokens[1] in LANGUAGES:
        rest = tokens[3:] if tokens[2] == "," else tokens[2:]
        if rest[0] in QUESTION_WORDS or rest[0] in TASK_VERBS:
            return [*rest, "in", tokens[1]]
    uses = len(tokens) > 5 and tokens[-2] == "using" and tokens[-1] in LANGUAGES and tokens[-3] not in BEFORE_USING
    return [*tokens[:-2], "in", tokens[-1]] if uses and _asks_for_a_task(tokens) else tokens


def _asks_for_a_task(tokens: Tokens) -> bool:
    """ "Sort ..." and "how do I sort ..."; "why are people using Java" is about something else."""
    first, second, third = tokens[:3]
    how = first == "how" and (second == "to" or (second in {"do", "can"} and third in {"i", "you"}))
    return how or first in TASK_VERBS


def _plain_words(tokens: Tokens) -> Tokens:
    """Spelling variants and synonyms, but not where a text compares two of them or asks what one means."""
    if not any(token in WORDS or token in PHRASE_STARTS for token in tokens) or not COMPARISONS.isdisjoint(tokens):
        return tokens
    plain: Tokens = []
    position = 0
    while position < len(tokens):
        size = next((n for n in (4, 3, 2) if tuple(tokens[position : position + n]) in PHRASES), 0)
        if size:
            plain.extend(PHRASES[tuple(tokens[position : position + size])])
            position += size
        else:
            plain.append(WORDS.get(tokens[position], tokens[position]))
            position += 1
    changed = [token for token in plain if token not in tokens]
    clash = len(set(changed)) < len(changed) or any(
        WORDS.get(token, token) in tokens and WORDS.get(token, token) != token for token in tokens
    )
    return tokens if clash else plain


def _number_words(tokens: Tokens) -> Tokens:
    return [NUMBER_WORDS.get(token, token) for token in tokens]


def _without_me(tokens: Tokens) -> Tokens:
    """ "Write me a poem" is "write a poem"."""
    is_for_me = len(tokens) > 3 and tokens[0] in TAKES_ME and tokens[1] == "me"
    return (
        [tokens[0], *tokens[2:]] if is_for_me and (tokens[2] in {"a", "an", "some"} or tokens[2].isdigit()) else tokens
    )


def _how_to(tokens: Tokens) -> Tokens:
    """ "How do I", "how can I", "how to" ask for the same steps; "how do you" too, where only people take them."""
    if len(tokens) < 4 or tokens[0] != "how":
        return tokens
    if tokens[1] == "to":
        return ["how-to", *tokens[2:]] if tokens[2] not in STATES else tokens
    if tokens[1] not in {"do", "can"} or tokens[3] in STATES:
        return tokens
    of_anyone = len(tokens) > 4 and tokens[3] in HANDIWORK and not {"you", "your", "me", "my"}.intersection(tokens[4:])
    asks_steps = tokens[2] == "i" or (tokens[1] == "do" and tokens[2] == "you" and of_anyone)
    return ["how-to", *tokens[3:]] if asks_steps else tokens


def _how_it_works(tokens: Tokens) -> Tokens:
    if len(tokens) < 3 or tokens[0] != "how" or tokens[-1] not in {"work", "works"}:
        return tokens
    start = 2 if tokens[1] in {"do", "does"} else 1
    subject = tokens[start:-1]
    if not subject or AUXILIARIES.intersection(subject) or {"i", "we", "you", "my", "your"}.intersection(subject):
        return tokens
    return ["how", "does", *subject, "work"]


def _templates(tokens: Tokens) -> Tokens:
    """Questions that ask for one fact in a few fixed shapes."""
    if len(tokens) > 4 and tuple(tokens[:2]) in {("in", "what"), ("in", "which")} and tokens[2] == "year":
        tokens = ["what", *tokens[2:]]
    if tuple(tokens[:2]) == ("which", "year"):
        tokens = ["what", *tokens[1:]]
    if len(tokens) > 3 and tokens[:2] == ["where", "is"] and tokens[-1] in {"located", "situated"}:
        tokens = tokens[:-1]
    if len(tokens) > 5 and tokens[:2] == ["how", "many"] and tokens[-1] != "there":
        tokens = [
            t
            for at, t in enumerate(tokens)
            if not (t == "there" and tokens[at - 1] == "are" and tokens[at + 1] == "in")
        ]
    if (
        len(tokens) > 4
        and tuple(tokens[:3]) in {("what", "are", "the"), ("what", "is", "the")}
        and tokens[3] == "differences"
    ):
        tokens = ["what", "is", "the", "difference", *tokens[4:]]
    return _attribute(_possessive(tokens))


def _possessive(tokens: Tokens) -> Tokens:
    """ "What is France's capital" becomes "what is the capital of France"."""
    wh = len(tokens) > 4 and tokens[0] in {"what", "who"} and tokens[1] in {"is", "was"}
    if wh and tokens.count("'s") == 1 and tokens[-2] == "'s" and len(tokens) <= 7 and "of" not in tokens:
        return [*tokens[:2], "the", tokens[-1], "of", *tokens[2:-2]]
    return tokens


def _attribute(tokens: Tokens) -> Tokens:
    """ "What is the height of X" becomes "how tall is X"; "who is the author of X" becomes "who wrote X"."""
    if len(tokens) > 5 and tokens[2] == "the" and tokens[4] == "of":
        head, noun, rest = tokens[:2], tokens[3], tokens[5:]
        if head[0] == "who" and head[1] in {"is", "was"} and noun in AGENTS:
            return ["who", AGENTS[noun], *rest]
        if head == ["what", "is"] and noun in ATTRIBUTES:
            return [*ATTRIBUTES[noun], "is", *rest]
        if head == ["what", "is"] and noun == "meaning" and len(rest) <= 3:
            return ["what", "does", *rest, "mean"]
        if head == ["what", "is"] and noun == "cost" and len(rest) <= 4:
            return ["what", "does", *rest, "cost"]
        if head == ["what", "is"] and noun == "cause":
            return ["what", "causes", *rest]
        if head == ["what", "is"] and noun == "population":
            return ["how", "many", "people", "live", "in", *rest]
    if len(tokens) > 4 and tokens[:3] == ["how", "much", "does"] and tokens[-1] == "cost":
        return ["what", *tokens[2:]]
    return tokens


def _optional_the(tokens: Tokens) -> Tokens:
    """ "What is the capital of France" may drop its article; "what is the time" may not."""
    asks_of = "of" in tokens[3:5] and len(tokens) > 5
    if asks_of and tokens[0] in QUESTION_WORDS and tokens[1] in {"is", "are", "was", "were"} and tokens[2] == "the":
        return [*tokens[:2], *tokens[3:]]
    return tokens


STEPS: tuple[Callable[[Tokens], Tokens], ...] = (
    _expand,
    _drop_closing,
    _drop_opening,
    _drop_question_mark,
    _drop_list_commas,
    _code_language_last,
    _plain_words,
    _number_words,
    _without_me,
    _how_to,
    _how_it_works,
    _templates,
    _optional_the,
)
"""In this order: each step may rely on what the ones before it have done."""
