"""Compiled forest: margins and probabilities of an XGBoost softprob model, one row or many.

A node takes 8 bytes and a leaf points at itself. So a walk of fixed length needs no test for its
end, and several trees advance together. A missing value needs no test either: a row is laid out
twice, with missing as -inf for the nodes that send it left and as +inf for the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workers.models.booster import stump

if TYPE_CHECKING:
    from workers.models.booster import Booster

ABREAST = 8  # independent walks at once; they hide each other's load latency
BLOCK_ROWS = 64  # laid-out rows of a block stay in the first-level cache

_NODE = np.dtype([("value", np.float32), ("slot", np.uint16), ("left", np.uint16)])


@dataclass(frozen=True, eq=False)
class Forest:
    """A booster packed for the kernels; trees are padded to a multiple of ``ABREAST``."""

    features: int
    base_score: NDArray[np.float32]  # shape (classes,)
    nodes: NDArray[np.void]  # packed nodes of all trees
    walks: NDArray[np.int64]  # root, depth and class of each tree, shape (trees, 3)


def compile_forest(booster: Booster) -> Forest:
    """Pack a booster for ``margins`` and ``probabilities``."""
    features = booster.features
    total = len(booster.left)
    padding = -booster.trees % ABREAST
    nodes = np.zeros(total + 1, dtype=_NODE)  # the last node is a leaf worth 0, for padding
    position = np.arange(total) - np.repeat(booster.offsets[:-1], np.diff(booster.offsets))
    leaf = booster.left == 0
    direction = np.where(booster.default_left, 0, features)
    # A split on "missing or not" may have the threshold -inf, where missing must still go left.
    nodes["value"][:total] = np.maximum(booster.value, np.finfo(np.float32).min)
    nodes["slot"] = 2 * features  # the slot that is always -inf: a leaf goes left, to itself
    nodes["slot"][:total][~leaf] = (booster.feature + direction)[~leaf]
    nodes["left"][:total] = np.where(leaf, position, booster.left)
    walks = np.column_stack((booster.offsets[:-1], booster.depths, booster.targets))
    return Forest(
        features=features,
        base_score=booster.base_score,
        nodes=nodes,
        walks=np.vstack((walks, np.tile((total, 0, 0), (padding, 1)))),
    )


def margins(forest: Forest, rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Raw class scores, shape (N, K), of rows of shape (N, features); NaN means missing."""
    if rows.ndim != 2 or rows.shape[1] != forest.features:
        raise ValueError(f"rows have shape {rows.shape}, expected (N, {forest.features})")
    compact = np.ascontiguousarray(rows, dtype=np.float32)
    return _margins(forest.nodes, forest.walks, forest.base_score, compact)


def probabilities(forest: Forest, rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Class probabilities, shape (N, K), each row summing to 1; NaN means missing."""
    scores = margins(forest, rows)
    _softmax(scores)
    return scores


def warm_up() -> None:
    """Compile or load the kernels, so that the first bar does not wait for them."""
    probabilities(compile_forest(stump()), np.zeros((1, 1), dtype=np.float32))


@njit(cache=True, nogil=True, error_model="numpy")
def _lay_out(row: NDArray[np.float32], slots: NDArray[np.float32]) -> None:
    """Write the row twice: missing as -inf, then missing as +inf, then the leaves' slot."""
    features = len(row)
    for j in range(features):
        x = row[j]
        missing = math.isnan(x)
        slots[j] = -np.float32(np.inf) if missing else x
        slots[features + j] = np.float32(np.inf) if missing else x
    slots[2 * features] = -np.float32(np.inf)


@njit(cache=True, nogil=True, error_model="numpy")
def _margins(
    nodes: NDArray[np.void],
    walks: NDArray[np.int64],
    base_score: NDArray[np.float32],
    rows: NDArray[np.float32],
) -> NDArray[np.float64]:
    count, features = rows.shape
    classes = len(base_score)
    sums = np.empty((count, classes), dtype=np.float32)
    for i in range(count):
        sums[i] = base_score
    slots = np.empty((min(count, BLOCK_ROWS), 2 * features + 1), dtype=np.float32)
    for start in range(0, count, BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, count)
        for i in range(start, stop):
            _lay_out(rows[i], slots[i - start])
        abreast = start
        if stop - start >= ABREAST:
            abreast = stop - (stop - start) % ABREAST
            _add_rows(nodes, walks, slots, sums[start:abreast])
        for i in range(abreast, stop):
            _add_trees(nodes, walks, slots[i - start], sums[i])
    return sums.astype(np.float64)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_trees(
    nodes: NDArray[np.void],
    walks: NDArray[np.int64],
    slots: NDArray[np.float32],
    sums: NDArray[np.float32],
) -> None:
    """Add every tree to one row, eight trees abreast, in xgboost's order of addition."""
    place = np.empty(ABREAST, dtype=np.int64)
    for t in range(0, len(walks), ABREAST):
        depth = 0
        for k in range(ABREAST):
            place[k] = walks[t + k, 0]
            depth = max(depth, walks[t + k, 1])
        for _ in range(depth):
            for k in range(ABREAST):
                node = nodes[place[k]]
                right = slots[node.slot] >= node.value
                place[k] = walks[t + k, 0] + np.int64(node.left) + np.int64(right)
        for k in range(ABREAST):
            sums[walks[t + k, 2]] += nodes[place[k]].value


@njit(cache=True, nogil=True, error_model="numpy")
def _add_rows(
    nodes: NDArray[np.void],
    walks: NDArray[np.int64],
    slots: NDArray[np.float32],
    sums: NDArray[np.float32],
) -> None:
    """Add every tree to many rows, a tree's nodes staying in cache, eight rows abreast."""
    place = np.empty(ABREAST, dtype=np.int64)
    for t in range(len(walks)):
        root, depth, target = walks[t]
        for start in range(0, len(sums), ABREAST):
            for k in range(ABREAST):
                place[k] = root
            for _ in range(depth):
                for k in range(ABREAST):
                    node = nodes[place[k]]
                    right = slots[start + k, node.slot] >= node.value
                    place[k] = root + np.int64(node.left) + np.int64(right)
            for k in range(ABREAST):
                sums[start + k, target] += nodes[place[k]].value


@njit(cache=True, nogil=True)
def _softmax(scores: NDArray[np.float64]) -> None:
    for i in range(len(scores)):
        highest = scores[i].max()
        total = 0.0
        for k in range(scores.shape[1]):
            scores[i, k] = math.exp(scores[i, k] - highest)
            total += scores[i, k]
        for k in range(scores.shape[1]):
            scores[i, k] /= total
