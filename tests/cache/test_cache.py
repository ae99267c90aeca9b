"""The cache as the gateway uses it: tickets, both kinds of hit, isolation, counts, and failures that reach nobody."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from typing import Any

import msgspec
import numpy as np
import pytest

from router.cache import Cache, NullCache, SemanticCache
from tests.cache.support import Clock, answer, body, completion, embed, rows, ticket, typed

ASKED = "How do I reverse a list in Python?"
REWORDED = "Please tell me how to reverse a list in Python"
TRAP = "How do I reverse a list in Java?"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> SemanticCache:
    return SemanticCache(ttl_s=100.0, max_entries=100, clock=clock)


def keep(cache: SemanticCache, raw: dict[str, Any], text: str = "kept", **others: Any) -> bool:
    return cache.store(ticket(cache, raw, **others), answer(completion(text)), embed)


def told(cache: SemanticCache, raw: dict[str, Any], **others: Any) -> str | None:
    hit = cache.lookup(ticket(cache, raw, **others), embed)
    return msgspec.json.decode(hit.answer.body)["choices"][0]["message"]["content"] if hit else None


def test_the_same_request_is_answered_from_the_cache(cache: SemanticCache, clock: Clock) -> None:
    assert keep(cache, body(ASKED))
    clock.now += 7
    hit = cache.lookup(ticket(cache, body(ASKED)), embed)
    assert hit is not None
    assert (hit.kind, hit.similarity, hit.age_s) == ("exact", 1.0, 7.0)
    assert hit.answer == answer(completion("kept"))


def test_a_rewording_is_answered_from_the_cache(cache: SemanticCache) -> None:
    keep(cache, body(ASKED))
    hit = cache.lookup(ticket(cache, body(REWORDED)), embed)
    assert hit is not None
    assert hit.kind == "semantic"
    assert hit.similarity == pytest.approx(float(embed(ASKED) @ embed(REWORDED)), abs=1e-5)


def test_a_near_question_with_another_answer_is_a_miss(cache: SemanticCache) -> None:
    keep(cache, body(ASKED))
    assert told(cache, body(TRAP)) is None


def test_the_exact_step_never_encodes(cache: SemanticCache) -> None:
    keep(cache, body(ASKED))

    def explode(text: str) -> Any:
        raise AssertionError(text)

    assert cache.lookup(ticket(cache, body(ASKED)), explode) is not None
    assert cache.lookup(ticket(cache, body(ASKED), tenant="other"), explode) is None
    assert cache.stats().errors == 0


def test_a_question_is_encoded_once_for_lookup_and_store(cache: SemanticCache) -> None:
    keep(cache, body(ASKED))
    calls: list[str] = []

    def counting(text: str) -> Any:
        calls.append(text)
        return embed(text)

    asked = ticket(cache, body(TRAP))
    assert cache.lookup(asked, counting) is None
    assert cache.store(asked, answer(), counting)
    assert calls == [TRAP]


def test_with_the_semantic_step_off_only_exact_requests_hit(clock: Clock) -> None:
    cache = SemanticCache(semantic=False, clock=clock)
    keep(cache, body(ASKED))
    assert told(cache, body(ASKED)) == "kept"
    assert told(cache, body(REWORDED)) is None
    assert cache.stats().partitions == 0


def test_the_caller_may_refuse_a_candidate_and_take_the_next(cache: SemanticCache) -> None:
    weak, strong = answer(route="weak"), answer(route="strong")
    cache.store(ticket(cache, body(ASKED)), weak, embed)
    found = cache.lookup(ticket(cache, body(REWORDED)), embed, accept=lambda kept: kept.route == "strong")
    assert found is None
    cache.store(ticket(cache, body("How can I reverse a list in Python?")), strong, embed)
    found = cache.lookup(ticket(cache, body(REWORDED)), embed, accept=lambda kept: kept.route == "strong")
    assert found is not None
    assert found.answer.route == "strong"


FOREIGN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"tenant": "other"}),
    ({}, {"policy": "threshold=0.9"}),
    ({"model": "strong"}, {}),
    ({"temperature": 0.1}, {}),
    ({"max_tokens": 9}, {}),
    ({"response_format": {"type": "json_object"}}, {}),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, {}),
    ({"user": "somebody-else"}, {}),
    ({"an_unknown_field": 1}, {}),
]


@pytest.mark.parametrize("question", [ASKED, REWORDED])
@pytest.mark.parametrize(("fields", "others"), FOREIGN)
def test_no_answer_crosses_into_another_scope(
    cache: SemanticCache, question: str, fields: dict[str, Any], others: dict[str, Any]
) -> None:
    keep(cache, body(ASKED))
    assert told(cache, {**body(question), **fields}, **others) is None


@pytest.mark.parametrize("question", [ASKED, REWORDED])
def test_another_tenant_finds_nothing_whatever_it_sends(cache: SemanticCache, question: str) -> None:
    for fields, _ in FOREIGN:
        keep(cache, {**body(ASKED), **fields})
    for fields, _ in FOREIGN:
        assert told(cache, {**body(question), **fields}, tenant="other") is None


@pytest.mark.parametrize(
    "before",
    [
        [{"role": "system", "content": "Answer in French."}],
        [{"role": "developer", "content": "Answer in French."}],
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}],
    ],
)
def test_the_same_last_message_after_another_history_is_a_miss(
    cache: SemanticCache, before: list[dict[str, Any]]
) -> None:
    keep(cache, body(ASKED))
    for question in (ASKED, REWORDED):
        raw = body(question)
        assert told(cache, {**raw, "messages": [*before, *raw["messages"]]}) is None


def test_a_rewording_at_the_end_of_the_same_history_hits(cache: SemanticCache) -> None:
    history = [{"role": "system", "content": "Be brief."}]
    first, second = ({"messages": [*history, {"role": "user", "content": question}]} for question in (ASKED, REWORDED))
    keep(cache, first)
    assert told(cache, second) == "kept"


def test_no_trap_is_served_through_the_whole_cache() -> None:
    for trap in rows("traps.jsonl"):
        cache = SemanticCache()
        keep(cache, body(trap["a"]))
        assert told(cache, body(trap["b"])) is None, trap


def test_an_answer_expires(cache: SemanticCache, clock: Clock) -> None:
    keep(cache, body(ASKED))
    clock.now += 100
    assert told(cache, body(REWORDED)) is None
    assert told(cache, body(ASKED)) is None
    stats = cache.stats()
    assert (stats.entries, stats.bytes, stats.partitions, stats.expired) == (0, 0, 0, 1)


def test_max_age_asks_for_a_younger_answer_and_leaves_the_older_for_others(cache: SemanticCache, clock: Clock) -> None:
    keep(cache, body(ASKED))
    clock.now += 30
    assert told(cache, body(ASKED), cache_control="max-age=29") is None
    assert told(cache, body(REWORDED), cache_control="max-age=29") is None
    assert told(cache, body(ASKED), cache_control="max-age=30") == "kept"


def test_no_cache_refreshes_the_answer_for_the_next_caller(cache: SemanticCache) -> None:
    keep(cache, body(ASKED), "old")
    fresh = ticket(cache, body(ASKED), cache_control="no-cache")
    assert (fresh.bypass, fresh.outcome) == ("no-cache", "bypass")
    assert cache.lookup(fresh, embed) is None
    assert cache.store(fresh, answer(completion("new")), embed)
    assert told(cache, body(ASKED)) == "new"


def test_no_store_leaves_no_trace(cache: SemanticCache) -> None:
    assert not keep(cache, body(ASKED), cache_control="no-store")
    assert cache.stats().entries == 0


def test_a_hot_request_passes_the_cache_by() -> None:
    cache = SemanticCache(max_temperature=0.5)
    hot = ticket(cache, body(ASKED, temperature=0.6))
    assert (hot.bypass, hot.outcome, hot.question) == ("temperature", "bypass", None)
    assert not keep(cache, body(ASKED, temperature=0.6))
    assert keep(cache, body(ASKED, temperature=0.5))


def test_an_unfinished_answer_is_not_kept(cache: SemanticCache) -> None:
    cut = answer(completion(finish_reason="length"))
    assert not cache.store(ticket(cache, body(ASKED)), cut, embed)
    assert cache.stats().not_stored == 1


def test_an_evicted_entry_takes_its_vector_along() -> None:
    cache = SemanticCache(max_entries=3)
    for number in range(10):
        keep(cache, body(f"What is {number} plus 1?"))
    stats = cache.stats()
    assert (stats.entries, stats.evictions, len(cache._index)) == (3, 7, 3)
    assert told(cache, body("Please tell me what is 2 plus 1")) is None
    assert told(cache, body("what is 9 plus 1")) == "kept"


def test_a_replaced_entry_keeps_one_vector(cache: SemanticCache) -> None:
    keep(cache, body(ASKED), "old")
    keep(cache, body(ASKED), "new")
    assert (cache.stats().entries, len(cache._index)) == (1, 1)
    assert told(cache, body(REWORDED)) == "new"


def test_bytes_are_counted_and_bounded() -> None:
    cache = SemanticCache(max_bytes=50_000)
    for number in range(20):
        keep(cache, body(f"Question {number}?"), "x" * 10_000)
    stats = cache.stats()
    assert 10_000 < stats.bytes <= 50_000
    assert 0 < stats.entries < 5


def test_a_question_without_a_known_token_is_kept_for_exact_hits_only(cache: SemanticCache) -> None:
    def blank(text: str) -> Any:
        return np.zeros(8, dtype=np.float32)

    assert cache.store(ticket(cache, body(ASKED)), answer(), blank)
    assert cache.stats().partitions == 0
    assert cache.lookup(ticket(cache, body(ASKED)), blank) is not None


def test_a_failing_encoder_costs_a_miss_and_an_entry_in_the_counts(
    cache: SemanticCache, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(text: str) -> Any:
        raise RuntimeError(f"cannot encode {text}")

    keep(cache, body(ASKED))
    with caplog.at_level(logging.DEBUG):
        assert cache.lookup(ticket(cache, body(REWORDED)), broken) is None
        assert not cache.store(ticket(cache, body(TRAP)), answer(), broken)
    stats = cache.stats()
    assert (stats.errors, stats.misses, stats.entries) == (2, 1, 1)
    assert "RuntimeError" in caplog.text
    assert "reverse" not in caplog.text


def test_a_body_that_cannot_be_keyed_is_passed_by(cache: SemanticCache, caplog: pytest.LogCaptureFixture) -> None:
    raw = {**body(ASKED), "odd": object()}
    made = cache.ticket(tenant="t", policy="p", request=typed(body(ASKED)), body=raw)
    assert (made.bypass, made.outcome) == ("error", "bypass")
    assert cache.lookup(made, embed) is None
    assert not cache.store(made, answer(), embed)
    assert cache.stats().errors == 1
    assert "reverse" not in caplog.text


def test_vectors_of_another_length_do_not_break_a_partition(cache: SemanticCache) -> None:
    keep(cache, body(ASKED))

    def longer(text: str) -> Any:
        return np.ones(DIFFERENT, dtype=np.float32)

    assert cache.lookup(ticket(cache, body(REWORDED)), longer) is None
    assert not cache.store(ticket(cache, body(TRAP)), answer(), longer)
    assert told(cache, body(ASKED)) == "kept"
    assert cache.stats().entries == len(cache._index) == 1


DIFFERENT = 7


def test_the_statistics_add_up(cache: SemanticCache) -> None:
    assert cache.stats().hit_rate == 0.0
    keep(cache, body(ASKED))
    for question in (ASKED, ASKED, REWORDED, TRAP):
        told(cache, body(question))
    told(cache, body(ASKED, n=2))
    stats = cache.stats()
    assert (stats.hits_exact, stats.hits_semantic, stats.misses, stats.bypasses) == (2, 1, 1, 1)
    assert (stats.enabled, stats.entries, stats.stored, stats.partitions) == (True, 1, 1, 1)
    assert stats.hit_rate == 0.75
    assert msgspec.json.decode(msgspec.json.encode(stats))["hit_rate"] == 0.75


def test_clearing_empties_the_cache(cache: SemanticCache) -> None:
    keep(cache, body(ASKED))
    assert cache.clear() == 1
    assert told(cache, body(ASKED)) is None
    assert told(cache, body(REWORDED)) is None
    assert (cache.stats().entries, cache.stats().bytes, cache.stats().partitions) == (0, 0, 0)


def test_a_kept_body_does_not_hold_on_to_the_buffer_it_came_from(cache: SemanticCache) -> None:
    class Envelope(msgspec.Struct):
        body: msgspec.Raw

    inside = msgspec.json.encode(completion("kept"))
    whole = msgspec.json.decode(b'{"body": ' + inside + b', "rest": "' + b"x" * 10_000 + b'"}', type=Envelope)
    cache.store(ticket(cache, body(ASKED)), msgspec.structs.replace(answer(), body=whole.body), embed)
    hit = cache.exact(ticket(cache, body(ASKED)))
    assert hit is not None
    assert bytes(hit.answer.body) == inside


def test_writers_and_readers_at_once_leave_a_consistent_cache() -> None:
    cache = SemanticCache(max_entries=50)
    wrong: list[str] = []

    def work(worker: int) -> None:
        for step in range(150):
            name = f"What is {(worker * 7 + step) % 80} plus 1?"
            keep(cache, body(name), name)
            for question in (name, "Please tell me " + name[0].lower() + name[1:]):
                got = told(cache, body(question))
                if got not in {None, name}:
                    wrong.append(question)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = cache.stats()
    assert wrong == []
    assert stats.errors == 0
    assert stats.entries == len(cache._index) == 50


async def test_a_cache_that_is_off_does_nothing() -> None:
    cache: Cache = NullCache()
    made = cache.ticket(tenant="t", policy="p", request=typed(body()), body=body())
    assert (made.outcome, made.bypass, made.question) == ("bypass", "cache-off", None)
    assert not cache.store(made, answer(), embed)
    assert cache.lookup(made, embed) is cache.exact(made) is await cache.semantic(made, embed) is None
    assert (cache.clear(), cache.stats().enabled) == (0, False)


@pytest.fixture(scope="module")
def imported() -> set[str]:
    code = "import sys, router.cache; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "heavy", ["faiss", "tokenizers", "torch", "sklearn", "lightgbm", "pandas", "httpx", "litestar"]
)
def test_importing_the_cache_pulls_in_nothing_heavy(imported: set[str], heavy: str) -> None:
    assert heavy not in imported
