"""Features: checked bars in, one feature vector per bar close out.

    market.bars.v1  -->  [features]  -->  features.vectors.v1

One kernel state per (symbol, timeframe); any timeframe works. The recursive part of the state is
on the changelog, the windows are rebuilt from the last bars at restore. A hole starts warm-up
again: every window and recursion over it is null until it has refilled.

What is compiled lies in ``memory`` and loads when it is first needed, so that whoever only reads
the topology does not wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.market import Bar
from schemas.topics import BARS, FEATURE_VECTORS
from streams.features.state import WINDOW, FeaturesState
from streams.processor import Outputs, Processor


def step(state: FeaturesState, bar: Bar) -> tuple[FeaturesState, Outputs]:
    """Fold one bar into the indicators of its symbol and timeframe.

    Bars that repeat or run backwards are ignored. Uses no data after the bar's close.
    """
    if bar.event_time_ms <= state.event_time_ms:
        return state, ()
    from streams.features.memory import fold_bar

    after, vector = fold_bar(state, bar)
    return after, (vector,)


def refill(state: FeaturesState, bars: Sequence[Bar]) -> FeaturesState:
    """Rebuild the windows, bit for bit, from the last ``WINDOW`` bars in order.

    Raises:
        ValueError: When the bars do not reach back as far as the windows do.
    """
    from streams.features.memory import refilled

    return refilled(state, bars)


def prepare() -> None:
    """Load what is compiled, or compile it: half a minute once, then a moment."""
    from streams.features import kernel

    kernel.prepare()


PROCESSOR = Processor(
    name="features",
    reads=(BARS,),
    writes=(FEATURE_VECTORS,),
    initial=FeaturesState(),
    step=step,
    state_key=("symbol", "timeframe_ms"),
    window=WINDOW,
    refill=refill,
    prepare=prepare,
)
