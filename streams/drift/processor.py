"""Drift: signals and their scores in; block by block, whether the model does harm out.

    configs.effective.v1, signals.graded.v1, signals.scored.v1, drift.references.v1,
    drift.features.v1  -->  [drift]  -->  drift.reports.v1, models.commands.v1

A model does harm where a lower bound of a measure, live, lies above the upper bound of the same
measure out of sample and a tolerance (Podkopaev and Ramdas, 2022, "Tracking the risk of a deployed
model"). The bound holds at every look. Features that have shifted are named and give no alarm.

With a reason it asks for a retraining, and once more each day while one lasts; promotion decides.

A model is watched from the first signal that names it. Market time is the time of signals.
"""

from __future__ import annotations

import math

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
from schemas.ids import derived_id
from schemas.predictions import ClassProbabilities
from schemas.record import Record
from schemas.signals import ScoredSignal, Signal
from schemas.timeframes import DAY_MS
from schemas.topics import (
    CONFIG_EFFECTIVE,
    DRIFT_FEATURES,
    DRIFT_REFERENCES,
    DRIFT_REPORTS,
    MODEL_COMMANDS,
    SCORED_SIGNALS,
    SIGNALS,
)
from schemas.versions import ModelCommand
from streams.drift.bounds import BlockMeans, add_value, error_rate, lower_bound
from streams.processor import Outputs, Processor

KEPT_REFERENCES = 16  # a rollback goes to one of them
LEAD_BARS = 2  # from its close until the look at the features is told
ASKED_AGAIN_MS = DAY_MS  # while the reasons last: a request may have been refused

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


class FeaturesSeen(Record):
    """What a look at the features of a model has found."""

    event_time_ms: int
    model_version: str
    drifted: tuple[str, ...]


class DriftState(Record):
    """References without their features, the model that is watched, and its measures."""

    event_time_ms: int = -1  # of the newest signal
    scored_ms: int = -1
    referenced_ms: int = -1
    policies: tuple[PolicyFrom, ...] = ()  # the one in force, and those that follow
    references: tuple[DriftReference, ...] = ()
    model_version: str = ""
    measures: dict[Measure, BlockMeans] = Field(default_factory=dict)
    looks: tuple[FeaturesSeen, ...] = ()  # the one that is told, and those that follow
    looked_ms: int = -1
    reasons: tuple[DriftReason, ...] = ()
    asked_ms: int = -1


Input = Signal | ScoredSignal | ConfigEffective | DriftReference | FeatureDrift


def step(state: DriftState, record: Input) -> tuple[DriftState, Outputs]:
    """Take notice of one record; what is not newer than the last of its kind is ignored."""
    match record:
        case Signal():
            return _signal(state, record)
        case ScoredSignal():
            return _score(state, record)
        case ConfigEffective():
            return _config(state, record), ()
        case DriftReference():
            return _refer(state, record), ()
        case FeatureDrift():
            return _look(state, record), ()


def entropy(chances: ClassProbabilities) -> float:
    """Return the log-loss that calibrated probabilities expect of themselves, natural log."""
    each = (chances.sell, chances.neutral, chances.buy)
    return -math.fsum(p * math.log(p) for p in each if p > 0.0)


def _config(state: DriftState, config: ConfigEffective) -> DriftState:
    if state.policies and config.event_time_ms <= state.policies[-1].event_time_ms:
        return state
    policy = config.drift or DriftPolicy()
    added = PolicyFrom(event_time_ms=config.event_time_ms, policy=policy)
    return state.model_copy(update={"policies": (*state.policies, added)})


def _refer(state: DriftState, reference: DriftReference) -> DriftState:
    if reference.event_time_ms <= state.referenced_ms:
        return state
    others = [r for r in state.references if r.model_version != reference.model_version]
    bare = reference.model_copy(update={"features": None})
    return state.model_copy(
        update={
            "referenced_ms": reference.event_time_ms,
            "references": (*others, bare)[-KEPT_REFERENCES:],
        }
    )


def _look(state: DriftState, drift: FeatureDrift) -> DriftState:
    if drift.event_time_ms <= state.looked_ms:
        return state
    seen = FeaturesSeen(
        event_time_ms=drift.event_time_ms,
        model_version=drift.model_version,
        drifted=tuple(each.name for each in drift.features if each.drifted),
    )
    looks = (*state.looks, seen)
    return state.model_copy(update={"looked_ms": drift.event_time_ms, "looks": looks})


def _signal(state: DriftState, signal: Signal) -> tuple[DriftState, Outputs]:
    now = signal.event_time_ms
    if now <= state.event_time_ms:
        return state, ()
    changes: dict[str, object] = {"event_time_ms": now}
    if signal.model_version != state.model_version:
        changes |= {
            "model_version": signal.model_version,
            "measures": {},
            "reasons": (),
            "asked_ms": -1,
        }
    if len(state.policies) > 1 and state.policies[1].event_time_ms <= now:
        changes["policies"] = state.policies[1:]
    told_ms = now - LEAD_BARS * signal.timeframe_ms
    if len(state.looks) > 1 and state.looks[1].event_time_ms <= told_ms:
        changes["looks"] = state.looks[1:]
    state = state.model_copy(update=changes)
    reference = _reference(state)
    if reference is None:
        return state, ()
    state, full = _added(state, reference, {"expected_log_loss": entropy(signal.probabilities)})
    aged = "age" not in state.reasons and _aged(state, reference, now)
    asks_again = bool(state.reasons) and now >= state.asked_ms + ASKED_AGAIN_MS
    return _reported(state, reference, now) if full or aged or asks_again else (state, ())


def _score(state: DriftState, score: ScoredSignal) -> tuple[DriftState, Outputs]:
    if score.event_time_ms <= state.scored_ms:
        return state, ()
    state = state.model_copy(update={"scored_ms": score.event_time_ms})
    reference = _reference(state)
    known = score.log_loss is not None and score.hit is not None
    if reference is None or not known or score.model_version != state.model_version:
        return state, ()
    assert score.log_loss is not None  # noqa: S101 - known
    values: dict[Measure, float] = {
        "log_loss": score.log_loss,
        "miss": 0.0 if score.hit else 1.0,
        "overconfidence": score.confidence - (1.0 if score.hit else 0.0),
    }
    state, full = _added(state, reference, values)
    return _reported(state, reference, score.event_time_ms) if full else (state, ())


def _reference(state: DriftState) -> DriftReference | None:
    return next((r for r in state.references if r.model_version == state.model_version), None)


def _added(
    state: DriftState, reference: DriftReference, values: dict[Measure, float]
) -> tuple[DriftState, bool]:
    """Return the state with one more value of some measures, and whether it ends a block."""
    measures = dict(state.measures)
    for measure, value in values.items():
        before = measures.get(measure, BlockMeans())
        measures[measure] = add_value(before, value, reference.block_rows)
    full = all(measures[measure].open_rows == 0 for measure in values)
    return state.model_copy(update={"measures": measures}), full


def _policy(state: DriftState) -> DriftPolicy:
    first = state.policies[0] if state.policies else None
    in_force = first is not None and first.event_time_ms <= state.event_time_ms
    return first.policy if first is not None and in_force else DriftPolicy()


def _measures(state: DriftState, reference: DriftReference) -> tuple[MeasureDrift, ...]:
    policy = _policy(state)
    block_ms = reference.block_rows * reference.timeframe_ms
    error = error_rate(policy.average_run_length_days, block_ms, len(reference.measures))
    fewest = max(1, math.ceil(policy.min_labels / reference.block_rows))
    return tuple(
        _measure(
            each,
            state.measures.get(each.measure, BlockMeans()),
            each.upper + getattr(policy, TOLERANCES[each.measure]),
            (error, fewest, reference.block_rows),
        )
        for each in reference.measures
    )


def _measure(
    reference: MeasureReference, means: BlockMeans, limit: float, rule: tuple[float, int, int]
) -> MeasureDrift:
    error, fewest, block_rows = rule
    lower = lower_bound(means, reference.deviation, error, fewest)
    newest = means.newest[-fewest:]
    return MeasureDrift(
        measure=reference.measure,
        armed=reference.armed,
        reference=reference.mean,
        limit=limit,
        live=math.fsum(newest) / len(newest) if newest else None,
        lower=lower,
        labels=means.blocks * block_rows + means.open_rows,
        alarm=reference.armed and lower is not None and lower > limit,
    )


def _age_days(reference: DriftReference, now: int) -> float:
    return max(0, now - reference.trained_to_ms) / DAY_MS


def _aged(state: DriftState, reference: DriftReference, now: int) -> bool:
    return _age_days(reference, now) > _policy(state).max_age_days


def _reasons(
    state: DriftState, reference: DriftReference, measures: tuple[MeasureDrift, ...], now: int
) -> tuple[DriftReason, ...]:
    harmed: tuple[DriftReason, ...] = tuple(each.measure for each in measures if each.alarm)
    return (*harmed, "age") if _aged(state, reference, now) else harmed


def _reported(state: DriftState, reference: DriftReference, now: int) -> tuple[DriftState, Outputs]:
    measures = _measures(state, reference)
    reasons = _reasons(state, reference, measures, now)
    raised = not set(reasons) <= set(state.reasons)
    asks = bool(reasons) and (raised or now >= state.asked_ms + ASKED_AGAIN_MS)
    look = state.looks[0] if state.looks else None
    told_ms = now - LEAD_BARS * reference.timeframe_ms
    told = (
        look is not None
        and look.model_version == reference.model_version
        and look.event_time_ms <= told_ms
    )
    report = DriftReport(
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
    )
    asked_ms = now if asks else state.asked_ms
    after = state.model_copy(update={"reasons": reasons, "asked_ms": asked_ms})
    return after, (report, _retraining(report)) if asks else (report,)


def _retraining(report: DriftReport) -> ModelCommand:
    market = report.symbol, report.timeframe_ms, report.event_time_ms
    return ModelCommand(
        command_id=derived_id(MODEL_COMMANDS.name, *market, report.model_version),
        event_time_ms=report.event_time_ms,  # a step sees no wall clock
        by="drift",
        reason=f"{report.symbol}: {', '.join(report.reasons)} of {report.model_version}",
        strategy=report.strategy,
        timeframe_ms=report.timeframe_ms,
        action="retrain",
        market_ms=report.event_time_ms,
        cause="age" if report.reasons == ("age",) else "drift",
    )


PROCESSOR = Processor(
    name="drift",
    reads=(CONFIG_EFFECTIVE, SIGNALS, SCORED_SIGNALS, DRIFT_REFERENCES, DRIFT_FEATURES),
    writes=(DRIFT_REPORTS, MODEL_COMMANDS),
    initial=DriftState(),
    step=step,
    state_key=("symbol", "timeframe_ms"),
)
