"""Regimes: feature vectors in, filtered regime probabilities and the trend state out.

    regimes.parameters.v1, features.vectors.v1  -->  [regimes]  -->  regimes.probabilities.v1

Exactly one record for each feature vector. Probabilities are uniform and ``parameters_version`` is
null until the first parameters are effective, and where a feature of the parameters is absent. A
null feature leaves its factor out of the filter; with all of them null the posterior is the
prediction of the chain.

New parameters take over at the first bar at or after ``effective_from_ms``. The posterior is
carried over, because fits are aligned: bull stays bull. Only the first parameters start from
their ``initial`` distribution. The state keeps the posterior of the recursion; what is published is
calibrated.

The compiled filter loads when it is first needed, so that reading the topology stays fast.
"""

from __future__ import annotations

import math

from schemas.features import FeatureVector
from schemas.record import Record
from schemas.regimes import RegimeParameters, RegimeProbabilities, Triple
from schemas.topics import FEATURE_VECTORS, REGIME_PARAMETERS, REGIME_PROBABILITIES
from streams.processor import Outputs, Processor
from streams.regimes.trend_state import Trend, next_trend

UNIFORM: Triple = (1 / 3, 1 / 3, 1 / 3)


class RegimeState(Record):
    """What must survive a restart: filter, posterior, and parameters not effective yet."""

    event_time_ms: int = -1
    active: RegimeParameters | None = None
    pending: tuple[RegimeParameters, ...] = ()
    posterior: Triple | None = None
    trend: Trend = Trend()


def step(
    state: RegimeState, record: FeatureVector | RegimeParameters
) -> tuple[RegimeState, Outputs]:
    """Fold one record of either topic into the state of its symbol and timeframe."""
    if isinstance(record, RegimeParameters):
        return _receive(state, record), ()
    return _observe(state, record)


def _receive(state: RegimeState, parameters: RegimeParameters) -> RegimeState:
    newest = state.pending[-1] if state.pending else state.active
    if newest is not None and parameters.effective_from_ms <= newest.effective_from_ms:
        return state
    return state.model_copy(update={"pending": (*state.pending, parameters)})


def _observe(state: RegimeState, features: FeatureVector) -> tuple[RegimeState, Outputs]:
    now = features.event_time_ms
    if now <= state.event_time_ms:
        return state, ()
    due = [p for p in state.pending if p.effective_from_ms <= now] if state.pending else []
    active = due[-1] if due else state.active
    filtered = _filtered(state, active, features)
    posterior, published, log_likelihood = filtered or (None, UNIFORM, None)
    trend = next_trend(state.trend, features.values)
    bull, bear, sideways = published
    if not math.isfinite(bull + bear + sideways + (log_likelihood or 0.0)):
        raise ValueError(f"the filter gave {posterior}, log-likelihood {log_likelihood}")
    probabilities = RegimeProbabilities.unchecked(
        symbol=features.symbol,
        timeframe_ms=features.timeframe_ms,
        event_time_ms=now,
        available_time_ms=features.available_time_ms,
        bull=bull,
        bear=bear,
        sideways=sideways,
        trend_state=trend.state,
        parameters_version=active.model_version if active and posterior else None,
        log_likelihood=log_likelihood,
        trend_bars=trend.bars,
    )
    after = RegimeState.unchecked(
        event_time_ms=now,
        active=active,
        pending=state.pending[len(due) :],
        posterior=posterior,
        trend=trend,
    )
    return after, (probabilities,)


def _filtered(
    state: RegimeState, active: RegimeParameters | None, features: FeatureVector
) -> tuple[Triple, Triple, float | None] | None:
    """Return the posterior, what is published and the log-likelihood; None without a filter."""
    if active is None:
        return None
    try:
        values = [features.values[name] for name in active.observations]
    except KeyError:
        return None
    from streams.regimes.hamilton import observe

    before, since_ms = state.posterior, state.event_time_ms
    if before is None and active.carried is not None:
        before, since_ms = active.carried, active.carried_at_ms or active.fitted_to_ms
    if before is None:
        return observe(active, active.initial, values, 1)
    elapsed_bars = max(1, (features.event_time_ms - since_ms) // active.timeframe_ms)
    return observe(active, before, values, elapsed_bars)


def prepare() -> None:
    """Load the compiled filter, or compile it."""
    from streams.regimes import hamilton

    hamilton.prepare()


PROCESSOR = Processor(
    name="regimes",
    reads=(REGIME_PARAMETERS, FEATURE_VECTORS),  # at one time parameters come before the bar
    writes=(REGIME_PROBABILITIES,),
    initial=RegimeState(),
    step=step,
    state_key=("symbol", "timeframe_ms"),
    prepare=prepare,
)
