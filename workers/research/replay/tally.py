"""What became of signals, summed up as they come: memory grows by days and calls, not by bars.

Takes the records that a recomputation makes, in their order, and forgets them.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas.market import Bar
from schemas.record import Record
from schemas.signals import ScoredSignal, Signal
from schemas.timeframes import DAY_MS
from streams.confidence import bin_index
from streams.costs import DEFAULT_COSTS, Costs, direction_sign
from streams.evaluation.calibration import Bin
from workers.research.replay.recompute import Prior

CLASSES = ("sell", "neutral", "buy")
GROUPS = ("directional", "A+", "A", "B", "C", "neutral")  # grades count directional signals only

Digest = Any  # of hashlib, which names no type


def utc_day(close_ms: int) -> int:
    """Return the UTC day of a close, counted from the epoch; midnight ends its day."""
    return (close_ms - 1) // DAY_MS


@dataclass(slots=True)
class Sums:
    """Sums over the signals of one group and day; what is unknowable is only counted."""

    expired: int = 0
    known: int = 0
    hits: int = 0
    confidence: float = 0.0
    net_return: float = 0.0
    brier: float = 0.0
    log_loss: float = 0.0
    compared: int = 0  # known, of a model whose class shares are known
    prior_brier: float = 0.0
    prior_log_loss: float = 0.0
    edge: float = 0.0  # log-loss of the class shares less that of the signal

    def add(self, score: ScoredSignal, prior: Prior | None) -> None:
        """Count one more score."""
        self.expired += 1
        if score.outcome is None or score.brier is None or score.log_loss is None:
            return
        self.known += 1
        self.hits += bool(score.hit)
        self.confidence += score.confidence
        self.net_return += score.net_return or 0.0
        self.brier += score.brier
        self.log_loss += score.log_loss
        if prior is None:
            return
        truth = CLASSES.index(score.outcome)
        surprise = -float(np.log(prior[truth]))
        self.compared += 1
        self.prior_brier += sum((p - (i == truth)) ** 2 for i, p in enumerate(prior))
        self.prior_log_loss += surprise
        self.edge += surprise - score.log_loss


@dataclass
class Held:
    """One symbol bought at the open after its first signal and never sold; starts at 1.

    Attributes:
        closes: Equity at the last close of each day.
        settled: Settlements paid or earned.
        unmarked: Those valued at the close for want of a mark.
    """

    costs: Costs = DEFAULT_COSTS
    units: float = 0.0
    cash: float = 1.0
    opened_ms: int = 0
    stamp_ms: int | None = None
    closes: dict[int, float] = field(default_factory=dict)
    settled: int = 0
    unmarked: int = 0

    def see(self, bar: Bar) -> None:
        """Let one bar pass; the first one is bought at its open."""
        if not self.units:
            price = bar.open * (1.0 + self.costs.slippage)
            self.units, self.opened_ms = 1.0 / price, bar.open_time_ms
            self.cash = -self.costs.taker_fee
        stamp, rate = bar.funding_time_ms, bar.funding_rate
        if stamp is not None and stamp != self.stamp_ms:
            self.stamp_ms = stamp
            if rate is not None and stamp > self.opened_ms:
                price = bar.close if bar.mark_price is None else bar.mark_price
                self.cash -= self.units * price * rate
                self.settled += 1
                self.unmarked += bar.mark_price is None
        self.closes[utc_day(bar.event_time_ms)] = self.cash + self.units * bar.close


@dataclass
class Tally:
    """Sums over all signals of one timeframe that were made from ``from_ms`` on.

    Attributes:
        from_ms: Signals made before are left out, also when they expire later.
        priors: Class shares by model version; read when a score comes.
        timeframe_ms: Records of others are passed over; None: that of the first record counts.
        days: Sums by group and day of the signal.
        signal_counts: Signals by group and direction.
        bins: By whether they are directional, and number: count, hits, sum of confidence.
        profit: By day of expiry, sum of net return over horizon: an account that gives each
            signal the same size, of which a whole horizon of signals fills one symbol.
        traded: By day of the signal, what is bought and sold of that size.
        calls: Net return, cost and horizon in ms of each directional signal, over its horizon.
        digests: By symbol and record, SHA-256 over the encoded records, each ended by a newline.
    """

    from_ms: int = 0
    priors: Mapping[str, Prior] = field(default_factory=dict)
    timeframe_ms: int | None = None
    days: dict[tuple[str, int], Sums] = field(default_factory=lambda: defaultdict(Sums))
    signal_counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    models: dict[str, list[Any]] = field(default_factory=dict)
    bins: dict[tuple[bool, int], list[float]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0, 0.0])
    )
    profit: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    traded: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    calls: tuple[array[float], array[float], array[float]] = field(
        default_factory=lambda: (array("d"), array("d"), array("d"))
    )
    held: dict[str, Held] = field(default_factory=dict)
    digests: dict[str, dict[str, Digest]] = field(default_factory=dict)
    bars: int = 0
    exposed: int = 0
    funded: bool = False
    first_ms: int | None = None
    last_ms: int = 0
    _until_ms: dict[str, int] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        """Count one record; others than bars, signals and scores are passed over."""
        if not isinstance(record, Bar | Signal | ScoredSignal):
            return
        if self.timeframe_ms is None:
            self.timeframe_ms = record.timeframe_ms
        if record.timeframe_ms != self.timeframe_ms:
            return
        if isinstance(record, Bar):
            self._bar(record)
        elif isinstance(record, Signal):
            self._digest(record).update(record.encode() + b"\n")
            self._signal(record)
        else:
            self._digest(record).update(record.encode() + b"\n")
            if record.signal_time_ms >= self.from_ms:
                self._score(record)

    @property
    def signals(self) -> int:
        """All signals."""
        return sum(self.signal_counts.values())

    def reliability(self) -> Iterator[tuple[bool, Bin]]:
        """Yield the bins that hold signals, directional first, by rising confidence."""
        for (neutral, _), (count, hits, confidence) in sorted(self.bins.items()):
            yield not neutral, Bin(int(count), int(hits), confidence)

    def _digest(self, record: Signal | ScoredSignal) -> Digest:
        of_symbol = self.digests.setdefault(record.symbol, {})
        return of_symbol.setdefault(type(record).__name__, hashlib.sha256())

    def _bar(self, bar: Bar) -> None:
        self.funded |= bar.funding_rate is not None
        holding = self.held.get(bar.symbol)
        if holding is not None:  # its first signal is out
            holding.see(bar)
            self.bars += 1
            self.exposed += bar.event_time_ms <= self._until_ms.get(bar.symbol, 0)
            self.last_ms = max(self.last_ms, bar.event_time_ms)

    def _signal(self, signal: Signal) -> None:
        self.held.setdefault(signal.symbol, Held())
        now = signal.event_time_ms
        self.first_ms = now if self.first_ms is None else min(self.first_ms, now)
        self.last_ms = max(self.last_ms, now)
        group = "neutral" if signal.direction == "neutral" else signal.grade
        self.signal_counts[group, signal.direction] += 1
        self.models.setdefault(signal.model_version, [signal.qualified, 0])[1] += 1
        if direction_sign(signal.direction):
            self._until_ms[signal.symbol] = signal.expires_ms
            self.traded[utc_day(now)] += 2.0 / signal.horizon_bars

    def _score(self, score: ScoredSignal) -> None:
        neutral = score.direction == "neutral"
        prior = self.priors.get(score.model_version)
        day = utc_day(score.signal_time_ms)
        for group in ("neutral",) if neutral else ("directional", score.grade):
            self.days[group, day].add(score, prior)
        if score.hit is None:
            return
        bin_sums = self.bins[neutral, bin_index(score.confidence)]
        bin_sums[0] += 1
        bin_sums[1] += score.hit
        bin_sums[2] += score.confidence
        if neutral or score.net_return is None:
            return
        length_ms = score.event_time_ms - score.signal_time_ms
        size = score.timeframe_ms / length_ms
        self.profit[utc_day(score.event_time_ms)] += score.net_return * size
        paid = (score.cost or 0.0) + (score.funding or 0.0)
        for column, value in zip(
            self.calls, (score.net_return * size, paid * size, length_ms), strict=True
        ):
            column.append(value)
