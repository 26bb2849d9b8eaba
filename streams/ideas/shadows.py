"""Ideas of both models of a challenge, as they would be if each served.

    signals.shadow.v1  -->  [shadow-ideas]  -->  challenges.results.v1

The same step makes them as makes the ideas that are shown. A challenge begins without any.
"""

from __future__ import annotations

from pydantic import Field

from schemas.challenges import ShadowResult, ShadowSignals, Variant
from schemas.record import Record
from schemas.signals import Signal
from schemas.topics import CHALLENGE_RESULTS, SHADOW_SIGNALS
from schemas.trades import TradeResult
from streams.ideas.processor import IdeasState
from streams.ideas.processor import step as step_ideas
from streams.processor import Outputs, Processor


class ShadowIdeasState(Record):
    """The ideas of both models of the newest challenge of a market."""

    challenge_id: str = ""
    event_time_ms: int = -1
    ideas: dict[Variant, IdeasState] = Field(default_factory=dict)


def step(state: ShadowIdeasState, signals: ShadowSignals) -> tuple[ShadowIdeasState, Outputs]:
    """Show one more bar to the ideas of both models; return the results of those that it ends."""
    if signals.event_time_ms <= state.event_time_ms:
        return state, ()
    goes_on = signals.challenge_id == state.challenge_id
    ideas, results = dict(state.ideas) if goes_on else {}, list[Record]()
    said: dict[Variant, Signal] = {"champion": signals.champion, "challenger": signals.challenger}
    for variant, signal in said.items():
        ideas[variant], told = step_ideas(ideas.get(variant, IdeasState()), signal)
        results += (_result(signals, variant, each) for each in told if type(each) is TradeResult)
    after = ShadowIdeasState(
        challenge_id=signals.challenge_id, event_time_ms=signals.event_time_ms, ideas=ideas
    )
    return after, tuple(results)


def _result(signals: ShadowSignals, variant: Variant, result: TradeResult) -> ShadowResult:
    return ShadowResult(
        challenge_id=signals.challenge_id,
        strategy=signals.strategy,
        symbol=signals.symbol,
        timeframe_ms=signals.timeframe_ms,
        event_time_ms=signals.event_time_ms,
        variant=variant,
        result=result,
    )


PROCESSOR = Processor(
    name="shadow-ideas",
    reads=(SHADOW_SIGNALS,),
    writes=(CHALLENGE_RESULTS,),
    initial=ShadowIdeasState(),
    step=step,
    state_key=("symbol", "timeframe_ms"),
)
