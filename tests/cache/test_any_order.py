"""The whole cache through any order of calls, against a plain model of what it may answer."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from router.cache import SemanticCache
from router.cache.index import _rows
from router.scoring.wording import normal_form
from tests.cache.support import Clock, answer, body, completion, embed, ticket

QUESTIONS = st.sampled_from(
    [
        "What is the capital of France?",
        "what's the capital of France",
        "What is the capital of Italy?",
        "Why is the sky blue?",
        "Explain why the sky is blue.",
        "Why is the sky not blue?",
    ]
)
TENANTS = st.sampled_from(["acme", "zeta"])
MAX_ENTRIES = 4
TTL_S = 10.0


class AnyOrder(RuleBasedStateMachine):
    """Stores, looks up, waits and clears; remembers the last answer to every question of every tenant."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.cache = SemanticCache(ttl_s=TTL_S, max_entries=MAX_ENTRIES, max_bytes=8000, clock=self.clock)
        self.stored: dict[tuple[str, str], tuple[str, float]] = {}
        self.count = 0

    @rule(tenant=TENANTS, question=QUESTIONS, padding=st.sampled_from([0, 0, 0, 3000, 9000]))
    def store(self, tenant: str, question: str, padding: int) -> None:
        self.count += 1
        text = f"answer {self.count}" + " " * padding
        kept = self.cache.store(ticket(self.cache, body(question), tenant=tenant), answer(completion(text)), embed)
        if kept:
            self.stored[tenant, question] = (text, self.clock.now)
        else:
            self.stored.pop((tenant, question), None)

    @rule(tenant=TENANTS, question=QUESTIONS)
    def look_up(self, tenant: str, question: str) -> None:
        hit = self.cache.lookup(ticket(self.cache, body(question), tenant=tenant), embed)
        if hit is None:
            return
        allowed = [
            (text, at)
            for (owner, asked), (text, at) in self.stored.items()
            if owner == tenant and normal_form(asked) == normal_form(question) and self.clock.now < at + TTL_S
        ]
        assert any(text.encode() in bytes(hit.answer.body) and hit.age_s == self.clock.now - at for text, at in allowed)
        if hit.kind == "exact":
            assert self.stored[tenant, question][0].encode() in bytes(hit.answer.body)

    @rule(seconds=st.sampled_from([1.0, 6.0, 11.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def clear(self) -> None:
        assert self.cache.clear() >= 0
        self.stored.clear()

    @invariant()
    def every_entry_has_its_vector_and_every_vector_its_entry(self) -> None:
        entries: dict[bytes, Any] = self.cache._entries._entries
        vectors = {
            (partition, key): rows.vector(key).tolist()
            for partition, held in self.cache._index._partitions.items()
            for rows in [_rows(held.held)]
            for key in rows._row_of
        }
        assert set(vectors) == {(entry.partition, entry.exact) for entry in entries.values()}
        assert all(
            vectors[entry.partition, entry.exact] == embed(entry.turns[-1]).tolist() for entry in entries.values()
        )

    @invariant()
    def the_bounds_hold_and_the_sums_agree(self) -> None:
        stats = self.cache.stats()
        assert stats.entries <= MAX_ENTRIES
        assert stats.bytes == sum(entry.size for entry in self.cache._entries._entries.values()) <= 8000
        assert stats.errors == 0


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestTheCacheInAnyOrder = AnyOrder.TestCase
