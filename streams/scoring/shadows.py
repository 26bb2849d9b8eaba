"""Shadows: what both models of a challenge said in; block by block, how both did out.

    predictions.shadow.v1  -->  [shadows]  -->  challenges.outcomes.v1

Both are scored on the same bars by the label of the champion. Later predictions are also the bars
that score earlier ones, as of signals. A bar whose outcome is unknowable counts for neither. Calls
are held to the horizon; of one model none is opened beside another.
"""

from __future__ import annotations

from pydantic import Field

from schemas.challenges import (
    VARIANTS,
    ChallengeOutcome,
    ReturnTotals,
    ShadowPrediction,
    Variant,
)
from schemas.predictions import ClassProbabilities, Prediction
from schemas.record import Record
from schemas.signals import Direction
from schemas.topics import CHALLENGE_OUTCOMES, SHADOW_PREDICTIONS
from streams.confidence import choose_direction
from streams.processor import Outputs, Processor
from streams.return_totals import NO_RETURNS, add_return
from streams.scoring.outcome import log_loss, signal_outcome
from streams.scoring.pending import Pending, see


class PendingPair(Pending):
    """What both models said of a bar, before its expiry."""

    block: int
    threshold: float
    chances: dict[Variant, ClassProbabilities]
    calls: dict[Variant, Direction]  # of those that open a trade


class ShadowsState(Record):
    """Pairs that wait for their horizon, and the sums of the block that is scored."""

    challenge_id: str = ""
    event_time_ms: int = -1
    pending: tuple[PendingPair, ...] = ()
    busy_ms: dict[Variant, int] = Field(default_factory=dict)  # expiry of the newest trade
    block: int = -1
    rows: int = 0
    gain: float = 0.0
    returns: dict[Variant, ReturnTotals] = Field(default_factory=dict)


def step(state: ShadowsState, shadow: ShadowPrediction) -> tuple[ShadowsState, Outputs]:
    """Show one more bar to every waiting pair; score those that expire."""
    now_ms = shadow.event_time_ms
    if now_ms <= state.event_time_ms:
        return state, ()
    if shadow.challenge_id != state.challenge_id:
        state = ShadowsState(challenge_id=shadow.challenge_id)
    follows = now_ms == state.event_time_ms + shadow.timeframe_ms
    context = shadow.champion.context
    seen = [see(waiting, context, follows=follows) for waiting in state.pending]
    outputs: list[Record] = []
    for pair in seen:
        if pair.expires_ms <= now_ms:
            if pair.block != state.block:
                outputs += _block(state, shadow)
                state = state.changed({"block": pair.block, "rows": 0, "gain": 0.0, "returns": {}})
            state = _scored(state, pair, shadow)
    pair, busy_ms = _pending(shadow, state.busy_ms)
    running = tuple(waiting for waiting in seen if waiting.expires_ms > now_ms)
    after = {"event_time_ms": now_ms, "pending": (*running, pair), "busy_ms": busy_ms}
    return state.changed(after), tuple(outputs)


def _pending(
    shadow: ShadowPrediction, busy_ms: dict[Variant, int]
) -> tuple[PendingPair, dict[Variant, int]]:
    """Return a pair that waits, and until when each model is in a trade."""
    said: dict[Variant, Prediction] = {
        "champion": shadow.champion,
        "challenger": shadow.challenger,
    }
    now_ms, champion = shadow.event_time_ms, shadow.champion
    expires_ms = now_ms + champion.horizon_bars * shadow.timeframe_ms
    calls = {each: choose_direction(said[each].probabilities)[0] for each in VARIANTS}
    opened: dict[Variant, Direction] = {
        variant: call
        for variant, call in calls.items()
        if call != "neutral" and busy_ms.get(variant, 0) <= now_ms
    }
    pair = PendingPair(
        event_time_ms=now_ms,
        expires_ms=expires_ms,
        funding_time_ms=champion.context.funding_time_ms,
        block=shadow.block,
        threshold=champion.threshold,
        chances={variant: said[variant].probabilities for variant in VARIANTS},
        calls=opened,
    )
    return pair, busy_ms | dict.fromkeys(opened, expires_ms)


def _scored(state: ShadowsState, pair: PendingPair, shadow: ShadowPrediction) -> ShadowsState:
    entry = pair.known_entry(shadow.event_time_ms)
    if entry is None:
        return state
    prices, returns = (entry, shadow.champion.context.close), dict(state.returns)
    for variant, call in pair.calls.items():
        earned = signal_outcome(call, prices, pair.threshold, pair.funding_rates).net_return
        returns[variant] = add_return(returns.get(variant, NO_RETURNS), earned)
    label = signal_outcome("neutral", prices, pair.threshold, ()).label
    champion, challenger = (log_loss(pair.chances[variant], label) for variant in VARIANTS)
    gain = state.gain + champion - challenger
    return state.changed({"rows": state.rows + 1, "gain": gain, "returns": returns})


def _block(state: ShadowsState, shadow: ShadowPrediction) -> Outputs:
    """Return how both models did on the block before; nothing where no outcome is known."""
    if not state.rows:
        return ()
    outcome = ChallengeOutcome(
        strategy=shadow.strategy,
        challenge_id=shadow.challenge_id,
        symbol=shadow.symbol,
        timeframe_ms=shadow.timeframe_ms,
        event_time_ms=shadow.event_time_ms,
        block=state.block,
        rows=state.rows,
        gain=state.gain,
        champion=state.returns.get("champion", NO_RETURNS),
        challenger=state.returns.get("challenger", NO_RETURNS),
    )
    return (outcome,)


PROCESSOR = Processor(
    name="shadows",
    reads=(SHADOW_PREDICTIONS,),
    writes=(CHALLENGE_OUTCOMES,),
    initial=ShadowsState(),
    step=step,
    state_key=("symbol", "timeframe_ms"),
)
