"""Compares a new model with the champion, on bars that neither was trained on.

One rule over the whole table decides. A challenger is promoted only if every required metric
holds and the interval of its gain in log-loss lies above 0: each of them must hold, so none needs
a correction for the others (Berger, 1982, Technometrics 24(4), intersection-union).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import entr

from schemas.gates import ComparedMetric, ModelComparison, holds
from schemas.models import ModelRegistered
from schemas.policies import COMPARISON, ComparisonPolicy, thresholds
from schemas.regimes import LN_3
from schemas.specialists import SpecialistPolicy
from schemas.timeframes import DAY_MS
from streams.evaluation.resampling import ratio_interval
from streams.features.catalog import FEATURE_SET_ID
from streams.regimes.hamilton import filtered_probabilities
from streams.regimes.processor import UNIFORM
from workers.models.artifact import ArtifactError
from workers.serving.selection import Regimes, answer
from workers.serving.slots import FeaturesMissing, LoadedEnsemble, load_ensemble
from workers.training.answers import ModelAnswers
from workers.training.dataset import Array, Rows
from workers.training.fit import TrainingPlan
from workers.training.fit_regimes import OBSERVATIONS
from workers.training.metrics import surprise
from workers.training.table import LabelPlan, TrainingTable, Windows
from workers.training.trading import TradingFigures, called_trades, trading_figures

BLOCK_HORIZONS = 2  # mean length of the resampled blocks at least, in label horizons
FEWEST_BLOCKS = 10  # of that length; fewer show nothing
CHUNK = 500  # windows at a time


class NotComparable(ValueError):
    """The champion cannot be judged on these rows; the message says why."""


@dataclass(frozen=True)
class Judged:
    """One model on the rows of a comparison: its answers, and the figures of those that serve."""

    answers: ModelAnswers
    trading: TradingFigures


def compare_models(
    champion: ModelRegistered,
    challenger: ModelAnswers,
    table: TrainingTable,
    holdout: Rows,
    plan: TrainingPlan,
) -> ModelComparison:
    """Return the comparison on the rows held out that came after the champion's training.

    What serves is judged on both sides; what the universal models alone would gain is said beside
    it. A champion whose files are altered, whose features are gone or whose labels are others, and
    too few rows, give ``manual_review`` with the reason.

    Args:
        champion: The model that serves.
        challenger: Answers of the new model on ``holdout``, shape (N, 3).
        table: Of the new model.
        holdout: Row numbers that it was not trained on.
        plan: Of the new model: what it predicts, how the config weighs specialists, and by which
            policy both are compared.
    """
    labels = plan.labels
    after_ms = champion.trained_to_ms + labels.horizon_bars * table.timeframe_ms
    later = table.times[holdout] > after_ms
    rows = holdout[later]
    if len(rows) == 0:
        return _unable(champion.model_version, "the champion was trained on every row held out")
    try:
        loaded = _load(champion, labels)
        answers = champion_answers(loaded, table, rows, plan.specialists)
    except NotComparable as error:
        return _unable(champion.model_version, str(error), len(rows))
    mine = challenger.of(later)
    decided = _decided(
        champion.model_version,
        (table, rows, labels.horizon_bars),
        plan.gates.comparison,
        Judged(answers, _trading(table, rows, answers.served, labels)),
        Judged(mine, _trading(table, rows, mine.served, labels)),
    )
    lost = ", ".join(symbol for symbol in champion.symbols if symbol not in table.series)
    if decided.verdict != "promote" or not lost:
        return decided
    waits = f"it was not trained on {lost}: while the champion predicts it, this waits in Staging"
    return decided.model_copy(update={"reasons": (*decided.reasons, waits)})


def _load(champion: ModelRegistered, labels: LabelPlan) -> LoadedEnsemble:
    try:
        loaded = load_ensemble(champion)
    except ArtifactError as error:
        raise NotComparable(f"the champion cannot be read: {error}") from None
    manifest = loaded.manifest
    theirs = (manifest.horizon_bars, manifest.volatility_feature, manifest.label_width)
    ours = (labels.horizon_bars, labels.volatility_feature, labels.width)
    if theirs != ours:
        raise NotComparable(f"the champion predicts other labels: {theirs}, the challenger {ours}")
    return loaded


def champion_answers(
    loaded: LoadedEnsemble, table: TrainingTable, rows: Rows, policy: SpecialistPolicy
) -> ModelAnswers:
    """Return what a registered model answers on some rows, as it is served under a policy.

    Raises:
        NotComparable: A feature of it is no longer made.
    """
    names = next(iter(table.series.values())).names
    try:
        columns = loaded.columns(f"{FEATURE_SET_ID} in training", names)
    except FeaturesMissing as error:
        raise NotComparable(str(error)) from None
    posteriors = _posteriors(loaded, table)[rows]
    entropies = np.minimum(entr(posteriors).sum(axis=1) / LN_3, 1.0)
    inputs = np.hstack((table.rows[rows][:, columns], posteriors))
    windows = Windows(table.rows, rows, loaded.window)
    symbols, parts = table.symbols_at(rows), []
    for chunk in np.array_split(np.arange(len(rows)), max(len(rows) // CHUNK, 1)):
        prepared = loaded.network.prepare(windows.take(chunk)[:, :, columns])
        regimes = Regimes(posteriors[chunk], entropies[chunk], [policy] * len(chunk))
        values = loaded.forest_rows(inputs[chunk], symbols[chunk[0] : chunk[-1] + 1])
        parts.append(answer(loaded, values, prepared, regimes))
    selection = loaded.manifest.selection
    return ModelAnswers(
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.universal for part in parts]),
        selection.rule if policy == selection.policy else "universal",
    )


def _posteriors(loaded: LoadedEnsemble, table: TrainingTable) -> Array:
    """Return the regimes by the champion's own filters, for every row of the table."""
    filters = {parameters.symbol: parameters for parameters in loaded.registered.regimes}
    parts = []
    for symbol, series in table.series.items():
        parameters = filters.get(symbol)
        if parameters is None or not set(parameters.observations) <= set(OBSERVATIONS):
            parts.append(np.tile(UNIFORM, (len(series.times), 1)))
            continue
        used = [OBSERVATIONS.index(name) for name in parameters.observations]
        parts.append(filtered_probabilities(parameters, series.times, series.observed[:, used]))
    return np.concatenate(parts)


def _trading(table: TrainingTable, rows: Rows, answers: Array, labels: LabelPlan) -> TradingFigures:
    trades = called_trades(table, rows, answers.argmax(axis=1), labels.horizon_bars)
    return trading_figures(trades, trials=1)


def _decided(
    version: str,
    bars: tuple[TrainingTable, Rows, int],
    policy: ComparisonPolicy,
    champion: Judged,
    challenger: Judged,
) -> ModelComparison:
    table, rows, horizon = bars
    metrics = compared_metrics(champion.trading, challenger.trading, policy)
    classes = table.classes[rows]
    ours, theirs = challenger.answers, champion.answers
    gain = surprise(theirs.served, classes) - surprise(ours.served, classes)
    universal = surprise(theirs.universal, classes) - surprise(ours.universal, classes)
    interval = _gain_interval(gain, table.times[rows], horizon, policy.level)
    from_ms, to_ms = int(table.times[rows].min()), int(table.times[rows].max())
    days = (to_ms - from_ms) / DAY_MS
    verdict, reasons = decide(metrics, interval, f"{len(rows)} rows of {days:.1f} days")
    return ModelComparison(
        champion=version,
        rows=len(rows),
        from_ms=from_ms,
        to_ms=to_ms,
        metrics=metrics,
        difference=float(gain.mean()),
        difference_interval=interval,
        level=policy.level,
        champion_rule=theirs.rule,
        challenger_rule=ours.rule,
        universal_difference=float(universal.mean()),
        verdict=verdict,
        reasons=reasons,
    )


def compared_metrics(
    champion: TradingFigures, challenger: TradingFigures, policy: ComparisonPolicy
) -> tuple[ComparedMetric, ...]:
    """Return the table of a comparison; a metric that is not required informs."""
    wanted = thresholds(policy, COMPARISON)
    return tuple(
        ComparedMetric(
            metric=row.figure,
            weight=row.weight,
            required=row.figure in policy.required,
            rule=row.rule,
            threshold=wanted[key],
            champion=champion[row.figure],
            challenger=challenger[row.figure],
            passed=holds(row.rule, challenger[row.figure], wanted[key]),
        )
        for key, row in COMPARISON.items()
    )


def _gain_interval(
    gain: Array, times: Rows, horizon: int, level: float
) -> tuple[float, float] | None:
    """Return the interval of the mean gain; bars are resampled in blocks with all their symbols."""
    bars, place = np.unique(times, return_inverse=True)
    block = float(BLOCK_HORIZONS * horizon)
    if len(bars) < FEWEST_BLOCKS * block:
        return None
    amounts = np.bincount(place, weights=gain).astype(np.float64)
    counts = np.bincount(place).astype(np.float64)
    interval = ratio_interval(amounts, counts, level=level, least_block=block)
    if interval is None and not gain.any():
        return 0.0, 0.0  # the same answers on every row
    return None if interval is None else (interval.low, interval.high)


def decide(
    metrics: tuple[ComparedMetric, ...], interval: tuple[float, float] | None, rows: str
) -> tuple[Literal["promote", "keep", "manual_review"], tuple[str, ...]]:
    """Return the verdict of a comparison and its reasons; ``rows`` says how many, of how long."""
    if interval is None:
        return "manual_review", (
            f"{rows} that neither model was trained on are too few for an interval",
        )
    low, high = interval
    gain = f"the gain in log-loss lies between {low:+.5f} and {high:+.5f} nats"
    if high < 0.0:
        return "keep", (f"the champion is better: {gain}",)
    undefined = [m.metric for m in metrics if m.required and m.challenger is None]
    known = [m for m in metrics if m.required and m.challenger is not None]
    failed = [_sentence(m) for m in known if not m.passed]
    if failed:
        return "keep", (*failed, gain)
    if undefined:
        return "manual_review", tuple(f"{name} is undefined on {rows}" for name in undefined)
    if low <= 0.0:
        return "keep", (f"no gain beyond chance: {gain}",)
    return "promote", (gain, "every required metric holds")


def _sentence(metric: ComparedMetric) -> str:
    words = metric.rule.replace("_", " ")
    return f"{metric.metric} is {metric.challenger:.4g}, expected {words} {metric.threshold:.4g}"


def unknown_champion(version: str) -> ModelComparison:
    """Return the comparison with a model that no topic knows: a human looks at it."""
    return _unable(version, f"no model {version} has served, so its filters are unknown")


def _unable(version: str, reason: str, rows: int = 0) -> ModelComparison:
    return ModelComparison(
        champion=version,
        rows=rows,
        metrics=(),
        difference=None,
        verdict="manual_review",
        reasons=(reason,),
    )
