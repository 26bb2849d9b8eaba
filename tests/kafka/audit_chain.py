"""A small chain for the runtime's tests: one state, one refilled window, one dead-lettering step.

    market.bars.raw.v1 -> [audit_check] -> market.bars.v1 -> [audit_window] -> features.vectors.v1
    -> [audit_tally] -> regimes.probabilities.v1

Run as a program it is one instance of the chain: ``audit_chain.py BOOTSTRAP INSTANCE
PART GROUP``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pydantic import Field, ValidationError

from schemas.features import FeatureVector
from schemas.market import Bar, RawBar
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.topics import BARS, FEATURE_VECTORS, RAW_BARS, REGIME_PROBABILITIES
from streams.market.aggregation import NONE, Growing, grow
from streams.processor import Outputs, Processor, RecordRejected
from streams.runtime.chain import run_until_signalled
from streams.runtime.settings import KafkaSettings

WINDOW = 20
POISON_VOLUME = 13.0  # the tally divides by its distance: a bug on purpose


class CheckState(Record):
    """Last bar let through, and the higher bars that grow."""

    event_time_ms: int = -1
    passed: int = 0
    growing: Growing = NONE


class WindowState(Record):
    """Count of bars; the closes stay off the changelog."""

    event_time_ms: int = -1
    bars: int = 0
    closes: tuple[float, ...] = Field(default=(), exclude=True)


class TallyState(Record):
    """A sum that shows every lost and every doubled record, and their order."""

    event_time_ms: int = -1
    records: int = 0
    digest: int = 0


def check(state: CheckState, raw: RawBar) -> tuple[CheckState, Outputs]:
    if raw.event_time_ms <= state.event_time_ms:
        return state, ()
    try:
        bar = Bar(**raw.model_dump())
    except ValidationError as invalid:
        raise RecordRejected(invalid.errors()[0]["msg"]) from None
    growing, cut, closed = grow(state.growing, raw, state.event_time_ms)
    higher = [made for made in (*cut, *closed) if isinstance(made, Bar)]
    after = CheckState(event_time_ms=bar.event_time_ms, passed=state.passed + 1, growing=growing)
    return after, (bar, *higher)


def window(state: WindowState, bar: Bar) -> tuple[WindowState, Outputs]:
    if bar.event_time_ms <= state.event_time_ms:
        return state, ()
    after = advance(state, bar)
    vector = FeatureVector(
        symbol=bar.symbol,
        timeframe_ms=bar.timeframe_ms,
        event_time_ms=bar.event_time_ms,
        available_time_ms=bar.available_time_ms,
        feature_set_id="audit",
        open=bar.open,
        close=bar.close,
        values={
            "mean": sum(after.closes) / len(after.closes),
            "held": float(len(after.closes)),
            "bars": float(after.bars),
            "volume": bar.volume,
        },
    )
    return after, (vector,)


def advance(state: WindowState, bar: Bar) -> WindowState:
    closes = (*state.closes, bar.close)[-WINDOW:]
    return WindowState(event_time_ms=bar.event_time_ms, bars=state.bars + 1, closes=closes)


def refill(state: WindowState, bars: Sequence[Bar]) -> WindowState:
    return state.model_copy(update={"closes": tuple(bar.close for bar in bars)})


def tally(state: TallyState, vector: FeatureVector) -> tuple[TallyState, Outputs]:
    if vector.event_time_ms <= state.event_time_ms:
        return state, ()
    records = state.records + 1
    digest = hash((state.digest, vector.event_time_ms, vector["mean"])) % 1_000_003
    bull = digest / 1_000_003 / (1.0 if vector["volume"] != POISON_VOLUME else 0.0)
    made = RegimeProbabilities(
        symbol=vector.symbol,
        timeframe_ms=vector.timeframe_ms,
        event_time_ms=vector.event_time_ms,
        available_time_ms=vector.available_time_ms,
        bull=bull,
        bear=1.0 - bull,
        sideways=0.0,
        trend_state="UNKNOWN",
        parameters_version=str(records),
    )
    return TallyState(event_time_ms=vector.event_time_ms, records=records, digest=digest), (made,)


KEY = ("symbol", "timeframe_ms")
CHECK = Processor("audit_check", (RAW_BARS,), (BARS,), CheckState(), KEY, check)
WINDOWED = Processor(
    "audit_window",
    (BARS,),
    (FEATURE_VECTORS,),
    WindowState(),
    KEY,
    window,
    window=WINDOW,
    refill=refill,
)
TALLY = Processor(
    "audit_tally", (FEATURE_VECTORS,), (REGIME_PROBABILITIES,), TallyState(), KEY, tally
)
CHAIN = (CHECK, WINDOWED, TALLY)
PARTS = {"all": CHAIN, "check": (CHECK,), "window": (WINDOWED,), "tally": (TALLY,)}

if __name__ == "__main__":
    bootstrap, instance, part, group = sys.argv[1:]
    settings = KafkaSettings(bootstrap, instance=instance)
    sys.exit(run_until_signalled(group, PARTS[part], settings))
