"""Ideas: signals in; decisions to act on them, what those came to, and what opened none out.

    signals.graded.v1  -->  [ideas]  -->  ideas.events.v1, ideas.suppressed.v1, trades.results.v1

A signal says whether it may open an idea, and carries its bar's prices, so later signals are also
the bars that an idea lives through. A strategy has one idea at a time in a market. A decision for
the other side ends it at the next open, where the new one enters.
"""

from __future__ import annotations

from operator import itemgetter

from schemas.ideas import SuppressedBy
from schemas.record import Record
from schemas.signals import Signal
from schemas.topics import IDEAS, IDEAS_SUPPRESSED, SIGNALS, TRADE_RESULTS
from streams.ideas.held import HeldIdea, decided, live_through
from streams.ideas.suppressed import NO_COUNTS, IdeaCounts, suppressed
from streams.processor import Outputs, Processor


class IdeasState(Record):
    """The ideas of a market that have not ended, and the counts since its first signal.

    Two ideas stand for one close: the older ends at the next open, where the other one enters.
    """

    event_time_ms: int = -1
    ideas: tuple[HeldIdea, ...] = ()
    counts: IdeaCounts = NO_COUNTS


# Fields that a bar reads at once: one after the other they cost twice as much.
_SAID = itemgetter("event_time_ms", "timeframe_ms", "decision", "direction")
_STATE = itemgetter("event_time_ms", "ideas", "counts")


def step(state: IdeasState, signal: Signal) -> tuple[IdeasState, Outputs]:
    """Show one more bar to the ideas, then decide about the signal of its close."""
    now_ms, timeframe_ms, decision, direction = _SAID(signal.__dict__)
    last_ms, ideas, counts = _STATE(state.__dict__)
    if now_ms <= last_ms:
        return state, ()
    follows = now_ms == last_ms + timeframe_ms
    running: list[HeldIdea] = []
    told: list[Record] = []
    for idea in ideas:
        after, events = live_through(idea, signal, follows=follows, reverses=idea is not ideas[-1])
        if after is not None:
            running.append(after)
        told += events
    reason: SuppressedBy | None = decision
    if decision == "act":
        same = any(idea.event.side == direction for idea in running)
        reason = "open" if same else None
    if reason is not None:
        counts, totals = suppressed(counts, signal, reason)
        told.append(totals)
    elif decision == "act":
        new = decided(signal)
        running.append(new)
        told.append(new.event)
        counts = counts.changed({"decided": counts.decided + 1})
    after_all = IdeasState.unchecked(event_time_ms=now_ms, ideas=tuple(running), counts=counts)
    return after_all, tuple(told)


PROCESSOR = Processor(
    name="ideas",
    reads=(SIGNALS,),
    writes=(IDEAS, IDEAS_SUPPRESSED, TRADE_RESULTS),
    initial=IdeasState(),
    step=step,
    state_key=("strategy", "symbol", "timeframe_ms"),
)
