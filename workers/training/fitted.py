"""A fitted model: the weights of its members, and everything that was fitted with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from schemas.models import ModelFile
from schemas.regimes import RegimeParameters
from workers.models import forest, lstm
from workers.models.artifact import model_file
from workers.models.booster import read_booster
from workers.models.symbol_forests import (
    encode_forests,
    other_columns,
    own_answers,
    own_features,
)
from workers.training.dataset import Array, Rows
from workers.training.fit_boosted import BoostedPlan
from workers.training.table import TrainingTable, Windows
from workers.training.trainable import LeftOut

OWN_FORESTS = "forests.json"
CHUNK = 500  # windows at a time: 64 bars of 100 features each are 25 MB


@dataclass(frozen=True)
class FittedModel:
    """The weights of both members, and everything fitted with them.

    Attributes:
        forest, lstm: File contents; the second is empty until its network is fitted.
        prior: Class shares of the training rows, shape (3,).
        regimes: Regime filter of each symbol that is not left out.
        posteriors: Of these filters, for every row of the table, shape (T, 3); uniform without
            a filter, as they are served.
        left_out: By symbol, why it has no filter.
        boosted: Parameters of the trees; None: those of the plan.
        features: By symbol, the features that the forest sees; a symbol that is absent has all.
        forests: By symbol, a forest of its own; the others share one.
    """

    forest: bytes
    lstm: bytes
    prior: Array
    regimes: tuple[RegimeParameters, ...]
    posteriors: Array
    left_out: LeftOut
    boosted: BoostedPlan | None = None
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    forests: Mapping[str, bytes] = field(default_factory=dict)

    def members(self, table: TrainingTable, which: Rows, length: int) -> dict[str, Array]:
        """Return each member's probabilities on some rows, shape (n, 3), by our own kernels."""
        network = lstm.read_lstm(self.lstm)
        windows = Windows(table.rows, which, length)
        parts = [
            lstm.probabilities(lstm.window_logits(network, windows.take(chunk)))
            for chunk in np.array_split(np.arange(len(which)), max(len(which) // CHUNK, 1))
        ]
        return {
            "xgboost": self.forest_probabilities(table, which),
            "lstm": np.concatenate(parts),
        }

    @property
    def own_contents(self) -> dict[str, bytes]:
        """File contents of the forests of single symbols, by name."""
        return {OWN_FORESTS: encode_forests(self.forests)} if self.forests else {}

    @property
    def own_files(self) -> tuple[ModelFile, ...]:
        """Their rows of the manifest."""
        return tuple(model_file("forests", name, raw) for name, raw in self.own_contents.items())

    def forest_probabilities(self, table: TrainingTable, which: Rows) -> Array:
        """Return what the forests say of some rows, shape (n, 3)."""
        rows = self.forest_rows(table, which)
        own = {symbol: _answerer(raw) for symbol, raw in self.forests.items()}
        return own_answers(_answerer(self.forest)(rows), rows, table.symbols_at(which), own)

    def forest_rows(self, table: TrainingTable, which: Rows) -> Array:
        """Return the inputs of the forest, those features alone that it sees of each symbol."""
        names = next(iter(table.series.values())).names
        others = other_columns(names, self.features)
        return own_features(self.all_inputs(table, which), table.symbols_at(which), others)

    def all_inputs(self, table: TrainingTable, which: Rows) -> Array:
        """Return all that the forest could see: the features, then the regime posterior."""
        return np.hstack((table.rows[which], self.posteriors[which]))


def _answerer(raw: bytes) -> Callable[[Array], Array]:
    return partial(forest.probabilities, forest.compile_forest(read_booster(raw)))
