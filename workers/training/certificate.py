"""The certificate of a model: no part of it moves when only the future changes.

It is made of the parts themselves: the kernel of its feature set, its labels, its regime filters
and the scaling of its network, each on random cuts. A first model is not kept waiting for more. A
later one is also audited: its first fold is fitted again on the log as it was when that fold ends,
and must come out as the same bytes. Networks and all other folds are audited by
``deploy/test --audit``, on the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from schemas.certificates import CertificateCheck, ModelCertificate
from schemas.regimes import RegimeParameters
from schemas.timeframes import MINUTE_MS
from streams.features.catalog import FEATURE_NAMES, FEATURES
from streams.features.kernel import COLUMNS, BarColumns, batch_features
from streams.regimes.hamilton import filtered_probabilities
from workers.models.symbol_forests import encode_forests
from workers.training.dataset import Array, FeatureSeries, Rows
from workers.training.fit import TrainingPlan, fit_model
from workers.training.fit_lstm import input_scaling
from workers.training.fit_regimes import OBSERVATIONS
from workers.training.fitted import FittedModel
from workers.training.labels import label_series
from workers.training.prefix_invariance import (
    Parts,
    Stamped,
    check_stage,
    cut_off,
    draw_cuts,
    newest,
)
from workers.training.split import known_before
from workers.training.table import LabelPlan, TrainingTable, Windows, build_table

CUTS = 3
NEWEST_BARS = 2_000  # of each symbol: enough for a window, cheap for many symbols
# A bar of the longest rung may begin a whole one late; the cuts lie in the second half.
DRAWN_BARS = 2 * max((feature.warm_up + 1) * feature.multiple for feature in FEATURES)
NOT_AUDITED = "the first model of all is not fitted twice; the next one is audited"


Remake = Callable[[TrainingTable, Rows, FittedModel], FittedModel]


@dataclass(frozen=True)
class FirstFold:
    """The first fold of a training.

    Attributes:
        fitted: Its model.
        starts_ms: Start of the block that it predicts, ms.
        remake: Makes its forests of the defaults, from some rows.
    """

    fitted: FittedModel
    starts_ms: int
    remake: Remake


@dataclass(frozen=True)
class DrawnBars:
    """Bars of one symbol with every column that the feature kernel reads, shape (T,) each."""

    times: NDArray[np.int64]
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    taker_buy_volume: Array
    mark_price: Array
    funding_rate: Array


def certify(
    table: TrainingTable, fitted: FittedModel, plan: TrainingPlan, first_fold: FirstFold | None
) -> ModelCertificate:
    """Return the certificate of a fitted model; the same input gives the same one.

    Args:
        table: What it was trained on.
        fitted: Of all its rows.
        plan: Its plan.
        first_fold: To be fitted again; None leaves the audit out, and the certificate says so.
    """
    rng = np.random.default_rng(plan.seed)
    bars = {"drawn": draw_bars(DRAWN_BARS, rng)}
    series = newest(table.series, NEWEST_BARS)
    cuts = draw_cuts(series, CUTS, rng)
    checks = [
        check_stage("features", feature_parts, bars, draw_cuts(bars, CUTS, rng), rng),
        check_stage("labels", partial(label_parts, plan=plan.labels), series, cuts, rng),
        check_stage("filters", partial(filter_parts, fitted.regimes), series, cuts, rng),
        check_stage("scalers", partial(scaler_parts, plan, cuts), series, cuts, rng),
    ]
    if first_fold:
        checks.append(refit_first_fold(table.series, plan, first_fold))
    return ModelCertificate(
        seed=plan.seed,
        checks=tuple(checks),
        left_out={} if first_fold else {"folds": NOT_AUDITED},
    )


def draw_bars(count: int, rng: np.random.Generator) -> DrawnBars:
    """Return minutes of a random walk with fat tails, from a random minute of a day on."""
    close = 100.0 * np.exp(np.cumsum(rng.standard_t(4, count) * 0.002))
    before = np.concatenate(([100.0], close[:-1]))
    up, down = np.exp(np.abs(rng.normal(0.0, 0.001, (2, count))))
    volume = rng.lognormal(3.0, 1.0, count)
    return DrawnBars(
        times=MINUTE_MS * (int(rng.integers(1, 1_440)) + np.arange(count)),
        open=before,
        high=np.maximum(before, close) * up,
        low=np.minimum(before, close) / down,
        close=close,
        volume=volume,
        taker_buy_volume=volume * rng.random(count),
        mark_price=close * np.exp(rng.normal(0.0, 1e-4, count)),
        funding_rate=rng.normal(0.0, 1e-4, count),
    )


def feature_parts(bars: Mapping[str, DrawnBars]) -> Parts:
    """Return every feature of the catalogue, usable from its bar's close."""
    (one,) = bars.values()
    columns = {name: getattr(one, name) for name in COLUMNS}
    rows = batch_features(BarColumns.of(one.times // MINUTE_MS, **columns))
    return {name: Stamped(one.times, rows[:, i]) for i, name in enumerate(FEATURE_NAMES)}


def label_parts(series: Mapping[str, FeatureSeries], plan: LabelPlan) -> Parts:
    """Return labels and what they are made of, usable once known; thresholds from their close."""
    each = [
        label_series(one, plan.horizon_bars, plan.volatility_feature, plan.width)
        for one in series.values()
    ]
    known_at = np.concatenate([labels.known_at for labels in each])
    times = np.concatenate([one.times for one in series.values()])
    return {
        "class": Stamped(known_at, np.concatenate([labels.classes for labels in each])),
        "forward": Stamped(known_at, np.concatenate([labels.forward for labels in each])),
        "funding": Stamped(known_at, np.concatenate([labels.funding for labels in each])),
        "threshold": Stamped(times, np.concatenate([labels.threshold for labels in each])),
    }


def filter_parts(filters: Sequence[RegimeParameters], series: Mapping[str, FeatureSeries]) -> Parts:
    """Return the calibrated posteriors of each symbol's filter, usable from their close."""
    parts = {}
    for parameters in filters:
        if parameters.symbol not in series:
            continue
        one = series[parameters.symbol]
        used = [OBSERVATIONS.index(name) for name in parameters.observations]
        posteriors = filtered_probabilities(parameters, one.times, one.observed[:, used])
        parts[parameters.symbol] = Stamped(one.times, posteriors)
    return parts


def scaler_parts(
    plan: TrainingPlan, fit_at: Sequence[int], series: Mapping[str, FeatureSeries]
) -> Parts:
    """Return the scaling that a network fitted at some times would get, usable from then on."""
    table = build_table(series, plan.labels, plan.lstm.window)
    parts = {}
    for start_ms in fit_at:
        rows = rows_known_before(table, plan, start_ms)
        if len(rows):
            scaling = np.stack(input_scaling(Windows(table.rows, rows, plan.lstm.window)))
            parts[f"fitted at {start_ms}"] = Stamped(np.array([start_ms]), scaling[None])
    return parts


def rows_known_before(table: TrainingTable, plan: TrainingPlan, start_ms: int) -> Rows:
    """Return the usable rows whose labels were known an embargo before a time."""
    embargo_ms = plan.embargo_bars * table.timeframe_ms
    return table.usable[known_before(start_ms, table.known_at[table.usable], embargo_ms)]


def refit_first_fold(
    series: Mapping[str, FeatureSeries], plan: TrainingPlan, first: FirstFold
) -> CertificateCheck:
    """Fit the first fold again on the log as it was when its block began, and compare.

    Its network is left out: torch would be loaded into a process that has the rest in memory.
    """
    table = build_table(cut_off(series, first.starts_ms), plan.labels, plan.lstm.window)
    rows = rows_known_before(table, plan, first.starts_ms)
    again = first.remake(table, rows, fit_model(table, rows, plan, lambda *_: None))
    ours, theirs = fitted_parts(first.fitted), fitted_parts(again)
    return CertificateCheck(
        kind="folds",
        parts=len(ours),
        cuts=1,
        values=len(ours),
        moved={f"first fold's {name}": 1 for name in ours if ours[name] != theirs[name]},
    )


def fitted_parts(fitted: FittedModel) -> dict[str, bytes]:
    """Return what a fit came to, by name, as bytes."""
    return {
        "forest": fitted.forest,
        "prior": fitted.prior.tobytes(),
        "filters": b"\n".join(parameters.encode() for parameters in fitted.regimes),
        "features": repr(sorted(fitted.features.items())).encode(),
        "own forests": encode_forests(fitted.forests),
    }
