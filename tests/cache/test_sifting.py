"""What is plain of a candidate is seen where it is found: what is not waits for a thread and the whole verifier."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from router.cache import SemanticCache
from router.cache.judge import Judge, Outlook, Verdict
from router.cache.rewordings import AT_ONCE_CHARS, CHARS_APART, MOST_READ_CHARS
from router.cache.verify import LearnedVerifier
from router.scoring.verifier.combination import Combination
from router.scoring.verifier.conversation import Turns
from router.scoring.verifier.evidence import ALWAYS, NEVER, Evidence
from router.scoring.verifier.verifier import PairVerifier
from tests.cache.support import answer, body, completion, embed, ticket
from tests.scoring.verifier.parts import make_verifier

WORDS = "How do I reverse a list in Python"
ASKED, REWORDED = f"{WORDS}?", f"{WORDS} quickly?"
HERE = threading.main_thread().name


class Sees(Judge):
    """Finds candidates as plain as it is told, by their texts, and notes where they were judged."""

    def __init__(self, **outlooks: Outlook) -> None:
        super().__init__()
        self.outlooks = outlooks
        self.looked: list[str] = []
        self.judged: list[tuple[str, str]] = []

    def outlook(self, cached: Turns, new: Turns) -> Outlook:
        self.looked.append(threading.current_thread().name)
        return next((seen for word, seen in self.outlooks.items() if word in cached.texts[-1]), "refused")

    def verdict(self, tenant: str, cached: Turns, new: Turns) -> Verdict | None:
        self.judged.append((cached.texts[-1], threading.current_thread().name))
        return Verdict(ALWAYS, "rules") if self.outlook(cached, new) == "certain" else None


def holding(judge: Judge, *texts: str) -> SemanticCache:
    cache = SemanticCache(judge=judge)
    for text in texts:
        assert cache.store(ticket(cache, body(text)), answer(completion(text)), embed)
    return cache


async def told(cache: SemanticCache, text: str) -> str | None:
    hit = await cache.semantic(ticket(cache, body(text)), embed)
    return msgspec.json.decode(hit.answer.body)["choices"][0]["message"]["content"] if hit else None


async def test_what_is_refused_at_a_glance_waits_for_no_thread() -> None:
    judge = Sees()
    cache = holding(judge, ASKED)
    assert await told(cache, REWORDED) is None
    assert (judge.looked, judge.judged) == ([HERE], [])
    assert cache.stats().misses == 1


async def test_what_is_certain_is_served_where_it_is_found_and_before_what_is_nearer() -> None:
    judge = Sees(slowly="certain", quickly="open")
    cache = holding(judge, f"{WORDS} quickly now?", f"{WORDS} slowly?")
    assert await told(cache, REWORDED) == f"{WORDS} slowly?"
    assert judge.judged == [(f"{WORDS} slowly?", HERE)]
    assert cache.stats().hits_semantic == 1


async def test_what_only_the_whole_verifier_can_tell_is_judged_in_a_thread() -> None:
    judge = Sees(reverse="open")
    cache = holding(judge, ASKED)
    assert await told(cache, REWORDED) is None
    assert [text for text, _ in judge.judged] == [ASKED]
    assert judge.judged[0][1] != HERE


async def test_long_candidates_are_looked_through_in_the_thread_too() -> None:
    judge = Sees()
    filler = "please " * (AT_ONCE_CHARS // 8 // len("please "))
    kept = [f"{filler}{WORDS} number {number}?" for number in range(4)]
    assert await told(holding(judge, *kept), f"{filler}{WORDS}?") is None
    assert len(judge.looked) == 4
    assert HERE not in judge.looked


async def test_no_more_is_read_than_is_worth_it_and_the_nearest_in_any_case() -> None:
    judge = Sees(reverse="open")
    filler = "please " * (MOST_READ_CHARS // 4 // len("please "))
    kept = [f"{filler}{WORDS} {number}?" for number in range(4)]
    assert await told(holding(judge, *kept), f"{filler}{WORDS}?") is None
    assert len(judge.judged) == 1
    short = Sees(reverse="open")
    assert await told(holding(short, *(f"{WORDS} {number}?" for number in range(4))), ASKED) is None
    assert len(short.judged) == 4


async def test_who_fails_at_a_glance_makes_a_miss(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Sees):
        def outlook(self, cached: Turns, new: Turns) -> Outlook:
            raise RuntimeError(ASKED)

    cache = holding(Broken(), ASKED)
    assert await told(cache, REWORDED) is None
    assert (cache.stats().misses, cache.stats().errors) == (1, 1)
    assert "RuntimeError" in caplog.text
    assert ASKED not in caplog.text


def learned(folder: Path, rule: Combination) -> Judge:
    pairs = PairVerifier.load(make_verifier(folder / "1", rule=rule, network=True))
    judge = Judge(0.01)
    judge.adopt(LearnedVerifier(pairs), {"questions": Evidence(traps=2_000, tail=[4.0] * 200)}, name="v/1")
    return judge


@pytest.mark.parametrize(("most_logit", "seen"), [(1.0, "refused"), (9.0, "open")])
def test_the_outlook_is_open_only_where_the_network_could_save_a_pair(
    tmp_path: Path, most_logit: float, seen: Outlook
) -> None:
    judge = learned(tmp_path, Combination(encoder=1.0, most_logit=most_logit))
    cached, new = Turns("turn on the light"), Turns("turn off the light")
    assert judge.outlook(cached, new) == seen
    assert (judge.verdict("acme", cached, new) is not None) == (seen == "open")


def test_other_clothes_are_certain_with_and_without_a_verifier(tmp_path: Path) -> None:
    cached, new = Turns("Turn on the light."), Turns("turn on the light")
    for judge in (Judge(), learned(tmp_path, Combination(encoder=1.0, most_logit=1.0))):
        assert judge.outlook(cached, new) == "certain"
        assert judge.verdict("acme", cached, new) == Verdict(ALWAYS, "rules")


def test_the_most_that_a_score_can_be_is_no_less_than_the_score(tmp_path: Path) -> None:
    pairs = PairVerifier.load(
        make_verifier(tmp_path / "1", rule=Combination(encoder=1.0, most_logit=2.0), network=True)
    )
    cached, new = Turns("turn on the light"), Turns("turn off the light")
    most = pairs.most(cached, new, at_least=NEVER)
    assert not pairs.ready, "the network was not even loaded"
    assert most >= pairs.conversation_score(cached, new)


async def test_a_question_far_longer_than_the_kept_one_is_not_even_looked_at() -> None:
    judge = Sees(reverse="certain")
    cache = holding(judge, ASKED)
    much = f"{WORDS}, {'reverse a list ' * 6}?"
    assert len(much) - len(ASKED) > CHARS_APART
    assert await told(cache, much) is None
    assert judge.looked == []
    assert await told(cache, f"{WORDS}, {'reverse a list ' * 4}?") == ASKED


async def test_of_long_questions_as_much_as_a_quarter_may_be_in_one_alone() -> None:
    judge = Sees(reverse="certain")
    kept = f"{WORDS}, {'and tell me why ' * 25}?"
    assert await told(holding(judge, kept), f"{WORDS}, {'and tell me why ' * 19}?") == kept
