"""Exact TreeSHAP in compiled form: what each feature added to each class margin of a row.

Path-dependent Shapley values (Lundberg et al. 2020, Nature Machine Intelligence 2, 56-67). For
a leaf of value v whose path tests m different features, the value of feature i is

    v (o_i - z_i) * integral over t in [0, 1] of prod_{j != i} (z_j (1 - t) + o_j t) dt

where o_j is 1 if the row satisfies the path's conditions on j, else 0, and z_j is the share of
training cover that satisfies them. The Shapley weights s!(m-s-1)!/m! are Beta integrals. The
integrand has degree m - 1, so Gauss-Legendre with m/2 points or more is exact. Leaves share the
products of their common edges, as in Linear TreeSHAP (Yu et al. 2022).
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

LANES = 3  # quadrature points per group: all that trees of depth 6 need
OFF_PATH, WENT_LEFT, WENT_RIGHT = 0, 1, 2  # where a row stands at a split
NO_SPLIT_ABOVE = 0  # place whose state is always WENT_LEFT
LOWEST = np.finfo(np.float32).min  # stands for a threshold of -inf: missing must still go left

_SPLIT = np.dtype(
    [
        ("threshold", np.float32),
        ("slot", np.int32),  # place in the row laid out twice: missing goes left, goes right
        ("feature", np.int32),
        ("node", np.int32),  # within the tree; the children of split k are 2k + 1 and 2k + 2
        ("above", np.int32),  # 1 + nearest split above on the same feature, or NO_SPLIT_ABOVE
        ("side", np.int32),  # state of `above` that leads here
    ]
)


@dataclass(frozen=True, eq=False)
class TreeExplainer:
    """A booster with every factor and gain of the formula at each quadrature point.

    ``tables[g, s, state]`` holds four vectors of ``LANES``: the factor on the left edge of
    split s, on its right edge, and what a unit of leaf value below each adds to its feature.
    """

    features: int
    base: NDArray[np.float64]  # expected margin over the training cover, shape (classes,)
    trees: NDArray[np.int64]  # first split, number of splits, class; shape (trees, 3)
    splits: NDArray[np.void]  # shape (splits,)
    tables: NDArray[np.float32]  # shape (groups, splits, 3, 4, LANES)


def compile_explainer(booster: Booster) -> TreeExplainer:
    """Compute the tables of a booster: about 12 kB for a full tree of depth 6."""
    counts = np.diff(booster.offsets) // 2  # a binary tree of n nodes has (n - 1) / 2 splits
    splits = np.zeros(counts.sum(), dtype=_SPLIT)
    shares = np.zeros((len(splits), 2))
    above = np.ones(len(splits))
    scale = np.ones((len(splits), 2))
    base = booster.base_score.astype(np.float64)
    first_split, widest = 0, 1
    for tree, count in enumerate(counts):
        nodes = slice(booster.offsets[tree], booster.offsets[tree + 1])
        tree_splits = slice(first_split, first_split + count)
        expected, features_on_path = _trace(
            booster.left[nodes],
            booster.feature[nodes],
            booster.value[nodes],
            booster.cover[nodes],
            (splits[tree_splits], shares[tree_splits], above[tree_splits], scale[tree_splits]),
        )
        base[booster.targets[tree]] += expected
        first_split, widest = first_split + count, max(widest, features_on_path)
    missing_right = np.where(booster.default_left[booster.left != 0], 0, booster.features)
    splits["slot"] = splits["feature"] + missing_right
    return TreeExplainer(
        features=booster.features,
        base=base,
        trees=np.column_stack((np.cumsum(counts) - counts, counts, booster.targets)),
        splits=splits,
        tables=_tables(shares, above, scale, groups=-(-widest // (2 * LANES))),
    )


def shap_values(explainer: TreeExplainer, rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return Shapley values in margin space, shape (N, K, features + 1), the base last.

    Each (row, class) sums to the margin that ``forest.margins`` gives, within 1e-5. NaN means
    missing, and follows each split's default direction.
    """
    if rows.ndim != 2 or rows.shape[1] != explainer.features:
        raise ValueError(f"rows have shape {rows.shape}, expected (N, {explainer.features})")
    compact = np.ascontiguousarray(rows, dtype=np.float32)
    return _shap_values(
        explainer.trees, explainer.splits, explainer.tables, explainer.base, compact
    )


def warm_up() -> None:
    """Compile or load the kernels, so that the first explanation does not wait for them."""
    shap_values(compile_explainer(stump()), np.zeros((1, 1), dtype=np.float32))


@njit(cache=True, nogil=True, error_model="numpy")
def _trace(
    left: NDArray[np.int64],
    feature: NDArray[np.int64],
    value: NDArray[np.float32],
    cover: NDArray[np.float64],
    out: tuple[NDArray[np.void], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
) -> tuple[float, int]:
    """Walk one tree from the root; return its expected value and the most features on a path.

    Fills for each split: its record, the share of cover on either side, the share left by the
    conditions above on the same feature, and the values of children that are leaves.
    """
    splits, shares, passed, scale = out
    parent = np.full(len(left), -1)
    side = np.zeros(len(left), dtype=np.int64)
    reach = np.ones(len(left))
    tested = np.zeros(len(left), dtype=np.int64)  # different features on the path so far
    expected, widest, k = 0.0, 1, 0
    for node in range(len(left)):
        if left[node] == 0:
            expected += reach[node] * value[node]
            widest = max(widest, tested[node])
            continue
        above, toward = parent[node], side[node]
        while above != -1 and splits[above].feature != feature[node]:
            toward = side[splits[above].node]
            above = parent[splits[above].node]
        splits[k].threshold = max(value[node], LOWEST)
        splits[k].feature = feature[node]
        splits[k].node = node
        splits[k].above = NO_SPLIT_ABOVE if above == -1 else above + 1
        splits[k].side = WENT_LEFT + toward if above != -1 else WENT_LEFT
        passed[k] = 1.0 if above == -1 else passed[above] * shares[above, toward]
        for which in range(2):
            child = left[node] + which
            share = cover[child] / cover[node] if cover[node] > 0 else 0.0
            shares[k, which] = share
            scale[k, which] = value[child] if left[child] == 0 else 1.0
            parent[child], side[child] = k, which
            reach[child] = reach[node] * share
            tested[child] = tested[node] + (above == -1)
        k += 1
    return expected, widest


def _tables(
    shares: NDArray[np.float64],
    passed: NDArray[np.float64],
    scale: NDArray[np.float64],
    groups: int,
) -> NDArray[np.float32]:
    """Return factors and gains per split, state and quadrature point; see ``TreeExplainer``.

    Let z be the share of all conditions so far on the feature. An edge that the row takes has the
    factor z (1 - t) + t, an edge that it does not take z (1 - t). The gain is (o - z) / factor of
    the edge, less that of the same feature's edge above, which counted this subtree too.
    """
    points, weights = np.polynomial.legendre.leggauss(groups * LANES)
    t, w = (points + 1) / 2, weights / 2
    passed = passed[:, None]
    before = passed * (1 - t) + t
    gain_before = (1 - passed) / before
    gain_missed = np.broadcast_to(-1 / (1 - t), before.shape)
    tables = np.zeros((len(shares), 3, 4, groups * LANES))
    for side in (0, 1):
        share = shares[:, side, None]
        z = passed * share
        taken = z * (1 - t) + t
        went, missed = WENT_LEFT + side, WENT_RIGHT - side
        tables[:, OFF_PATH, side] = share
        tables[:, went, side] = taken / before
        tables[:, went, 2 + side] = w * ((1 - z) / taken - gain_before)
        tables[:, missed, side] = z * (1 - t) / before
        tables[:, missed, 2 + side] = w * (gain_missed - gain_before)
        tables[:, :, side] *= scale[:, None, side, None]
    by_group = np.moveaxis(tables.reshape(len(shares), 3, 4, groups, LANES), 3, 0)
    return np.ascontiguousarray(by_group, dtype=np.float32)


@njit(cache=True, nogil=True, error_model="numpy")
def _shap_values(
    trees: NDArray[np.int64],
    splits: NDArray[np.void],
    tables: NDArray[np.float32],
    base: NDArray[np.float64],
    rows: NDArray[np.float32],
) -> NDArray[np.float64]:
    count, features = rows.shape
    phi = np.zeros((count, len(base), features + 1))
    phi[:, :, features] = base
    slots = np.empty((count, 2 * features), dtype=np.float32)
    for i in range(count):
        for j in range(features):
            x = rows[i, j]
            missing = math.isnan(x)
            slots[i, j] = -np.float32(np.inf) if missing else x
            slots[i, features + j] = np.float32(np.inf) if missing else x
    largest = 0
    for t in range(len(trees)):
        largest = max(largest, trees[t, 1])
    state = np.full(largest + 1, WENT_LEFT, dtype=np.int8)  # place 0 stands for "no split above"
    below = np.empty((2 * largest + 1, LANES), dtype=np.float32)
    for t in range(len(trees)):
        first, size, target = trees[t]
        tree_splits = splits[first : first + size]
        for g in range(len(tables)):
            table = tables[g, first : first + size]
            for i in range(count):  # rows inside: the tree's tables stay in cache
                _descend(tree_splits, table, slots[i], state, below)
                _ascend(tree_splits, table, state, below, phi[i, target])
    return phi


@njit(cache=True, nogil=True, error_model="numpy")
def _descend(
    splits: NDArray[np.void],
    tables: NDArray[np.float32],
    slots: NDArray[np.float32],
    state: NDArray[np.int8],
    below: NDArray[np.float32],
) -> None:
    """Carry the products of the edges' factors, times the leaf values, down to the leaves."""
    for q in range(LANES):
        below[0, q] = 1.0
    for k in range(len(splits)):
        split = splits[k]
        right = slots[split.slot] >= split.threshold
        on_path = state[split.above] == split.side
        now = (WENT_LEFT + right) * on_path
        state[k + 1] = now
        for q in range(LANES):
            product = below[split.node, q]
            below[2 * k + 1, q] = product * tables[k, now, 0, q]
            below[2 * k + 2, q] = product * tables[k, now, 1, q]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _ascend(
    splits: NDArray[np.void],
    tables: NDArray[np.float32],
    state: NDArray[np.int8],
    below: NDArray[np.float32],
    phi: NDArray[np.float64],
) -> None:
    """Sum what lies below each edge, from the leaves up, and credit it to the edge's feature."""
    for k in range(len(splits) - 1, -1, -1):
        now, node = state[k + 1], splits[k].node
        gain = np.float32(0.0)
        for q in range(LANES):
            left, right = below[2 * k + 1, q], below[2 * k + 2, q]
            below[node, q] = left + right
            gain += left * tables[k, now, 2, q] + right * tables[k, now, 3, q]
        phi[splits[k].feature] += gain
