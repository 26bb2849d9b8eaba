"""Drift: signals and their scores in; block by block, whether the model does harm out.

    configs.effective.v1, signals.graded.v1, signals.scored.v1, drift.references.v1,
    drift.features.v1  -->  [drift]  -->  drift.reports.v1, models.commands.v1

A model does harm where a lower bound of a measure, live, lies above the upper bound of the same
measure out of sample and a tolerance (Podkopaev and Ramdas, 2022, "Tracking the risk of a deployed
model"). The bound holds at every look. Features that have shifted are named and give no alarm.

With a reason it asks for a retraining, and once more each day while one lasts; promotion decides.
A model that has replaced another is on probation: where its log-loss does harm, it asks once that
the one before serves again. A model that served earlier, as after a rollback, is not new.

A model is watched from the first signal that names it. Market time is the time of signals.
"""

from __future__ import annotations

from math import ceil, fsum, log
from typing import Any

from pydantic import Field

from schemas.configs import ConfigEffective
from schemas.drift import (
    DriftPolicy,
    DriftReason,
    DriftReference,
    DriftReport,
    FeatureDrift,
    Measure,
    MeasureDrift,
    MeasureReference,
)
from schemas.predictions import ClassProbabilities
from schemas.record import Record
from schemas.signals import ScoredSignal, Signal
from schemas.timeframes import DAY_MS, HOUR_MS
from schemas.topics import (
    CONFIG_EFFECTIVE,
    DRIFT_FEATURES,
    DRIFT_REFERENCES,
    DRIFT_REPORTS,
    MODEL_COMMANDS,
    SCORED_SIGNALS,
    SIGNALS,
)
from streams.drift.bounds import BlockMeans, add_block, error_rate, lower_bound
from streams.drift.commands import retraining, rollback
from streams.processor import Outputs, Processor, Step

KEPT_REFERENCES = 16  # a rollback goes to one of them
LEAD_BARS = 2  # from its close until the look at the features is told
DUE_EVERY_MS = HOUR_MS  # market time: so often it is looked at whether a model has become old
ASKED_AGAIN_MS = DAY_MS  # while the reasons last: a request may have been refused

EXPECTED: tuple[Measure, ...] = ("expected_log_loss",)
SCORED: tuple[Measure, ...] = ("log_loss", "miss", "overconfidence")
TOLERANCES: dict[Measure, str] = {
    "log_loss": "log_loss_tolerance",
    "miss": "accuracy_drop",
    "overconfidence": "overconfidence_tolerance",
    "expected_log_loss": "log_loss_tolerance",
}


class PolicyFrom(Record):
    """A policy and the bar from which it counts."""

    event_time_ms: int
    policy: DriftPolicy
    config_id: str | None = None


DEFAULTS = PolicyFrom(event_time_ms=0, policy=DriftPolicy())


class FeaturesSeen(Record):
    """What a look at the features of a model has found."""

    event_time_ms: int
    model_version: str
    drifted: tuple[str, ...]


class DriftState(Record):
    """References without their features, the model that is watched, and its measures.

    The rows of blocks that are not whole lie beside the blocks: they change with each record.
    """

    event_time_ms: int = -1  # of the newest signal
    scored_ms: int = -1
    referenced_ms: int = -1
    policies: tuple[PolicyFrom, ...] = ()  # the one in force, and those that follow
    references: tuple[DriftReference, ...] = ()
    model_version: str = ""
    measures: dict[Measure, BlockMeans] = Field(default_factory=dict)
    expected_sums: tuple[float, ...] = ()  # of EXPECTED, over ``expected_rows``
    expected_rows: int = 0
    scored_sums: tuple[float, ...] = ()  # of SCORED, over ``scored_rows``
    scored_rows: int = 0
    looks: tuple[FeaturesSeen, ...] = ()  # the one that is told, and those that follow
    looked_ms: int = -1
    reasons: tuple[DriftReason, ...] = ()
    asked_ms: int = -1
    served: tuple[str, ...] = ()  # models that were watched before
    new_ms: int = -1  # first bar of a model that replaced one; -1: it is not new, or gave way


INITIAL = DriftState()
NO_BLOCKS = BlockMeans()

Input = Signal | ScoredSignal | ConfigEffective | DriftReference | FeatureDrift


def step(state: DriftState, record: Input) -> tuple[DriftState, Outputs]:
    """Take notice of one record; what is not newer than the last of its kind is ignored."""
    return STEPS[type(record)](state, record)


def entropy(chances: ClassProbabilities) -> float:
    """Return the log-loss that calibrated probabilities expect of themselves, natural log."""
    sell, neutral, buy = chances.sell, chances.neutral, chances.buy
    # A chance of 0 expects nothing: 0 log 1.
    return -fsum((sell * log(sell or 1.0), neutral * log(neutral or 1.0), buy * log(buy or 1.0)))


def _config(state: DriftState, config: ConfigEffective) -> tuple[DriftState, Outputs]:
    if state.policies and config.event_time_ms <= state.policies[-1].event_time_ms:
        return state, ()
    added = PolicyFrom(
        event_time_ms=config.event_time_ms,
        policy=config.drift or DEFAULTS.policy,
        config_id=config.config_id,
    )
    return state.changed({"policies": (*state.policies, added)}), ()


def _refer(state: DriftState, reference: DriftReference) -> tuple[DriftState, Outputs]:
    if reference.event_time_ms <= state.referenced_ms:
        return state, ()
    others = [r for r in state.references if r.model_version != reference.model_version]
    bare = reference.model_copy(update={"features": None})
    references = (*others, bare)[-KEPT_REFERENCES:]
    changes = {"referenced_ms": reference.event_time_ms, "references": references}
    return state.changed(changes), ()


def _look(state: DriftState, drift: FeatureDrift) -> tuple[DriftState, Outputs]:
    if drift.event_time_ms <= state.looked_ms:
        return state, ()
    seen = FeaturesSeen(
        event_time_ms=drift.event_time_ms,
        model_version=drift.model_version,
        drifted=tuple(each.name for each in drift.features if each.drifted),
    )
    looks = (*state.looks, seen)
    return state.changed({"looked_ms": drift.event_time_ms, "looks": looks}), ()


def _signal(state: DriftState, signal: Signal) -> tuple[DriftState, Outputs]:
    now = signal.event_time_ms
    if now <= state.event_time_ms:
        return state, ()
    version = signal.model_version
    same = version == state.model_version
    waits = len(state.policies) > 1 or len(state.looks) > 1
    changes: dict[str, Any] = {"event_time_ms": now}
    if waits or not same:
        changes = _at_bar(state, signal)
    reference = _reference(state, version)
    if reference is None:
        return state.changed(changes), ()
    rows = state.expected_rows + 1 if same else 1
    total = entropy(signal.probabilities)
    if rows > 1:
        total += state.expected_sums[0]
    full = rows == reference.block_rows
    if full:
        changes["measures"] = _with_block(state if same else INITIAL, EXPECTED, (total,), rows)
    changes["expected_sums"], changes["expected_rows"] = ((), 0) if full else ((total,), rows)
    after = state.changed(changes)
    if full or (now % DUE_EVERY_MS < signal.timeframe_ms and _due(after, reference, now)):
        return _reported(after, reference, now)
    return after, ()


def _due(state: DriftState, reference: DriftReference, now: int) -> bool:
    """Return whether a model has just become old, or is to be asked for once more."""
    if not state.reasons:
        return _aged(state, reference, now)
    again = now >= state.asked_ms + ASKED_AGAIN_MS
    return again or ("age" not in state.reasons and _aged(state, reference, now))


def _at_bar(state: DriftState, signal: Signal) -> dict[str, Any]:
    """Return what changes with a bar: its model, and what counts from it on."""
    changes: dict[str, Any] = {"event_time_ms": signal.event_time_ms}
    if signal.model_version != state.model_version:
        before = (state.model_version,) if state.model_version else ()
        served = (*(v for v in state.served if v not in before), *before)[-KEPT_REFERENCES:]
        new = bool(served) and signal.model_version not in served
        changes |= {
            "served": served,
            "new_ms": signal.event_time_ms if new else -1,
            "model_version": signal.model_version,
            "measures": {},
            "expected_sums": (),
            "expected_rows": 0,
            "scored_sums": (),
            "scored_rows": 0,
            "reasons": (),
            "asked_ms": -1,
        }
    if len(state.policies) > 1 and state.policies[1].event_time_ms <= signal.event_time_ms:
        changes["policies"] = state.policies[1:]
    told_ms = signal.event_time_ms - LEAD_BARS * signal.timeframe_ms
    if len(state.looks) > 1 and state.looks[1].event_time_ms <= told_ms:
        changes["looks"] = state.looks[1:]
    return changes


def _score(state: DriftState, score: ScoredSignal) -> tuple[DriftState, Outputs]:
    now, loss, hit = score.event_time_ms, score.log_loss, score.hit
    if now <= state.scored_ms:
        return state, ()
    reference = _reference(state, state.model_version)
    serving = score.model_version == state.model_version
    if reference is None or loss is None or hit is None or not serving:
        return state.changed({"scored_ms": now}), ()
    hits = 1.0 if hit else 0.0
    sums, rows = (loss, 1.0 - hits, score.confidence - hits), state.scored_rows + 1
    if rows > 1:
        losses, misses, excess = state.scored_sums
        sums = (losses + sums[0], misses + sums[1], excess + sums[2])
    if rows < reference.block_rows:
        return state.changed({"scored_ms": now, "scored_sums": sums, "scored_rows": rows}), ()
    measures = _with_block(state, SCORED, sums, rows)
    after = state.changed(
        {"scored_ms": now, "scored_sums": (), "scored_rows": 0, "measures": measures}
    )
    return _reported(after, reference, now)


def _with_block(
    state: DriftState, names: tuple[Measure, ...], sums: tuple[float, ...], rows: int
) -> dict[Measure, BlockMeans]:
    """Return the measures with one more block of some of them."""
    measures = dict(state.measures)
    for name, total in zip(names, sums, strict=True):
        measures[name] = add_block(measures.get(name, NO_BLOCKS), total / rows)
    return measures


def _reference(state: DriftState, version: str) -> DriftReference | None:
    for reference in reversed(state.references):  # a version has one; the newest mostly serves
        if reference.model_version == version:
            return reference
    return None


def _in_force(state: DriftState) -> PolicyFrom:
    first = state.policies[0] if state.policies else DEFAULTS
    return first if first.event_time_ms <= state.event_time_ms else DEFAULTS


def _policy(state: DriftState) -> DriftPolicy:
    return _in_force(state).policy


def _measures(state: DriftState, reference: DriftReference) -> tuple[MeasureDrift, ...]:
    policy = _policy(state)
    block_ms = reference.block_rows * reference.timeframe_ms
    error = error_rate(policy.average_run_length_days, block_ms, len(reference.measures))
    fewest = max(1, ceil(policy.min_labels / reference.block_rows))
    return tuple(
        _measure(
            each,
            state.measures.get(each.measure, NO_BLOCKS),
            each.upper + getattr(policy, TOLERANCES[each.measure]),
            (error, fewest),
            reference.block_rows,
        )
        for each in reference.measures
    )


def _measure(
    reference: MeasureReference,
    means: BlockMeans,
    limit: float,
    rule: tuple[float, int],
    block_rows: int,
) -> MeasureDrift:
    error, fewest = rule
    lower = lower_bound(means, reference.deviation, error, fewest)
    newest = means.newest[-fewest:]
    return MeasureDrift.unchecked(
        measure=reference.measure,
        armed=reference.armed,
        reference=reference.mean,
        limit=limit,
        live=fsum(newest) / len(newest) if newest else None,
        lower=lower,
        labels=means.blocks * block_rows,
        alarm=reference.armed and lower is not None and lower > limit,
    )


def _age_days(reference: DriftReference, now: int) -> float:
    # Since it was made: its newest rows are held out, so the last it was fitted on is older.
    return max(0, now - reference.event_time_ms) / DAY_MS


def _aged(state: DriftState, reference: DriftReference, now: int) -> bool:
    policy = _policy(state)
    return policy.enabled and now - reference.event_time_ms > policy.max_age_days * DAY_MS


def _reasons(
    state: DriftState, reference: DriftReference, measures: tuple[MeasureDrift, ...], now: int
) -> tuple[DriftReason, ...]:
    harmed: tuple[DriftReason, ...] = tuple(each.measure for each in measures if each.alarm)
    if not _policy(state).enabled:
        return ()
    return (*harmed, "age") if _aged(state, reference, now) else harmed


def _gives_way(state: DriftState, reasons: tuple[DriftReason, ...], now: int, bar_ms: int) -> bool:
    """Return whether the model before is to serve again: its successor does harm on probation."""
    policy = _policy(state)
    on_probation = state.new_ms >= 0 and now - state.new_ms <= policy.probation_bars * bar_ms
    return policy.automatic_rollback and on_probation and "log_loss" in reasons


def _reported(state: DriftState, reference: DriftReference, now: int) -> tuple[DriftState, Outputs]:
    measures = _measures(state, reference)
    reasons = _reasons(state, reference, measures, now)
    raised = not set(reasons) <= set(state.reasons)
    gives_way = _gives_way(state, reasons, now, reference.timeframe_ms)
    due = raised or now >= state.asked_ms + ASKED_AGAIN_MS
    asks = bool(reasons) and due and not gives_way
    look = state.looks[0] if state.looks else None
    told_ms = now - LEAD_BARS * reference.timeframe_ms
    told = (
        look is not None
        and look.model_version == reference.model_version
        and look.event_time_ms <= told_ms
    )
    report = DriftReport.unchecked(
        symbol=reference.symbol,
        timeframe_ms=reference.timeframe_ms,
        strategy=reference.strategy,
        model_version=reference.model_version,
        event_time_ms=now,
        trained_to_ms=reference.trained_to_ms,
        age_days=_age_days(reference, now),
        max_age_days=_policy(state).max_age_days,
        measures=measures,
        features_ms=look.event_time_ms if told and look is not None else None,
        features_drifted=look.drifted if told and look is not None else (),
        reasons=reasons,
        raised=raised,
        retraining_asked=asks,
        rollback_asked=gives_way,
        config_id=_in_force(state).config_id,
        policy=_policy(state),
    )
    changes: dict[str, Any] = {"reasons": reasons}
    if asks or gives_way:
        changes["asked_ms"] = now
    if gives_way:
        changes["new_ms"] = -1
    after = state.changed(changes)
    commands = [rollback(report)] if gives_way else [retraining(report)] if asks else []
    return after, (report, *commands)


STEPS: dict[type[Record], Step] = {
    Signal: _signal,
    ScoredSignal: _score,
    ConfigEffective: _config,
    DriftReference: _refer,
    FeatureDrift: _look,
}

PROCESSOR = Processor(
    name="drift",
    reads=(CONFIG_EFFECTIVE, SIGNALS, SCORED_SIGNALS, DRIFT_REFERENCES, DRIFT_FEATURES),
    writes=(DRIFT_REPORTS, MODEL_COMMANDS),
    initial=INITIAL,
    step=step,
    state_key=("symbol", "timeframe_ms"),
)
