"""The newest requests in memory, and which of them are most like another one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from router.recent import Recent, Settled, Sight
from router.recent.nearest import nearest
from tests.ledger.support import a_row

DIM = 3


def settled(name: str, direction: tuple[float, ...] | None = None, *, encoder: str = "e", **fields: Any) -> Settled:
    if direction is None:
        return Settled(a_row(name, **fields), None, [])
    unit = np.array(direction, np.float32) / np.linalg.norm(direction)
    features = np.array([100.0, -100.0], np.float32)
    sight = Sight(
        input=np.concatenate([unit, features]).astype(np.float32), dim=DIM, score=0.0, artifact="a", encoder=encoder
    )
    return Settled(a_row(name, **fields), sight, [])


def test_the_oldest_makes_room_for_the_newest() -> None:
    recent = Recent(most=3)
    for number in range(5):
        recent.add(settled(f"r{number}"))
    assert [each.row.request_id for each in recent.all()] == ["r2", "r3", "r4"]
    assert [each.row.request_id for each in recent.newest(2)] == ["r3", "r4"]
    assert recent.count == 5
    assert recent.tally.minute().requests == 5
    assert recent.find("r1") is None
    assert recent.find("r3") is recent.newest(2)[0]


def test_an_answer_is_traced_to_the_request_that_a_model_answered() -> None:
    recent = Recent()
    recent.add(settled("other-tenant", cache_key="aa", tenant="other"))
    recent.add(settled("failed", cache_key="aa", outcome="error"))
    first = settled("first", cache_key="aa")
    recent.add(first)
    recent.add(settled("hit", cache_key="aa", cache="exact"))
    assert recent.first_answer("aa", tenant="acme") is first
    assert recent.first_answer("bb", tenant="acme") is None


def test_the_most_alike_come_first_and_the_request_itself_is_none_of_them() -> None:
    asked = settled("asked", (1, 0, 0))
    others = [settled("far", (0, 1, 0)), settled("near", (1, 0.1, 0)), settled("opposite", (-1, 0, 0))]
    found = nearest(asked, [*others, asked])
    assert [each.settled.row.request_id for each in found] == ["near", "far", "opposite"]
    assert [each.similarity for each in found] == pytest.approx([1 / np.sqrt(1.01), 0, -1], abs=1e-6)
    assert len(nearest(asked, others, most=2)) == 2


def test_no_tenant_is_shown_anothers_requests_and_no_embedding_of_another_encoder_is_compared() -> None:
    asked = settled("asked", (1, 0, 0))
    others = [
        settled("theirs", (1, 0, 0), tenant="other"),
        settled("otherwise-encoded", (1, 0, 0), encoder="f"),
        settled("unscored"),
    ]
    assert nearest(asked, others) == []
    assert nearest(settled("unscored-too"), others) == []
