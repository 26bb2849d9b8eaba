"""Reads an XGBoost ``multi:softprob`` model file into plain arrays, without xgboost.

The JSON model schema is documented and stable, so serving reads it directly. Importing xgboost
would cost seconds, and a parsed file cannot run code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OBJECTIVE = "multi:softprob"
MAX_NODES = 65_535  # a node's place inside its tree has 16 bits
MAX_FEATURES = 32_000  # two row slots a feature must fit in 16 bits


class BoosterError(ValueError):
    """The compiled kernels cannot reproduce this model file exactly."""


@dataclass(frozen=True, eq=False)
class Booster:
    """All trees, each renumbered breadth first so that right child = left child + 1.

    Node arrays are flat, shape (nodes,); tree t owns ``offsets[t]:offsets[t + 1]``.
    """

    features: int
    base_score: NDArray[np.float32]  # margin before any tree, shape (classes,)
    offsets: NDArray[np.int64]  # shape (trees + 1,)
    depths: NDArray[np.int64]  # edges on the longest path, shape (trees,)
    targets: NDArray[np.int64]  # class that each tree adds to, shape (trees,)
    left: NDArray[np.int64]  # left child within the tree; 0 marks a leaf
    feature: NDArray[np.int64]
    value: NDArray[np.float32]  # threshold (x < value goes left) or leaf margin
    default_left: NDArray[np.bool_]  # where a missing value goes
    cover: NDArray[np.float64]  # sum of hessians of the training rows seen

    @property
    def classes(self) -> int:
        """Number of classes K."""
        return len(self.base_score)

    @property
    def trees(self) -> int:
        """Number of trees, all classes together."""
        return len(self.targets)


def read_booster(model: bytes, give_way: Callable[[], None] = lambda: None) -> Booster:
    """Read a booster saved as JSON by xgboost 2 or 3 (``save_raw("json")``).

    A booster stopped early keeps only the rounds up to its best iteration. Before each tree it
    gives way to what is more urgent.

    Raises: BoosterError for anything the kernels would not reproduce: another objective or
    booster, categorical splits, vector leaves, a file that is not JSON.
    """
    try:
        learner = orjson.loads(model)["learner"]
        booster = learner["gradient_booster"]
        parameters = learner["learner_model_param"]
        objective = learner["objective"]["name"]
        kind = booster["name"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise BoosterError(
            f"not an XGBoost JSON model ({error!r}); save it with Booster.save_raw('json')"
        ) from error
    if objective != OBJECTIVE or kind != "gbtree":
        raise BoosterError(f"booster is {kind} with {objective}, expected gbtree with {OBJECTIVE}")
    features, classes = int(parameters["num_feature"]), int(parameters["num_class"])
    if not 0 < features <= MAX_FEATURES:
        raise BoosterError(f"booster has {features} features, expected 1 to {MAX_FEATURES}")
    count = _trees_to_best(learner)
    targets = np.array(booster["model"]["tree_info"][:count], dtype=np.int64)
    trees = [_tree(tree, give_way) for tree in booster["model"]["trees"][:count]]
    return Booster(
        features=features,
        base_score=_base_score(parameters["base_score"], classes),
        offsets=np.cumsum([0, *(len(tree.left) for tree in trees)]),
        depths=np.array([tree.depth for tree in trees], dtype=np.int64),
        targets=targets,
        left=_flat([tree.left for tree in trees], np.int64),
        feature=_flat([tree.feature for tree in trees], np.int64),
        value=_flat([tree.value for tree in trees], np.float32),
        default_left=_flat([tree.default_left for tree in trees], np.bool_),
        cover=_flat([tree.cover for tree in trees], np.float64),
    )


def booster_device(model: bytes) -> str:
    """Return where the trees of a model file were fitted: ``cpu``, or the CUDA device it names."""
    return str(orjson.loads(model)["learner"].get("attributes", {}).get("device", "cpu"))


def stump() -> Booster:
    """Make the smallest booster, one split on one feature: enough to warm the kernels up."""
    return Booster(
        features=1,
        base_score=np.zeros(3, dtype=np.float32),
        offsets=np.array([0, 3]),
        depths=np.array([1]),
        targets=np.array([0]),
        left=np.array([1, 0, 0]),
        feature=np.array([0, 0, 0]),
        value=np.array([0.0, -1.0, 1.0], dtype=np.float32),
        default_left=np.array([True, False, False]),
        cover=np.array([2.0, 1.0, 1.0]),
    )


@dataclass(frozen=True, eq=False)
class _Tree:
    left: NDArray[np.int64]
    feature: NDArray[np.int64]
    value: NDArray[np.float32]
    default_left: NDArray[np.bool_]
    cover: NDArray[np.float64]
    depth: int


def _trees_to_best(learner: dict[str, Any]) -> int:
    """Count the trees up to and including the best iteration, or all of them."""
    model = learner["gradient_booster"]["model"]
    total = len(model["trees"])
    best = learner.get("attributes", {}).get("best_iteration")
    if best is None:
        return total
    rounds = model.get("iteration_indptr")
    if rounds is not None:
        return int(rounds[min(int(best) + 1, len(rounds) - 1)])
    parallel = int(model["gbtree_model_param"]["num_parallel_tree"])
    classes = int(learner["learner_model_param"]["num_class"])
    return min(total, (int(best) + 1) * classes * max(parallel, 1))


def _base_score(text: str, classes: int) -> NDArray[np.float32]:
    """One score for all classes (to xgboost 3.0) or one per class (from 3.1)."""
    scores = [float(score) for score in text.strip("[]").split(",")]
    if len(scores) not in (1, classes):
        raise BoosterError(f"base_score has {len(scores)} values, expected 1 or {classes}")
    return np.broadcast_to(np.array(scores, dtype=np.float32), (classes,)).copy()


def _tree(tree: dict[str, Any], give_way: Callable[[], None]) -> _Tree:
    give_way()
    if any(tree["split_type"]) or tree["categories"]:
        raise BoosterError("tree has categorical splits; train on numeric features only")
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise BoosterError("tree has vector leaves; train with multi_strategy=one_output_per_tree")
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    levels = [np.zeros(1, dtype=np.int64)]
    while (split := levels[-1][left[levels[-1]] >= 0]).size:
        levels.append(np.column_stack((left[split], right[split])).ravel())
    order = np.concatenate(levels)  # pruned nodes are reached by no path and fall away
    if len(order) > MAX_NODES:
        raise BoosterError(f"tree has {len(order)} nodes, expected at most {MAX_NODES}")
    splits = left[order] >= 0
    return _Tree(
        left=np.where(splits, 2 * np.cumsum(splits) - 1, 0),
        feature=np.array(tree["split_indices"], dtype=np.int64)[order],
        value=np.array(tree["split_conditions"], dtype=np.float32)[order],
        default_left=np.array(tree["default_left"], dtype=np.bool_)[order],
        cover=np.array(tree["sum_hessian"], dtype=np.float64)[order],
        depth=len(levels) - 1,
    )


def _flat(parts: Sequence[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype=dtype)
