"""Scoring: graded signals in, scored signals out at expiry.

    signals.graded.v1  -->  [scoring]  -->  signals.scored.v1, signals.totals.v1

A signal carries its bar's open, close and funding, so later signals are also the bars that score
it: one input, no join, the same answer live and replayed. An outcome that spans a hole in the bars
is unknowable: its score is null.
"""

from __future__ import annotations

from schemas.predictions import ClassProbabilities
from schemas.record import Record
from schemas.regimes import RegimeName
from schemas.signals import Direction, Grade, ScoredSignal, ScoreTotals, Signal
from schemas.topics import SCORE_TOTALS, SCORED_SIGNALS, SIGNALS
from streams.costs import DEFAULT_COSTS
from streams.processor import Outputs, Processor
from streams.scoring.outcome import brier_score, log_loss, signal_outcome
from streams.scoring.pending import Pending, see
from streams.scoring.totals import add_scores


class PendingSignal(Pending):
    """A signal before its expiry."""

    signal_id: str
    model_version: str
    qualified: bool
    direction: Direction
    grade: Grade
    confidence: float
    probabilities: ClassProbabilities
    regime: RegimeName | None = None
    threshold: float
    round_trip_cost: float | None = None
    grade_promise: float | None = None


class ScoringState(Record):
    """Signals waiting for their horizon, oldest first, and the totals of those before."""

    event_time_ms: int = -1
    pending: tuple[PendingSignal, ...] = ()
    totals: ScoreTotals | None = None


def step(state: ScoringState, signal: Signal) -> tuple[ScoringState, Outputs]:
    """Show one more bar to every waiting signal; score those that expire."""
    if signal.event_time_ms <= state.event_time_ms:
        return state, ()
    follows = signal.event_time_ms == state.event_time_ms + signal.timeframe_ms
    seen = [see(waiting, signal.context, follows=follows) for waiting in state.pending]
    expired = [p for p in seen if p.expires_ms <= signal.event_time_ms]
    running = [p for p in seen if p.expires_ms > signal.event_time_ms]
    scores = tuple(_score(p, signal) for p in expired)
    totals = add_scores(state.totals, scores) if scores else state.totals
    after = ScoringState(
        event_time_ms=signal.event_time_ms, pending=(*running, _pending(signal)), totals=totals
    )
    return after, (*scores, totals) if scores and totals else ()


def _pending(signal: Signal) -> PendingSignal:
    return PendingSignal(
        signal_id=signal.signal_id,
        event_time_ms=signal.event_time_ms,
        expires_ms=signal.expires_ms,
        model_version=signal.model_version,
        qualified=signal.qualified,
        direction=signal.direction,
        grade=signal.grade,
        confidence=signal.confidence,
        probabilities=signal.probabilities,
        regime=signal.regime.most_probable,
        threshold=signal.threshold,
        round_trip_cost=signal.round_trip_cost,
        grade_promise=signal.grade_promise,
        funding_time_ms=signal.context.funding_time_ms,
    )


def _score(waiting: PendingSignal, signal: Signal) -> ScoredSignal:
    entry = waiting.known_entry(signal.event_time_ms)
    outcome = None
    if entry is not None:
        outcome = signal_outcome(
            waiting.direction,
            (entry, signal.context.close),
            waiting.threshold,
            waiting.funding_rates,
            DEFAULT_COSTS.round_trip
            if waiting.round_trip_cost is None
            else waiting.round_trip_cost,
        )
    label = outcome.label if outcome else None
    return ScoredSignal(
        signal_id=waiting.signal_id,
        symbol=signal.symbol,
        timeframe_ms=signal.timeframe_ms,
        event_time_ms=waiting.expires_ms,
        available_time_ms=signal.available_time_ms,
        signal_time_ms=waiting.event_time_ms,
        model_version=waiting.model_version,
        qualified=waiting.qualified,
        direction=waiting.direction,
        grade=waiting.grade,
        confidence=waiting.confidence,
        probabilities=waiting.probabilities,
        outcome=label,
        hit=None if label is None else label == waiting.direction,
        entry_price=entry if outcome else None,
        exit_price=signal.context.close if outcome else None,
        gross_return=outcome.gross_return if outcome else None,
        cost=outcome.cost if outcome else None,
        funding=outcome.funding if outcome else None,
        net_return=outcome.net_return if outcome else None,
        brier=brier_score(waiting.probabilities, label) if label else None,
        log_loss=log_loss(waiting.probabilities, label) if label else None,
        regime=waiting.regime,
        grade_promise=waiting.grade_promise,
    )


PROCESSOR = Processor(
    name="scoring",
    reads=(SIGNALS,),
    writes=(SCORED_SIGNALS, SCORE_TOTALS),
    initial=ScoringState(),
    step=step,
    state_key=("symbol", "timeframe_ms"),
)
