"""Loaded models by the bar from which they serve: checked before they serve, swapped whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.bounds import LAST_MS
from schemas.models import ModelChanged, ModelRegistered
from schemas.predictions import ClassProbabilities
from schemas.specialists import Answerer, SpecialistName
from schemas.status import LoadedModel, LoadedSpecialist
from streams.features.catalog import FEATURE_NAMES, FEATURE_SET_ID
from streams.runtime.wall_clock import wall_ms
from workers.models import forest as forests
from workers.models import lstm as lstms
from workers.models.artifact import (
    FOREST_ROLES,
    ArtifactError,
    Manifest,
    ParityCase,
    read_model,
)
from workers.models.booster import read_booster
from workers.models.calibration import CalibrationLookup, CalibrationTables
from workers.models.devices import PlacedNetwork, place_network
from workers.models.symbol_forests import (
    decode_forests,
    other_columns,
    own_answers,
    own_features,
)
from workers.serving.right_of_way import RightOfWay

PARITY = 1e-6  # on probabilities, against the answers of the training libraries
# Of each timeframe: the one in service and those before it, for late bars and overrides. A model
# takes about 2 MB.
MODELS_IN_MEMORY = 4


class FeaturesMissing(ValueError):
    """A model was trained on features that are no longer made."""


class ForestRows(NamedTuple):
    """Inputs of the forest of N bars, without what is not of their symbol.

    Attributes:
        values: The last bar's features in model order, then the regime posterior (bull, bear,
            sideways), shape (N, F + 3).
        symbols: Of the bars; empty: of none that has a forest of its own.
    """

    values: NDArray[np.float64]
    symbols: Sequence[str]


@dataclass(frozen=True)
class LoadedEnsemble:
    """One model in memory: weights laid out for the kernels, and its registration."""

    manifest: Manifest
    registered: ModelRegistered
    forest: forests.Forest
    network: PlacedNetwork
    loaded_at_ms: int
    load_seconds: float
    calibration: CalibrationLookup | None = None  # of a model with tables
    selection_calibration: CalibrationLookup | None = None  # where specialists answer too
    specialists: Mapping[SpecialistName, forests.Forest] = field(default_factory=dict)
    own_forests: Mapping[str, forests.Forest] = field(default_factory=dict)  # by symbol
    # By the hash of the ordered names of a batch's features.
    _columns: dict[tuple[str, ...], NDArray[np.int64]] = field(default_factory=dict)

    def columns(self, feature_set_id: str, names: Sequence[str]) -> NDArray[np.int64]:
        """Return where this model's features are in vectors of a feature set.

        Features are found by their names, in whatever order a batch has them, and vectors of
        another feature set fit as long as they hold the model's features.

        Args:
            feature_set_id: Of the vectors, for the message.
            names: Their features, in their order.

        Raises:
            FeaturesMissing: They do not; the message names what is missing.
        """
        ordered = tuple(names)
        columns = self._columns.get(ordered)
        if columns is None:
            place = {name: index for index, name in enumerate(ordered)}
            if missing := sorted(set(self.manifest.feature_names) - place.keys()):
                raise FeaturesMissing(
                    f"feature set {feature_set_id} does not fit model {self.version}: it lacks "
                    f"{', '.join(missing)}"
                )
            columns = np.array([place[name] for name in self.manifest.feature_names])
            self._columns[ordered] = columns
        return columns

    @property
    def version(self) -> str:
        """Model version."""
        return self.registered.model_version

    @property
    def names(self) -> tuple[str, str]:
        """What an override may call it: its version, or its strategy."""
        return self.version, self.manifest.strategy

    @cached_property
    def symbols(self) -> frozenset[str]:
        """Whose bars it was trained on."""
        return frozenset(self.registered.symbols)

    @property
    def timeframe_ms(self) -> int:
        """Length of the bars that it predicts."""
        return self.manifest.timeframe_ms

    @property
    def window(self) -> int:
        """Bars that the LSTM looks at."""
        return self.network.window

    @cached_property
    def _other_columns(self) -> dict[str, NDArray[np.int64]]:
        return other_columns(self.manifest.feature_names, self.manifest.features)

    def forest_rows(self, values: NDArray[np.float64], symbols: Sequence[str] = ()) -> ForestRows:
        """Return the inputs of the forest, of each symbol those features alone that are its own.

        Args:
            values: As in ``ForestRows``, with all features.
            symbols: The same.
        """
        return ForestRows(own_features(values, symbols, self._other_columns), symbols)

    def members(
        self, rows: ForestRows, windows: NDArray[np.float32]
    ) -> dict[str, NDArray[np.float64]]:
        """Return each member's probabilities, shape (N, 3); columns sell, neutral, buy.

        Args:
            rows: Of ``forest_rows``.
            windows: The last bars, oldest first, as ``network.prepare`` gives them, shape
                (N, window, P).
        """
        own = {s: partial(forests.probabilities, each) for s, each in self.own_forests.items()}
        pooled = forests.probabilities(self.forest, rows.values)
        return {
            "xgboost": own_answers(pooled, *rows, own),
            "lstm": lstms.probabilities(self.network.logits(windows)),
        }

    def specialist_chances(self, name: SpecialistName, rows: ForestRows) -> NDArray[np.float64]:
        """Return the probabilities of a specialist's forest, shape (N, 3); rows as in members."""
        return forests.probabilities(self.specialists[name], rows.values)

    @property
    def answerers(self) -> tuple[Answerer, ...]:
        """Who can be named to answer."""
        return ("universal", *self.specialists)

    @cached_property
    def temperatures(self) -> dict[SpecialistName, float]:
        """Temperature of each specialist's pool."""
        return self.manifest.selection.temperatures

    def status(self) -> LoadedModel:
        """Return what ``GET /api/v1/models`` shows."""
        return LoadedModel(
            name=self.manifest.strategy,
            version=self.version,
            loaded_at_ms=self.loaded_at_ms,
            device=self.network.device,
            parameters=self.network.model.parameters + len(self.forest.nodes),
            qualified=self.registered.qualified,
            load_seconds=self.load_seconds,
            timeframe_ms=self.timeframe_ms,
            selection=self.manifest.selection.rule,
            specialists=tuple(
                LoadedSpecialist(
                    name=name,
                    parameters=self.network.model.parameters + len(forest.nodes),
                    qualified=name in self.manifest.selection.qualified,
                )
                for name, forest in self.specialists.items()
            ),
        )


def load_ensemble(
    model: ModelRegistered, give_way: Callable[[], None] = lambda: None
) -> LoadedEnsemble:
    """Load a registered model and check that it answers as it did in training.

    Before each piece of the work it gives way to what is more urgent.

    Raises:
        ArtifactError: A file is missing or altered, or the kernels answer otherwise.
    """

    def forest(role: str) -> forests.Forest:
        booster = read_booster(contents[role], give_way)
        give_way()
        return forests.compile_forest(booster)

    began = time.monotonic()
    give_way()
    manifest, contents = read_model(model)
    try:
        loaded = LoadedEnsemble(
            manifest=manifest,
            registered=model,
            forest=forest("forest"),
            network=place_network(lstms.read_lstm(contents["lstm"])),
            loaded_at_ms=wall_ms(),
            load_seconds=0.0,
            calibration=_lookup(manifest.calibration),
            selection_calibration=_lookup(manifest.selection_calibration),
            specialists={
                each.name: forest(FOREST_ROLES[each.name]) for each in manifest.selection.fitted
            },
            own_forests={
                symbol: forests.compile_forest(read_booster(raw))
                for symbol, raw in decode_forests(contents.get("forests", b"{}")).items()
            },
        )
        for case in manifest.parity:
            give_way()
            _check_parity(loaded, case)
    except ArtifactError:
        raise
    except (KeyError, ValueError) as error:
        raise ArtifactError(f"model {model.model_version} cannot be read: {error}") from None
    return replace(loaded, load_seconds=time.monotonic() - began)


def _lookup(tables: CalibrationTables | None) -> CalibrationLookup | None:
    return None if tables is None else CalibrationLookup(tables)


def feature_concern(model: ModelRegistered) -> str:
    """Return what is wrong when the features have changed since a model was trained; else empty."""
    if model.feature_set_id == FEATURE_SET_ID:
        return ""
    if missing := sorted(set(model.feature_names) - set(FEATURE_NAMES)):
        return (
            f"model {model.model_version} cannot predict: {', '.join(missing)} are no longer made; "
            "another is asked for, see `regimeflow status`"
        )
    return (
        f"the features have changed since model {model.model_version} was trained; it serves with "
        "those that it knows until another, which is asked for, replaces it"
    )


def device_concern(model: LoadedEnsemble) -> str:
    """Return why a model runs on the CPU where there is a GPU; else empty."""
    if not model.network.refused:
        return ""
    return (
        f"model {model.version} runs on the CPU alone: the GPU refused its network "
        f"({model.network.refused})"
    )


def _check_parity(loaded: LoadedEnsemble, case: ParityCase) -> None:
    values, window = _array((case.row,)), loaded.network.prepare(_array(case.window)[None])
    row = loaded.forest_rows(values)
    answers = loaded.members(row, window)
    answers |= {name: loaded.specialist_chances(name, row) for name in loaded.specialists}
    expectations: dict[str, ClassProbabilities] = {"xgboost": case.forest, "lstm": case.lstm}
    expectations |= dict(case.specialists.items())
    for symbol in loaded.manifest.features.keys() | loaded.own_forests.keys():
        own = loaded.forest_rows(values, (symbol,))
        answers[f"the forest of {symbol}"] = loaded.members(own, window)["xgboost"]
    expectations |= {f"the forest of {symbol}": each for symbol, each in case.symbols.items()}
    if missing := answers.keys() - expectations.keys():
        raise ArtifactError(f"model {loaded.version}: no stored answer of {', '.join(missing)}")
    for name, expected in expectations.items():
        gap = float(np.abs(answers[name][0] - _as_row(expected)).max())
        if not gap <= PARITY:
            raise ArtifactError(
                f"model {loaded.version}: {name} differs from training by {gap:.1e}, "
                f"expected at most {PARITY}"
            )


def _array(rows: Sequence[Sequence[float | None]]) -> NDArray[np.float64]:
    return np.array([[np.nan if v is None else v for v in row] for row in rows])


def _as_row(chances: ClassProbabilities) -> NDArray[np.float64]:
    return np.array([chances.sell, chances.neutral, chances.buy])


def _fitting(slots: Sequence[tuple[int, LoadedEnsemble]], most: int) -> int:
    """Return how many of the slots, from the last one back, are of ``most`` models at most."""
    known = set[str]()
    for count, (_, loaded) in enumerate(reversed(slots)):
        known.add(loaded.version)
        if len(known) > most:
            return count
    return len(slots)


@dataclass
class Slots:
    """Every loaded model by its timeframe and the bar from which it serves.

    They are replaced as a whole, never in part.

    Attributes:
        capacity: Models of a timeframe in memory; more while changes to come need them. A replay
            reads symbols one after the other, so it needs all models of its past. One that serves
            again and again is one: who was away needs all of its bars.
        on_switch: Called with the model and the bar when a newer one answers for the first time.
        way: Of batches, before the loading of a model.
    """

    capacity: int = MODELS_IN_MEMORY
    on_switch: Callable[[LoadedEnsemble, int], None] = lambda _model, _bar_ms: None
    way: RightOfWay = field(default_factory=RightOfWay)
    # By timeframe: from when the newest model that has answered serves, and the models.
    _newest_ms: dict[int, int] = field(default_factory=dict)
    _serving: dict[int, tuple[tuple[int, LoadedEnsemble], ...]] = field(default_factory=dict)

    def put(self, change: ModelChanged, loaded: LoadedEnsemble) -> None:
        """Let a model serve its timeframe from ``change.effective_from_ms`` on."""
        since, timeframe_ms = change.effective_from_ms, loaded.timeframe_ms
        slots = [
            slot
            for slot in self._serving.get(timeframe_ms, ())
            if (slot[0], slot[1].version) != (since, loaded.version)
        ]
        slots.append((since, loaded))
        slots.sort(key=lambda slot: slot[0])
        now_ms = min(change.event_time_ms, self._newest_ms.get(timeframe_ms, LAST_MS))
        to_come = sum(slot[0] > now_ms for slot in slots)  # the one before them answers until then
        kept = tuple(slots[-max(_fitting(slots, self.capacity), to_come + 2) :])
        self._serving = self._serving | {timeframe_ms: kept}

    def in_memory(self, model: ModelRegistered) -> LoadedEnsemble | None:
        """Return a model that has been loaded, for a rollback to it; None where it is not."""
        slots = self._serving.get(model.timeframe_ms, ())
        loaded = (m for _, m in slots if m.version == model.model_version)
        return next(loaded, None)

    def for_bar(self, timeframe_ms: int, event_time_ms: int) -> LoadedEnsemble | None:
        """Return the model of a bar close; None before the first one of its timeframe serves."""
        slot = self._slot_at(timeframe_ms, event_time_ms)
        if slot is None:
            return None
        since, loaded = slot
        if since > self._newest_ms.get(timeframe_ms, -1):
            self._newest_ms[timeframe_ms] = since
            self.on_switch(loaded, event_time_ms)
        return loaded

    def serves(self, version: str, timeframe_ms: int, event_time_ms: int) -> bool:
        """Whether a version answers a bar close, as far as changes have been applied."""
        slot = self._slot_at(timeframe_ms, event_time_ms)
        return slot is not None and slot[1].version == version

    def _slot_at(self, timeframe_ms: int, event_time_ms: int) -> tuple[int, LoadedEnsemble] | None:
        models = self._serving.get(timeframe_ms, ())
        return next((slot for slot in reversed(models) if slot[0] <= event_time_ms), None)

    def named(self, name: str, timeframe_ms: int) -> LoadedEnsemble | None:
        """Return a loaded model of a timeframe by version, or the newest by strategy name."""
        models = [m for _, m in self._serving.get(timeframe_ms, ()) if name in m.names]
        return models[-1] if models else None

    def all(self) -> tuple[LoadedEnsemble, ...]:
        """Return every loaded model once, by timeframe, oldest first."""
        slots = [
            slot for timeframe_ms in sorted(self._serving) for slot in self._serving[timeframe_ms]
        ]
        return tuple({loaded.version: loaded for _, loaded in slots}.values())
