"""Where ingest resumes: what the topics hold already."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from schemas.market import HistoryReady, RawBar
from schemas.models import ModelServing
from schemas.topics import HISTORY, MODELS_SERVING, RAW_BARS
from streams.runtime.reader import BeforeEnd, Reader, tail
from streams.runtime.settings import KafkaSettings

LOOK_BACK = 4_096  # raw bars that are read first, from the end of the topic
GROWTH = 8  # of the next look-back, while a symbol is missing

Series = tuple[str, int]  # symbol, timeframe in ms


@dataclass(frozen=True)
class MarketPast:
    """What the topics hold of a venue's bars.

    Attributes:
        closes: By symbol, the close of its newest base bar.
        carried: Higher series that are made of base bars by now.
        announced: Timeframes whose history has been announced.
        higher_closes: Returns the newest close of some higher series; it may read a whole topic.
        wait_for_model: Returns once a model of the base bars serves, or the event is set.
    """

    closes: Mapping[str, int] = field(default_factory=dict)
    carried: frozenset[Series] = frozenset()
    announced: frozenset[int] = frozenset()
    higher_closes: Callable[[Collection[Series]], Mapping[Series, int]] = lambda _: {}
    wait_for_model: Callable[[threading.Event], None] = lambda _: None

    @classmethod
    def of_topics(
        cls, kafka: KafkaSettings, strategy: str, symbols: Collection[str], base_ms: int
    ) -> MarketPast:
        """Read the past; of the raw bars only the end, as far as every symbol is in it."""
        end = _end_of_raw_bars(kafka, symbols, base_ms)
        return cls(
            closes={symbol: bar.event_time_ms for symbol, bar in end.newest.items()},
            carried=end.carried(),
            announced=announced_timeframes(kafka, strategy),
            higher_closes=lambda series: newest_higher_closes(kafka, series, base_ms),
            wait_for_model=lambda stop: _wait_for_model(kafka, strategy, base_ms, stop),
        )


@dataclass
class EndOfRawBars:
    """What the last raw bars of the topic tell.

    Attributes:
        newest: By symbol, its newest base bar.
        since_ms: By higher series, the open of the base bar from which on each carries it; -1
            where that bar lies before the ones that were read.
        kline_closes: By higher series, the close of its newest kline of the venue.
        made_closes: By higher series, the close of the newest bar that base bars have made.
    """

    base_ms: int
    newest: dict[str, RawBar] = field(default_factory=dict)
    since_ms: dict[Series, int] = field(default_factory=dict)
    kline_closes: dict[Series, int] = field(default_factory=dict)
    made_closes: dict[Series, int] = field(default_factory=dict)

    def add(self, bar: RawBar) -> None:
        """Take the next raw bar of the topic."""
        if bar.timeframe_ms != self.base_ms:
            series = (bar.symbol, bar.timeframe_ms)
            self.kline_closes[series] = max(self.kline_closes.get(series, 0), bar.event_time_ms)
            return
        before = self.newest.get(bar.symbol)
        if before is not None and bar.event_time_ms <= before.event_time_ms:
            return
        self.newest[bar.symbol] = bar
        for length_ms in () if before is None else before.higher_ms:
            if length_ms not in bar.higher_ms:
                self.since_ms.pop((bar.symbol, length_ms), None)
        for length_ms in bar.higher_ms:
            begun_ms = -1 if before is None else bar.open_time_ms
            self.since_ms.setdefault((bar.symbol, length_ms), begun_ms)
            self._make(bar, before, length_ms)

    def _make(self, bar: RawBar, before: RawBar | None, length_ms: int) -> None:
        """Book the higher bar that a base bar has closed; the one before the first is a kline."""
        carried = before is not None and length_ms in before.higher_ms
        opened_ms = before.open_time_ms if before is not None and carried else bar.open_time_ms
        close_ms = bar.event_time_ms // length_ms * length_ms
        if close_ms > opened_ms:
            self.made_closes[bar.symbol, length_ms] = close_ms

    def carried(self) -> frozenset[Series]:
        """Return the series whose klines reach up to the first bar that is made of base bars."""
        return frozenset(
            series
            for series, since_ms in self.since_ms.items()
            if self.kline_closes.get(series, since_ms) >= since_ms
        )

    def higher_close(self, series: Series) -> int:
        """Return up to where a higher series is told or made; 0: nowhere."""
        return max(self.kline_closes.get(series, 0), self.made_closes.get(series, 0))


def newest_closes(
    kafka: KafkaSettings, symbols: Collection[str], timeframe_ms: int
) -> dict[str, int]:
    """Return by symbol the close of the newest raw bar of a timeframe on the topic."""
    end = _end_of_raw_bars(kafka, symbols, timeframe_ms)
    return {symbol: bar.event_time_ms for symbol, bar in end.newest.items()}


def _end_of_raw_bars(
    kafka: KafkaSettings, symbols: Collection[str], timeframe_ms: int
) -> EndOfRawBars:
    """Read the end of the topic, and more only where a symbol is missing.

    So a long history does not slow a restart.
    """
    look_back = LOOK_BACK
    while True:
        end = EndOfRawBars(timeframe_ms)
        with Reader(kafka, (RAW_BARS,), BeforeEnd(look_back)) as reader:
            whole = not any(reader.positions.values())
            for message in reader.read_to_end():
                bar = message.record
                if isinstance(bar, RawBar) and bar.symbol in symbols:
                    end.add(bar)
        if whole or end.newest.keys() >= set(symbols):
            return end
        look_back *= GROWTH


def newest_higher_closes(
    kafka: KafkaSettings, wanted: Collection[Series], base_ms: int
) -> dict[Series, int]:
    """Return the newest close of each wanted series, of klines and of what base bars made.

    Reads the whole topic: only the series that are not made of base bars yet are asked for.
    """
    end = EndOfRawBars(base_ms)
    with Reader(kafka, (RAW_BARS,)) as reader:
        for message in reader.read_to_end():
            if isinstance(message.record, RawBar):
                end.add(message.record)
    return {series: close_ms for series in wanted if (close_ms := end.higher_close(series))}


def announced_timeframes(kafka: KafkaSettings, strategy: str) -> frozenset[int]:
    """Return the timeframes for which a complete history of a strategy has been announced."""
    with Reader(kafka, (HISTORY,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    return frozenset(
        record.timeframe_ms
        for record in records
        if isinstance(record, HistoryReady) and record.strategy == strategy
    )


def _wait_for_model(
    kafka: KafkaSettings, strategy: str, timeframe_ms: int, stop: threading.Event
) -> None:
    for message in tail(kafka, (MODELS_SERVING,), stop=stop):
        serving = message.record
        if isinstance(serving, ModelServing) and (strategy, timeframe_ms) == (
            serving.strategy,
            serving.model.timeframe_ms,
        ):
            return
