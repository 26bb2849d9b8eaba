"""Features: checked bars in, one feature vector per bar close out.

    market.bars.v1  -->  [features]  -->  features.vectors.v1

One kernel state per (symbol, timeframe); any timeframe works. The changelog holds the recursive
part of the state; a restore rebuilds the windows from the last bars, and all of it from all bars
where the catalogue has changed. After a hole of up to 5 bars long memories go on, and a window is
null while it spans the hole; a longer hole starts warm-up again. A vector says for how many more
bars it is incomplete.

``kernel_state`` imports the compiled kernel. It loads when it is first needed, so that reading the
topology stays fast.
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
    from streams.features.kernel_state import fold_bar

    after, vector = fold_bar(state, bar)
    return after, (vector,)


def refill(state: FeaturesState, bars: Sequence[Bar]) -> FeaturesState:
    """Rebuild the windows, bit for bit, from the last ``WINDOW`` bars in order.

    Raises:
        ValueError: When the bars do not reach back as far as the windows do.
    """
    from streams.features.kernel_state import refill_windows

    return refill_windows(state, bars)


def is_current(state: FeaturesState) -> bool:
    """Return whether a state has the layout of this catalogue of features."""
    from streams.features.kernel_state import LAYOUT

    return state.layout in ("", LAYOUT)


def prepare() -> None:
    """Load the compiled kernel. The very first call compiles it, which takes half a minute."""
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
    is_current=is_current,
)
