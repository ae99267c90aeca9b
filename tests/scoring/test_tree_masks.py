"""One row through all trees by masks: to the bit what walking them gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from router.scoring.tree_masks import MOST_LEAVES, TreeMasks
from router.scoring.trees import NODE_DTYPE, TreesHead

COLUMNS = 5


def forest(seed: int, leaves: list[int]) -> NDArray[np.void]:
    """Trees of so many leaves each, grown at random; thresholds are round, so that rows meet them exactly."""
    draws = np.random.default_rng(seed)
    rows: list[tuple[int, int, float, int, int, float]] = []
    for tree, wanted in enumerate(leaves):
        first = len(rows)
        rows.append((tree, -1, np.inf, first, first, draws.normal()))
        for _ in range(wanted - 1):
            ends = [place for place in range(first, len(rows)) if rows[place][3] == place]
            node, left = int(draws.choice(ends)), len(rows)
            column, threshold = int(draws.integers(COLUMNS)), round(draws.normal())
            rows[node] = (tree, column, float(threshold), left, left + 1, rows[node][5])
            rows += [(tree, -1, np.inf, place, place, draws.normal()) for place in (left, left + 1)]
    return np.array(rows, NODE_DTYPE)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.lists(st.integers(2, MOST_LEAVES), min_size=1, max_size=40))
def test_masks_give_what_a_walk_gives(seed: int, leaves: list[int]) -> None:
    nodes = forest(seed, leaves)
    head = TreesHead(nodes, COLUMNS)
    masks = TreeMasks.of(nodes, np.flatnonzero(np.diff(nodes["tree"], prepend=-1)))
    assert masks is not None
    rows = np.random.default_rng(seed).integers(-3, 4, (40, COLUMNS)).astype(np.float32)
    rows[0] = np.nan
    rows[1] = np.inf
    walked = head.predict(rows)
    assert np.array_equal(walked, [masks.predict(row) for row in rows])
    assert np.array_equal(walked, [head.predict(row[None])[0] for row in rows])


def test_trees_too_large_for_masks_are_walked() -> None:
    nodes = forest(0, [MOST_LEAVES + 1, 3])
    assert TreeMasks.of(nodes, np.flatnonzero(np.diff(nodes["tree"], prepend=-1))) is None
    head = TreesHead(nodes, COLUMNS)
    rows = np.random.default_rng(0).normal(size=(20, COLUMNS)).astype(np.float32)
    assert np.array_equal(head.predict(rows), [head.predict(row[None])[0] for row in rows])


def test_a_leaf_alone_is_no_tree_for_masks() -> None:
    nodes = forest(0, [3, 1])
    assert TreeMasks.of(nodes, np.flatnonzero(np.diff(nodes["tree"], prepend=-1))) is None
