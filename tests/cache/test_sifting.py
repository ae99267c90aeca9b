"""What is plain of a candidate is seen where it is found: what is not waits for a thread and the whole verifier."""

from __future__ import annotations

import threading
import unicodedata
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from router.cache import SemanticCache
from router.cache.judge import Judge, Outlook, Verdict
from router.cache.rewordings import AT_ONCE_CHARS, CHARS_APART, MOST_READ_CHARS, is_alike_in_length
from router.cache.verify import Glimpse, LearnedVerifier
from router.cache.verifying import MOST_ON_LOOP_S, SHARE_ON_LOOP, LoopTime
from router.scoring.verifier.combination import Combination
from router.scoring.verifier.conversation import Turns
from router.scoring.verifier.evidence import ALWAYS, Evidence
from router.scoring.verifier.verifier import PairVerifier
from tests.cache.support import Clock, answer, body, completion, embed, ticket
from tests.scoring.verifier.parts import make_verifier

Kind = Literal["certain", "open", "refused"]

WORDS = "How do I reverse a list in Python"
ASKED, REWORDED = f"{WORDS}?", f"{WORDS} quickly?"
HERE = threading.main_thread().name


@pytest.fixture(autouse=True)
def one_blas_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every command has it."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")


class Sees(Judge):
    """Finds candidates as plain as it is told, by their texts, and notes where they were judged."""

    def __init__(self, **outlooks: Kind) -> None:
        super().__init__()
        self.outlooks = outlooks
        self.looked: list[str] = []
        self.judged: list[tuple[str, str]] = []
        self.seen: list[Glimpse | None] = []

    def outlook(self, cached: Turns, new: Turns) -> Outlook:
        self.looked.append(threading.current_thread().name)
        kind = next((seen for word, seen in self.outlooks.items() if word in cached.texts[-1]), "refused")
        return Outlook(kind, Glimpse(float(len(self.looked))))

    def verdict(self, tenant: str, cached: Turns, new: Turns, seen: Glimpse | None = None) -> Verdict | None:
        self.judged.append((cached.texts[-1], threading.current_thread().name))
        self.seen.append(seen)
        return Verdict(ALWAYS, "rules") if self.outlook(cached, new).kind == "certain" else None


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


async def test_nothing_is_looked_at_beyond_what_is_certain() -> None:
    judge = Sees(quickly="certain", slowly="open")
    cache = holding(judge, f"{WORDS} quickly now?", *(f"{WORDS} {number} slowly?" for number in range(3)))
    assert await told(cache, REWORDED) == f"{WORDS} quickly now?"
    assert len(judge.looked) == 2  # once beforehand, and once by this judge's verdict


async def test_what_only_the_whole_verifier_can_tell_is_judged_in_a_thread_by_what_was_seen() -> None:
    judge = Sees(reverse="open")
    cache = holding(judge, ASKED)
    assert await told(cache, REWORDED) is None
    assert [text for text, _ in judge.judged] == [ASKED]
    assert judge.judged[0][1] != HERE
    assert judge.seen == [Glimpse(1.0)]


async def test_long_candidates_are_looked_through_in_the_thread_too() -> None:
    judge = Sees()
    filler = "please " * (AT_ONCE_CHARS // 2 // len("please "))
    kept = [f"{filler}{WORDS} number {number}?" for number in range(4)]
    assert await told(holding(judge, *kept), f"{filler}{WORDS}?") is None
    assert len(judge.looked) == 4
    assert HERE not in judge.looked


async def test_a_burst_is_looked_through_in_threads_once_the_loops_time_is_spent() -> None:
    judge = Sees()
    cache = holding(judge, ASKED)
    with cache._verifying.loop_time.spent():
        threading.Event().wait(4 * MOST_ON_LOOP_S)
    assert await told(cache, REWORDED) is None
    assert HERE not in judge.looked


def test_time_on_the_loop_comes_back_as_it_passes() -> None:
    clock = Clock()
    left = LoopTime(clock)
    with left.spent():
        clock.now += 4.5 * MOST_ON_LOOP_S
    assert not left.is_left
    clock.now += MOST_ON_LOOP_S / SHARE_ON_LOOP
    assert not left.is_left
    clock.now += MOST_ON_LOOP_S / SHARE_ON_LOOP
    assert left.is_left


async def test_no_more_is_read_than_is_worth_it_and_the_nearest_in_any_case() -> None:
    judge = Sees(reverse="open")
    filler = "please " * (MOST_READ_CHARS // 4 // len("please "))
    kept = [f"{filler}{WORDS} {number}?" for number in range(4)]
    assert await told(holding(judge, *kept), f"{filler}{WORDS}?") is None
    assert len(judge.judged) == 1
    short = Sees(reverse="open")
    assert await told(holding(short, *(f"{WORDS} {number}?" for number in range(4))), ASKED) is None
    assert len(short.judged) == 4


async def test_what_is_not_read_leaves_its_share_to_the_next() -> None:
    judge = Sees(reverse="open")
    filler = "please " * 28
    middle, large = f"{filler}{WORDS} in all?", f"{filler}{WORDS} in all {'there ' * 12}?"
    asked = f"{filler}{WORDS} in all now?"
    cache = holding(judge, large, middle, f"{middle} ?")
    sizes = [len(asked) + len(text) for text in (middle, f"{middle} ?", large)]
    assert sum(sizes[:2]) <= MOST_READ_CHARS < sizes[0] + sizes[2]
    assert await told(cache, asked) is None
    assert sorted(text for text, _ in judge.judged) == sorted([middle, f"{middle} ?"])


async def test_a_banned_pair_is_neither_looked_at_nor_takes_anothers_share() -> None:
    judge = Sees(reverse="open")
    cache = holding(judge, ASKED)
    asked, entry = ticket(cache, body(REWORDED)), ticket(cache, body(ASKED))
    assert asked.keys is not None
    assert entry.keys is not None
    judge.ban(entry.keys.exact, asked.keys.exact)
    assert await told(cache, REWORDED) is None
    assert (judge.looked, judge.judged) == ([], [])


async def test_a_candidate_that_cannot_be_judged_hides_no_other() -> None:
    class BrokenForOne(Sees):
        def outlook(self, cached: Turns, new: Turns) -> Outlook:
            if "quickly now" in cached.texts[-1]:
                raise RuntimeError
            return super().outlook(cached, new)

        def verdict(self, tenant: str, cached: Turns, new: Turns, seen: Glimpse | None = None) -> Verdict | None:
            if "at last" in cached.texts[-1]:
                raise RuntimeError
            return Verdict(1.0, "v/1")

    cache = holding(BrokenForOne(reverse="open"), f"{WORDS} quickly now?", f"{WORDS} quickly at last?", f"{WORDS} so?")
    assert await told(cache, REWORDED) == f"{WORDS} so?"
    assert cache.stats().errors == 2


async def test_where_products_are_shared_out_among_threads_all_is_looked_through_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    judge = Sees()
    assert await told(holding(judge, ASKED), REWORDED) is None
    assert len(judge.looked) == 1
    assert HERE not in judge.looked


async def test_who_fails_at_a_glance_makes_a_miss(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Sees):
        def outlook(self, cached: Turns, new: Turns) -> Outlook:
            raise RuntimeError(ASKED)

    cache = holding(Broken(), ASKED)
    assert await told(cache, REWORDED) is None
    assert (cache.stats().misses, cache.stats().errors) == (1, 1)
    assert "RuntimeError" in caplog.text
    assert ASKED not in caplog.text


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


@pytest.mark.parametrize("same", [ASKED + "\n" * 2 * CHARS_APART, ASKED.replace(" ", " " * 30)])
async def test_what_no_reader_sees_makes_no_question_longer(same: str) -> None:
    assert await told(holding(Judge(), ASKED), same) == ASKED


def test_letters_in_two_characters_make_no_question_longer() -> None:
    kept = "서울에서 부산까지 가는 가장 빠른 방법은 무엇입니까? " * 3
    same = unicodedata.normalize("NFD", kept)
    assert len(same) - len(kept) > max(CHARS_APART, len(same) / 4)
    assert is_alike_in_length((same,), (kept,))
    assert not is_alike_in_length((kept * 3,), (kept,))


def learned(folder: Path, rule: Combination, **others: object) -> Judge:
    pairs = PairVerifier.load(make_verifier(folder / "1", rule=rule, network=True, **others))  # type: ignore[arg-type]
    judge = Judge(0.01)
    judge.adopt(LearnedVerifier(pairs), {"questions": Evidence(traps=2_000, tail=[4.0] * 200)}, name="v/1")
    return judge


@pytest.mark.parametrize(("most_logit", "seen"), [(1.0, "refused"), (9.0, "open"), (None, "open")])
def test_the_outlook_is_open_only_where_the_network_could_save_a_pair(
    tmp_path: Path, most_logit: float | None, seen: str
) -> None:
    judge = learned(tmp_path, Combination(encoder=1.0, most_logit=most_logit))
    cached, new = Turns("turn on the light"), Turns("turn off the light")
    assert judge.outlook(cached, new).kind == seen
    assert (judge.verdict("acme", cached, new) is not None) == (seen == "open")


def test_other_clothes_are_certain_with_and_without_a_verifier(tmp_path: Path) -> None:
    cached, new = Turns("Turn on the light."), Turns("turn on the light")
    for judge in (Judge(), learned(tmp_path, Combination(encoder=1.0, most_logit=1.0))):
        assert judge.outlook(cached, new).kind == "certain"
        assert judge.verdict("acme", cached, new) == Verdict(ALWAYS, "rules")


def test_a_verdict_by_what_was_seen_is_the_same_and_reads_no_features_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = learned(tmp_path, Combination(encoder=1.0, most_logit=9.0))
    cached, new = Turns("turn on the light"), Turns("turn off the light")
    seen = judge.outlook(cached, new).seen
    anew = judge.verdict("acme", cached, new)
    monkeypatch.setattr(PairVerifier, "glance", None)
    assert judge.verdict("acme", cached, new, seen) == anew is not None


def test_what_another_verifier_saw_is_not_gone_by(tmp_path: Path) -> None:
    cached, new = Turns("turn on the light"), Turns("turn off the light")
    strict = learned(tmp_path / "strict", Combination(encoder=1.0, most_logit=1.0))
    lenient = learned(tmp_path / "lenient", Combination(encoder=1.0, most_logit=9.0))
    assert lenient.verdict("acme", cached, new, strict.outlook(cached, new).seen) is not None


def test_the_most_that_a_score_can_be_is_no_less_than_the_score(tmp_path: Path) -> None:
    rule = Combination(encoder=1.0, most_logit=2.0)
    pairs = PairVerifier.load(make_verifier(tmp_path / "1", rule=rule, network=True))
    cached, new = Turns("turn on the light"), Turns("turn off the light")
    most = pairs.glance(cached, new).most
    assert not pairs.ready, "the network was not even loaded"
    assert most >= pairs.conversation_score(cached, new)
