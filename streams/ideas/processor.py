"""Ideas: signals in; decisions to act on them, what those came to, and what opened none out.

    signals.graded.v1  -->  [ideas]  -->  ideas.events.v1, ideas.suppressed.v1, trades.results.v1

A signal says whether it may open an idea, and carries its bar's prices, so later signals are also
the bars that an idea lives through. A strategy has one idea at a time in a market. A decision for
the other side ends it at the next open, where the new one enters.
"""

from __future__ import annotations

from schemas.ideas import SuppressedBy
from schemas.record import Record
from schemas.signals import Signal
from schemas.topics import IDEAS, IDEAS_SUPPRESSED, SIGNALS, TRADE_RESULTS
from streams.ideas.held import HeldIdea, decided, live_through
from streams.ideas.suppressed import NO_COUNTS, IdeaCounts, add_suppressed, suppressed_totals
from streams.processor import Outputs, Processor


class IdeasState(Record):
    """The ideas of a market that have not ended, and the counts since its first signal.

    Two ideas stand for one close: the older ends at the next open, where the other one enters.
    """

    event_time_ms: int = -1
    ideas: tuple[HeldIdea, ...] = ()
    counts: IdeaCounts = NO_COUNTS


def step(state: IdeasState, signal: Signal) -> tuple[IdeasState, Outputs]:
    """Show one more bar to the ideas, then decide about the signal of its close."""
    if signal.event_time_ms <= state.event_time_ms:
        return state, ()
    follows = signal.event_time_ms == state.event_time_ms + signal.timeframe_ms
    running: list[HeldIdea] = []
    told: list[Record] = []
    for idea in state.ideas:
        reverses = idea is not state.ideas[-1]
        after, events = live_through(idea, signal, follows=follows, reverses=reverses)
        running += () if after is None else (after,)
        told += events
    counts = state.counts
    same = any(idea.event.side == signal.direction for idea in running)
    if signal.decision == "act" and not same:
        new = decided(signal)
        running.append(new)
        told.append(new.event)
        counts = counts.changed({"decided": counts.decided + 1})
    elif signal.decision is not None:
        reason: SuppressedBy = "open" if signal.decision == "act" else signal.decision
        counts = add_suppressed(counts, signal, reason)
        told.append(suppressed_totals(counts, signal, reason))
    after_all = IdeasState.unchecked(
        event_time_ms=signal.event_time_ms, ideas=tuple(running), counts=counts
    )
    return after_all, tuple(told)


PROCESSOR = Processor(
    name="ideas",
    reads=(SIGNALS,),
    writes=(IDEAS, IDEAS_SUPPRESSED, TRADE_RESULTS),
    initial=IdeasState(),
    step=step,
    state_key=("strategy", "symbol", "timeframe_ms"),
)
