"""Gradient-boosted trees as one flat table of nodes, walked level by level over all trees at once.

A table of numbers cannot run code, needs no LightGBM to serve, and maps from disk. ``trees_from_dump`` makes it from
LightGBM's own dump; predictions equal LightGBM's raw score within 1e-9.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from router.errors import ArtifactError
from router.scoring.arrays import REMEDY, read_array, save_array
from router.scoring.tree_masks import TreeMasks

NODE_DTYPE = np.dtype(
    [("tree", "<i4"), ("feature", "<i4"), ("threshold", "<f8"), ("left", "<i4"), ("right", "<i4"), ("value", "<f8")]
)
"""One node. ``left`` (column <= threshold) and ``right`` are positions in the whole table; a leaf points to itself.

``value`` is what a leaf predicts, and at inner nodes the mean below them. A tree's root is its first node, children
come after their parent, and ``tree`` counts up from 0.
"""

_LEAF = -1


class TreesHead:
    """A sum of regression trees.

    Args:
        nodes: structured array of ``NODE_DTYPE``.
        width: input columns D.

    Raises:
        ArtifactError: the table is no forest over D columns.
    """

    kind: ClassVar[str] = "trees"

    def __init__(self, nodes: NDArray[np.void], width: int) -> None:
        _check_nodes(nodes, width)
        self.nodes = nodes
        self.width = width
        self._feature = np.maximum(nodes["feature"], 0).astype(np.intp)
        self._threshold = np.ascontiguousarray(nodes["threshold"])
        self._value = np.ascontiguousarray(nodes["value"])
        # left and right side by side: the child is read at 2 * node + (column > threshold)
        self._children = np.stack([nodes["left"], nodes["right"]], axis=1).astype(np.intp).ravel()
        self._roots = np.flatnonzero(np.diff(nodes["tree"], prepend=-1)).astype(np.intp)
        self._depth = _depth(self._children, self._roots)
        self._masks = TreeMasks.of(nodes, self._roots)

    @classmethod
    def load(cls, path: Path, width: int) -> TreesHead:
        """Read a node table for rows of ``width`` columns; raises ``ArtifactError`` naming the file."""
        nodes = np.array(read_array(path, NODE_DTYPE, 1))
        try:
            return cls(nodes, width)
        except ArtifactError as error:
            raise ArtifactError(f"{path}: {error}") from error

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sum of the leaves that each row falls into, float64 [N], for rows float32 [N, D]."""
        if len(rows) == 1 and self._masks is not None:
            return np.array([self._masks.predict(rows[0])])
        start = np.arange(len(rows))[:, None] * self.width
        flat = np.ascontiguousarray(rows).ravel()
        node = np.repeat(self._roots[None, :], len(rows), axis=0)
        for _ in range(self._depth):
            right = flat.take(start + self._feature.take(node)) > self._threshold.take(node)
            node = self._children.take(2 * node + right)
        total: NDArray[np.float64] = self._value.take(node).sum(axis=1)
        return total

    def contributions(self, row: NDArray[np.float32]) -> NDArray[np.float64]:
        """Walk each tree and credit every change of the mean to the column that was split on, float64 [D]."""
        total = np.zeros(self.width)
        node = self._roots
        for _ in range(self._depth):
            column = self._feature[node]
            child = self._children[2 * node + (row[column] > self._threshold[node])]
            np.add.at(total, column, self._value[child] - self._value[node])
            node = child
        return total

    def save(self, path: Path) -> None:
        """Write the node table."""
        save_array(path, self.nodes)


def trees_from_dump(dump: dict[str, Any]) -> NDArray[np.void]:
    """Turn ``lightgbm.Booster.dump_model()`` into a node table.

    Args:
        dump: of a booster with one tree per iteration, numerical splits and no missing values (``use_missing=False``).

    Returns:
        Structured array of ``NODE_DTYPE``. Its sum of leaves is the booster's raw score.

    Raises:
        ArtifactError: the booster uses something that the table cannot express.
    """
    if dump.get("num_tree_per_iteration", 1) != 1 or dump.get("average_output"):
        raise ArtifactError("trees: only boosters that sum one tree per iteration can be exported.")
    rows: list[tuple[int, int, float, int, int, float]] = []
    for number, tree in enumerate(dump["tree_info"]):
        _append_tree(rows, number, tree["tree_structure"])
    return np.array(rows, NODE_DTYPE)


def _append_tree(rows: list[tuple[int, int, float, int, int, float]], number: int, root: dict[str, Any]) -> None:
    """Lay out one tree, parents before children, level by level."""
    base = len(rows)
    queue = [root]
    for place, node in enumerate(queue):
        here = base + place
        if "split_feature" not in node:
            rows.append((number, _LEAF, np.inf, here, here, _leaf_value(node)))
            continue
        _check_split(node)
        left = base + len(queue)
        queue += [node["left_child"], node["right_child"]]
        rows.append(
            (number, node["split_feature"], float(node["threshold"]), left, left + 1, float(node["internal_value"]))
        )


def _leaf_value(leaf: dict[str, Any]) -> float:
    if leaf.get("leaf_coeff"):
        raise ArtifactError("trees: linear leaves cannot be exported; fit with linear_tree=False.")
    return float(leaf["leaf_value"])


def _check_split(node: dict[str, Any]) -> None:
    if node["decision_type"] != "<=":
        raise ArtifactError(f"trees: split '{node['decision_type']}' cannot be exported; make every column a number.")
    if node["missing_type"] != "None":
        raise ArtifactError("trees: splits on missing values cannot be exported; fit with use_missing=False.")


def _depth(children: NDArray[np.intp], roots: NDArray[np.intp]) -> int:
    """Longest path, in splits. Children lie behind their parents, so every walk ends."""
    return sum(1 for _ in _levels(children, roots))


def _levels(children: NDArray[np.intp], roots: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """The inner nodes of each level, from the roots down."""
    level = roots
    while True:
        below = children.reshape(-1, 2)[level]
        level_is_inner = below[:, 0] != level
        if not level_is_inner.any():
            return
        yield level[level_is_inner]
        level = below[level_is_inner].ravel()


def _check_nodes(nodes: NDArray[np.void], width: int) -> None:
    if nodes.dtype != NODE_DTYPE or nodes.ndim != 1 or not len(nodes):
        raise ArtifactError(f"trees: a table of nodes is due; {REMEDY}")
    place = np.arange(len(nodes))
    left, right = nodes["left"], nodes["right"]
    leaf = (left == place) & (right == place)
    forward = (left > place) & (right > place) & (left < len(nodes)) & (right < len(nodes))
    if not np.all(leaf | forward):
        raise ArtifactError(f"trees: a node points outside its tree; {REMEDY}")
    inner = ~leaf
    tree = nodes["tree"]
    if tree[0] != 0 or not np.isin(np.diff(tree), (0, 1)).all():
        raise ArtifactError(f"trees: the trees are not in order; {REMEDY}")
    if np.any(tree[left] != tree) or np.any(tree[right] != tree):
        raise ArtifactError(f"trees: a node points outside its tree; {REMEDY}")
    parents = np.bincount(np.concatenate([left[inner], right[inner]]), minlength=len(nodes))
    if np.any(parents != (np.diff(tree, prepend=-1) == 0)):
        raise ArtifactError(f"trees: a node has not exactly one parent; {REMEDY}")
    if np.any(nodes["feature"][inner] < 0) or np.any(nodes["feature"] >= width):
        raise ArtifactError(f"trees: a split reads a column that is not among the {width}; {REMEDY}")
    if not np.all(np.isfinite(nodes["value"])) or np.any(np.isnan(nodes["threshold"])):
        raise ArtifactError(f"trees: holds values that are not finite; {REMEDY}")
