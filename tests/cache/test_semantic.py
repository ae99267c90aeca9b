"""The semantic step as the server takes it: judged in a thread, served only if still alive, harmless when it fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from router.cache import SemanticCache
from router.cache.judge import Judge, Outlook, Verdict
from router.cache.rewordings import CANDIDATES
from router.cache.verify import Glimpse
from router.cache.verifying import MOST_UNDER_WAY, VERIFIER_THREADS
from router.scoring.verifier.conversation import Turns
from tests.cache.support import Clock, answer, body, completion, embed, ticket

ASKED = "How do I reverse a list in Python?"
REWORDED = "Please tell me how to reverse a list in Python"


class WatchedJudge(Judge):
    """Notes what was judged and in which thread, and does something else first where it is told to.

    Nothing is plain to it beforehand, so that every candidate waits for a thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] = lambda: None
        self.judged: list[str] = []
        self.threads: set[str] = set()

    def outlook(self, cached: Turns, new: Turns) -> Outlook:
        return Outlook("open")

    def verdict(self, tenant: str, cached: Turns, new: Turns, seen: Glimpse | None = None) -> Verdict | None:
        self.judged.append(cached.texts[-1])
        self.threads.add(threading.current_thread().name)
        self.meanwhile()
        return super().verdict(tenant, cached, new)


@pytest.fixture
def judge() -> WatchedJudge:
    return WatchedJudge()


@pytest.fixture
def cache(judge: WatchedJudge) -> SemanticCache:
    return SemanticCache(judge=judge)


def keep(cache: SemanticCache, raw: dict[str, Any], text: str = "kept", *, route: str = "weak", **others: Any) -> None:
    assert cache.store(ticket(cache, raw, **others), answer(completion(text), route=route), embed)


def talk(*texts: str) -> dict[str, Any]:
    roles = ["user" if place % 2 == 0 else "assistant" for place in range(len(texts))]
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]}


async def told(cache: SemanticCache, raw: dict[str, Any], **options: Any) -> str | None:
    hit = await cache.semantic(ticket(cache, raw), embed, **options)
    return msgspec.json.decode(hit.answer.body)["choices"][0]["message"]["content"] if hit else None


async def test_verdicts_are_found_in_a_thread_while_the_loop_goes_on(cache: SemanticCache, judge: WatchedJudge) -> None:
    released = threading.Event()
    judge.meanwhile = lambda: assert_true(released.wait(timeout=30))
    keep(cache, body(ASKED))
    asking = asyncio.create_task(told(cache, body(REWORDED)))
    while not judge.judged:
        await asyncio.sleep(0.001)
    released.set()
    assert await asking == "kept"
    assert threading.main_thread().name not in judge.threads


def assert_true(value: bool) -> None:
    assert value


@pytest.mark.parametrize(
    "raw", [body("What is rain?"), body("w" * 700), body(REWORDED, seed=1), talk("Hi", "Hello", REWORDED)]
)
def test_where_there_is_no_candidate_nothing_is_waited_for(
    cache: SemanticCache, judge: WatchedJudge, raw: dict[str, Any]
) -> None:
    keep(cache, body(ASKED))
    step = cache.semantic(ticket(cache, raw), embed)
    with pytest.raises(StopIteration) as ended:
        step.send(None)
    assert ended.value.value is None
    assert judge.judged == []


async def test_candidates_are_judged_nearest_first_until_one_passes(cache: SemanticCache, judge: WatchedJudge) -> None:
    for language in ("Java", "Ruby", "Perl", "Python", "Scala", "Haskell"):
        keep(cache, body(f"How do I reverse a list in {language}?"), language)
    assert await told(cache, body("How can I reverse a list in Python?")) == "Python"
    assert judge.judged == [ASKED]
    judge.judged.clear()
    assert await told(cache, body("How do I reverse a list in Rust?")) is None
    assert len(judge.judged) == CANDIDATES


async def test_an_answer_that_the_caller_would_refuse_is_not_judged_at_all(
    cache: SemanticCache, judge: WatchedJudge
) -> None:
    keep(cache, body(ASKED))
    assert await told(cache, body(REWORDED), accept=lambda kept: kept.route == "strong") is None
    assert judge.judged == []


async def test_a_judge_that_fails_costs_a_miss(
    cache: SemanticCache, judge: WatchedJudge, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("cannot judge: " + ASKED)

    judge.meanwhile = fail
    keep(cache, body(ASKED))
    assert await told(cache, body(REWORDED)) is None
    assert (cache.stats().errors, cache.stats().misses) == (1, 1)
    assert "RuntimeError" in caplog.text
    assert "reverse" not in caplog.text


async def test_an_answer_that_left_while_it_was_judged_is_not_served(cache: SemanticCache, judge: WatchedJudge) -> None:
    judge.meanwhile = lambda: assert_true(cache.clear() == 1)
    keep(cache, body(ASKED))
    assert await told(cache, body(REWORDED)) is None


async def test_an_answer_that_was_replaced_meanwhile_must_please_the_caller_too(
    cache: SemanticCache, judge: WatchedJudge
) -> None:
    judge.meanwhile = lambda: keep(cache, body(ASKED), "weak now", route="weak")
    keep(cache, body(ASKED), "strong", route="strong")
    assert await told(cache, body(REWORDED), accept=lambda kept: kept.route == "strong") is None
    keep(cache, body(ASKED), "strong", route="strong")
    assert await told(cache, body(REWORDED), accept=lambda kept: True) == "weak now"


async def test_who_leaves_while_its_verdict_is_found_harms_nothing(cache: SemanticCache, judge: WatchedJudge) -> None:
    begun, released = threading.Event(), threading.Event()
    judge.meanwhile = lambda: assert_true(begun.set() is None and released.wait(timeout=30))
    keep(cache, body(ASKED))
    leaving = asyncio.create_task(told(cache, body(REWORDED)))
    await asyncio.to_thread(begun.wait, 30)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    released.set()
    assert await told(cache, body(REWORDED)) == "kept"
    assert cache.stats().errors == 0


async def test_a_verdict_that_does_not_come_costs_a_miss(
    cache: SemanticCache, judge: WatchedJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    judge.meanwhile = lambda: assert_true(released.wait(timeout=30))
    monkeypatch.setattr("router.cache.verifying.VERDICT_PATIENCE_S", 0.01)
    keep(cache, body(ASKED))
    assert await told(cache, body(REWORDED)) is None
    released.set()
    assert (cache.stats().errors, cache.stats().misses) == (1, 1)


async def held_up(cache: SemanticCache, judge: WatchedJudge) -> tuple[threading.Event, list[asyncio.Task[str | None]]]:
    """Every verifier thread holds a verdict back until the event is set; the tasks wait for these."""
    released = threading.Event()
    judge.meanwhile = lambda: assert_true(released.wait(timeout=30))
    keep(cache, body(ASKED))
    first = [asyncio.create_task(told(cache, body(REWORDED))) for _ in range(VERIFIER_THREADS)]
    while len(judge.judged) < VERIFIER_THREADS:
        await asyncio.sleep(0.001)
    return released, first


async def test_a_burst_goes_on_as_misses_at_once_where_the_verifier_is_busy(
    cache: SemanticCache, judge: WatchedJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.cache.verifying.TURN_PATIENCE_S", 30.0)
    released, first = await held_up(cache, judge)
    waiting = [asyncio.create_task(told(cache, body(REWORDED))) for _ in range(MOST_UNDER_WAY - VERIFIER_THREADS)]
    await asyncio.sleep(0.01)
    burst = [cache.semantic(ticket(cache, body(REWORDED)), embed) for _ in range(50)]
    for step in burst:
        with pytest.raises(StopIteration) as ended:  # it waits for nothing
            step.send(None)
        assert ended.value.value is None
    assert (cache.stats().unjudged, cache.stats().misses, cache.stats().errors) == (50, 50, 0)
    released.set()
    assert set(await asyncio.gather(*first, *waiting)) == {"kept"}
    assert await told(cache, body(REWORDED)) == "kept"
    assert len(judge.judged) == MOST_UNDER_WAY + 1


async def test_who_waits_too_long_for_its_turn_goes_on_as_a_miss_and_is_judged_no_more(
    cache: SemanticCache, judge: WatchedJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.cache.verifying.TURN_PATIENCE_S", 0.01)
    released, first = await held_up(cache, judge)
    assert await told(cache, body(REWORDED)) is None
    leaving = asyncio.create_task(told(cache, body(REWORDED)))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait({leaving})
    assert (cache.stats().unjudged, cache.stats().errors) == (1, 0)
    released.set()
    assert set(await asyncio.gather(*first)) == {"kept"}
    assert await told(cache, body(REWORDED)) == "kept"
    assert len(judge.judged) == VERIFIER_THREADS + 1


async def test_who_takes_a_cached_answer_or_none_waits_for_its_turn(
    cache: SemanticCache, judge: WatchedJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.cache.verifying.TURN_PATIENCE_S", 0.01)
    monkeypatch.setattr("router.cache.verifying.MOST_UNDER_WAY", 1)
    monkeypatch.setattr("router.cache.verifying.VERDICT_PATIENCE_S", 30.0)
    released, first = await held_up(cache, judge)
    patient = ticket(cache, body(REWORDED), cache_control="only-if-cached")
    asking = asyncio.create_task(cache.semantic(patient, embed))
    await asyncio.sleep(0.1)
    released.set()
    assert await asking is not None
    assert set(await asyncio.gather(*first)) == {"kept"}


async def test_the_nearest_question_tells_its_cosine_whether_it_is_served_or_not(cache: SemanticCache) -> None:
    near = "How do I reverse a list in Java?"
    keep(cache, body(ASKED))
    for question in (REWORDED, near, "What is rain?"):
        asked = ticket(cache, body(question))
        assert asked.similarity == 0.0
        hit = await cache.semantic(asked, embed)
        assert asked.similarity == pytest.approx(max(float(embed(ASKED) @ embed(question)), 0.0), abs=1e-5)
        assert hit is None or hit.similarity == pytest.approx(asked.similarity)


async def test_an_earlier_turn_may_be_worded_otherwise_and_may_not_say_something_else(cache: SemanticCache) -> None:
    keep(cache, talk("What's the capital of Norway?", "Oslo.", "How many people live there?"))
    assert await told(cache, talk("What is the capital of Norway?", "Oslo.", "How many people live there?")) == "kept"
    for other in (
        talk("What's the capital of Sweden?", "Oslo.", "How many people live there?"),
        talk("What's the capital of Norway?", "Bergen.", "How many people live there?"),
        talk("What's the capital of Norway?", "Oslo.", "How many cats live there?"),
        talk("How many people live there?"),
    ):
        assert await told(cache, other) is None


async def test_a_clock_that_goes_backwards_makes_no_answer_younger_than_new() -> None:
    clock = Clock()
    cache = SemanticCache(ttl_s=100.0, clock=clock)
    keep(cache, body(ASKED))
    clock.now -= 500
    for question in (ASKED, REWORDED):
        hit = cache.lookup(ticket(cache, body(question), cache_control="max-age=0"), embed)
        assert hit is not None
        assert hit.age_s == 0.0
    clock.now += 600
    assert cache.lookup(ticket(cache, body(ASKED)), embed) is None
    assert cache.stats().errors == 0


async def test_many_readers_on_the_loop_and_writers_in_threads_get_each_its_own_answer() -> None:
    cache = SemanticCache(max_entries=30)

    def write(worker: int) -> None:
        for step in range(100):
            number = (worker * 7 + step) % 40
            keep(cache, body(f"What is {number} plus 1?"), str(number))

    async def read(worker: int) -> None:
        for step in range(25):
            number = (worker * 11 + step) % 40
            assert await told(cache, body(f"what is {number} plus 1")) in (None, str(number))

    writers = [asyncio.to_thread(write, worker) for worker in range(3)]
    await asyncio.gather(*writers, *(read(worker) for worker in range(8)))
    await read(0)
    stats = cache.stats()
    assert stats.errors == 0
    assert stats.hits_semantic > 0
    assert stats.entries == len(cache._index) <= 30
