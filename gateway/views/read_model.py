"""All views of the topics: the one state that the gateway answers from, rebuilt at every start.

Each symbol has a view for each timeframe. It covers its newest bars, at most
``series_view.WINDOW``; all views share a budget. Folding is idempotent: reading a topic twice
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from gateway.views.arrival import Arrival, UnreadableArrival
from gateway.views.audit import AuditView
from gateway.views.challenges import ChallengesView
from gateway.views.compact import (
    CompactBar,
    CompactExplanation,
    CompactFeatures,
    CompactSignal,
    PredictedBar,
)
from gateway.views.configs import ConfigsView
from gateway.views.dead_letters import OpenLetters
from gateway.views.drift import DriftView
from gateway.views.events import EventsView
from gateway.views.ideas import IdeasView
from gateway.views.jobs import JobIndex
from gateway.views.journal import JournalView
from gateway.views.late_outcome import LateOutcome, read_call
from gateway.views.ledger import LedgerView
from gateway.views.mlflow import MlflowView
from gateway.views.models import ModelsView
from gateway.views.origins import ORIGINS, OriginsView
from gateway.views.outcomes import OutcomesView
from gateway.views.portfolio import PortfolioView
from gateway.views.refdata import RefdataView
from gateway.views.results import ResultsView
from gateway.views.series_view import SeriesView, bars_per_series
from gateway.views.ticks import TickArrival
from gateway.views.timeframes import running_timeframes
from gateway.views.versions import VersionsView
from schemas.access import AccessKey
from schemas.challenges import ChallengeEvent, ShadowResult
from schemas.clock import ClockTick
from schemas.commands import CommandOutcome
from schemas.configs import ConfigChanged
from schemas.dead_letter import DeadLetter
from schemas.drift import DriftReport, FeatureDrift
from schemas.events import SystemEvent
from schemas.explanations import Explanation
from schemas.features import FeatureVector
from schemas.jobs import BacktestRequest, JobCommand, JobProgress, JobResult, TuningRequest
from schemas.journal import JournalEntry
from schemas.market import Bar, HistoryReady, LedgerEntry
from schemas.mlflow import MlflowRun
from schemas.portfolio import AccountSnapshot
from schemas.predictions import PredictionReply
from schemas.record import Record
from schemas.refdata import RefdataTable
from schemas.regimes import RegimeProbabilities
from schemas.signals import ScoredSignal, ScoreTotals, Signal, SignalAcknowledged
from schemas.status import (
    CanaryTrace,
    MonitorWindow,
    OperatorAction,
    WorkerStatus,
)
from schemas.trades import TradeResult

Fold = Callable[[Any, Arrival], object]


@dataclass(frozen=True)
class UnreadableCount:
    """How many records of a topic could not be read since the start, and the newest."""

    count: int
    newest: UnreadableArrival


class ReadModel:
    """All views; one writer, ``fold``, called on the event loop."""

    def __init__(self, named_ms: tuple[int, ...]) -> None:
        self._named_ms = named_ms
        self._recorded_ms: int | None = None
        self.timeframes = named_ms  # that run, ascending; the first is the base
        self._series: dict[tuple[str, int], SeriesView] = {}  # by symbol and timeframe
        self._signals: dict[str, CompactSignal] | None = None  # None: nobody has asked yet
        self.horizon: dict[int, int] = {}  # partition to the offset below which signals left
        self.acknowledged: dict[str, SignalAcknowledged] = {}
        self.score_totals: dict[str, ScoreTotals] = {}  # by subject
        self.clock: TickArrival | None = None
        self._doubted_tick: TickArrival | None = None
        self.history: dict[int, HistoryReady] = {}  # by timeframe
        self.statuses: dict[str, WorkerStatus] = {}
        self.status_ms: dict[str, int] = {}  # by process: when its last word was written
        self.models = ModelsView(self.statuses, lambda: self.base_ms)
        self.jobs = JobIndex()
        self.mlflow = MlflowView(self.jobs)
        self.configs = ConfigsView()
        self.versions = VersionsView()
        self.challenges = ChallengesView()
        self.journal = JournalView()
        self.ideas = IdeasView()
        self.portfolio = PortfolioView()
        self.results = ResultsView()
        self.calls_changes = 0
        self.score_totals_changes = 0
        self.outcomes = OutcomesView()
        self.refdata = RefdataView()
        self.windows: dict[str, MonitorWindow] = {}
        self.canary: CanaryTrace | None = None
        self.access_keys: dict[str, AccessKey] = {}  # by id, as each is now
        self.dead_letters = OpenLetters()
        self.ledger = LedgerView()
        self.drift = DriftView()
        self.audit = AuditView()
        self.events = EventsView()
        self.origins = OriginsView()
        self.unreadable: dict[str, UnreadableCount] = {}
        self.last_append_ms: dict[str, int] = {}
        self.feature_names: tuple[str, ...] = ()  # of the newest vector of any series
        self._feature_names: dict[tuple[str, ...], tuple[str, ...]] = {}  # one tuple for all
        self._folds: dict[type[Record], Fold] = {
            Bar: self._bar,
            FeatureVector: self._features,
            RegimeProbabilities: self._regime,
            Signal: self._signal,
            SignalAcknowledged: self._acknowledged,
            ScoredSignal: self._score,
            ScoreTotals: self._totals,
            Explanation: self._explanation,
            ClockTick: self._tick,
            HistoryReady: lambda one, _: self.history.update({one.timeframe_ms: one}),
            WorkerStatus: self._status,
            BacktestRequest: lambda request, _: self.jobs.request(request),
            TuningRequest: lambda request, _: self.jobs.request(request),
            JobCommand: lambda command, _: self.jobs.command(command),
            JobProgress: lambda progress, arrival: self.jobs.progress(progress, arrival.offset + 1),
            JobResult: lambda result, _: self.jobs.result(result),
            MlflowRun: lambda run, _: self.mlflow.put(run),
            ConfigChanged: lambda change, _: self.configs.put(change),
            **self.models.folds(),
            **self.versions.folds(),
            ChallengeEvent: lambda event, _: self.challenges.put(event),
            ShadowResult: lambda shadow, at: self.challenges.put_result(shadow, at.raw),
            **self.ideas.folds(),
            AccountSnapshot: lambda held, arrival: self.portfolio.put(held, arrival.appended_ms),
            JournalEntry: lambda entry, _: self.journal.put(entry),
            TradeResult: self.results.put,
            CommandOutcome: lambda outcome, _: self.outcomes.put(outcome),
            RefdataTable: lambda table, _: self.refdata.put(table),
            MonitorWindow: lambda window, _: self.windows.update({window.subject: window}),
            CanaryTrace: self._canary,
            AccessKey: lambda key, _: self.access_keys.update({key.key_id: key}),
            DeadLetter: lambda letter, at: self.dead_letters.put(letter, at.partition, at.offset),
            LedgerEntry: lambda entry, _: self.ledger.put(entry),
            DriftReport: lambda report, _: self.drift.put(report),
            FeatureDrift: lambda drift, arrival: self.drift.put_features(drift, arrival.raw),
            OperatorAction: self._operator_action,
            SystemEvent: lambda event, arrival: self.events.put(event, arrival.offset),
            PredictionReply: lambda *_: None,  # for whoever asked, not for a view
        }
        for kind in ORIGINS:
            self._folds[kind] = self._with_origin(self._folds[kind])

    @property
    def recorded(self) -> bool:
        """Whether the newest bars come from a recording, which has no running clock."""
        return any(bar.recorded for bar in self.newest_bars())

    @property
    def base_ms(self) -> int:
        """Length of the base bar."""
        return self.timeframes[0]

    @property
    def signals(self) -> dict[str, CompactSignal]:
        """The signals held, by id, in the order of arrival; put together when first asked for.

        At a start most signals leave again before anybody asks.
        """
        if self._signals is None:
            held = chain.from_iterable(view.signals.items for view in self._series.values())
            in_order = sorted(held, key=lambda signal: signal.offset)
            self._signals = {signal.signal_id: signal for signal in in_order}
        return self._signals

    def newest_bars(self, symbol: str | None = None) -> list[CompactBar]:
        """Return the newest bar of each series, or of each series of a symbol."""
        newest = (
            view.bars.newest()
            for view in self._series.values()
            if symbol is None or view.symbol == symbol
        )
        return [bar for bar in newest if bar is not None]

    def fold(self, arrival: Arrival) -> None:
        """Take one record into the views; raises ``KeyError`` for a type not read here."""
        self.last_append_ms[arrival.topic] = arrival.appended_ms
        record = arrival.record
        self._folds[type(record)](record, arrival)

    def _with_origin(self, fold: Fold) -> Fold:
        def folded(record: Any, arrival: Arrival) -> None:
            fold(record, arrival)
            self.origins.put(arrival)

        return folded

    def fold_past(self, arrival: Arrival) -> None:
        """Take a record that lies before the window that was read; what is there already stays.

        Only of bars, features and regimes, and of a series that runs now.
        """
        record: Any = arrival.record
        runs = (record.symbol, self.base_ms) in self._series
        runs = runs and record.timeframe_ms in self.timeframes
        window = self.series(record.symbol, record.timeframe_ms).drawn_window(type(record))
        if runs and record.event_time_ms not in window:
            self._folds[type(record)](record, arrival)

    def lengths_with_room(self, kind: type[Record]) -> frozenset[int]:
        """Return the running timeframes of which a series lacks records of a kind."""
        symbols = self.known_symbols()
        windows = (
            (length_ms, self.series(symbol, length_ms).drawn_window(kind))
            for length_ms in self.timeframes
            for symbol in symbols
        )
        return frozenset(length_ms for length_ms, window in windows if len(window) < window.limit)

    def count_unreadable(self, unreadable: UnreadableArrival) -> None:
        """Count a record that is in no view."""
        before = self.unreadable.get(unreadable.topic)
        count = 1 if before is None else before.count + 1
        self.unreadable[unreadable.topic] = UnreadableCount(count, unreadable)

    def known_symbols(self) -> list[str]:
        """Return the symbols that have a bar of any timeframe."""
        return sorted({view.symbol for view in self._series.values() if len(view.bars)})

    def ended_ms(self, symbol: str) -> int | None:
        """Return the last close of a symbol that gets no more bars; None while it goes on.

        Ingest says so of a recording, and the reference table of a contract no longer traded.
        """
        for status in self.statuses.values():
            if symbol in status.ended:
                return status.ended[symbol]
        table = self.refdata.tables.get("symbol")
        rows = [row for row in table.rows if row.get("symbol") == symbol] if table else []
        closes = [bar.event_time_ms for bar in self.newest_bars(symbol)]
        if not closes or not rows or any(row.get("active") is not False for row in rows):
            return None
        return max(closes)

    def ended(self, view: SeriesView) -> bool:
        """Whether a series has the last bar that fits before the end of its symbol."""
        ended_ms, bar = self.ended_ms(view.symbol), view.bars.newest()
        if ended_ms is None or bar is None:
            return False
        return bar.event_time_ms <= ended_ms < bar.event_time_ms + view.timeframe_ms

    def series(self, symbol: str, timeframe_ms: int) -> SeriesView:
        """Return the view of a symbol at a timeframe; an empty one before its first record."""
        return self._series.get((symbol, timeframe_ms)) or SeriesView(symbol, timeframe_ms)

    def _view_for(self, symbol: str, timeframe_ms: int) -> SeriesView:
        """Return the view of a symbol at a timeframe, created by its first record."""
        key = (symbol, timeframe_ms)
        view = self._series.get(key)
        if view is None:
            view = self._series[key] = SeriesView(*key)
            self._share_budget()
        return view

    def _share_budget(self) -> None:
        limit = bars_per_series(len(self._series))
        for view in self._series.values():
            if limit < view.bars.limit:
                self._forget(view.shrink(limit))

    def score(self, signal: CompactSignal) -> bytes | None:
        """Return the encoded score of a signal; None before its expiry."""
        view = self.series(signal.symbol, signal.timeframe_ms)
        score = view.scores.get((signal.event_time_ms, signal.signal_id))
        return None if score is None else score.raw

    def calls(self) -> list[LateOutcome]:
        """Return the scores of the signals held here, of every series, also of neutral ones."""
        return list(chain.from_iterable(view.scores.items for view in self._series.values()))

    def explanation(self, predicted: PredictedBar) -> bytes | None:
        """Return the encoded explanation of a prediction; None when it does not exist yet."""
        compact = self._compact_explanation(predicted)
        return None if compact is None else compact.raw

    def explained(self, predicted: PredictedBar) -> bool:
        """Return whether a prediction has an explanation."""
        return self._compact_explanation(predicted) is not None

    def _compact_explanation(self, predicted: PredictedBar) -> CompactExplanation | None:
        key = (predicted.event_time_ms, predicted.model_version)
        return self.series(predicted.symbol, predicted.timeframe_ms).explanations.get(key)

    def _bar(self, bar: Bar, arrival: Arrival) -> None:
        compact = CompactBar.from_arrival(bar, arrival)
        self._view_for(bar.symbol, bar.timeframe_ms).bars.put(bar.event_time_ms, compact)
        if compact.recorded and bar.timeframe_ms != self._recorded_ms:
            self._recorded_ms = min(bar.timeframe_ms, self._recorded_ms or bar.timeframe_ms)
            self.timeframes = running_timeframes(self._named_ms, self._recorded_ms)

    def _features(self, vector: FeatureVector, _: Arrival) -> None:
        names = tuple(vector.values)
        names = self.feature_names = self._feature_names.setdefault(names, names)
        compact = CompactFeatures.from_vector(vector, names)
        view = self._view_for(vector.symbol, vector.timeframe_ms)
        view.features.put(vector.event_time_ms, compact)

    def _regime(self, regime: RegimeProbabilities, arrival: Arrival) -> None:
        view = self._view_for(regime.symbol, regime.timeframe_ms)
        view.regimes.put(regime.event_time_ms, arrival.raw)

    def _signal(self, signal: Signal, arrival: Arrival) -> None:
        compact = CompactSignal.from_arrival(signal, arrival)
        if self._signals is not None:
            self._signals[compact.signal_id] = compact
        self.horizon.setdefault(compact.partition, compact.offset)
        view = self._view_for(compact.symbol, compact.timeframe_ms)
        pushed_out = view.signals.put(compact.event_time_ms, compact)
        if pushed_out:
            self._forget(pushed_out)

    def _forget(self, signals: list[CompactSignal]) -> None:
        for old in signals:
            if old.offset >= self.horizon[old.partition]:
                self.horizon[old.partition] = old.offset + 1
            if self._signals is not None:
                self._signals.pop(old.signal_id, None)
            self.acknowledged.pop(old.signal_id, None)

    def _acknowledged(self, acknowledged: SignalAcknowledged, _: Arrival) -> None:
        self.acknowledged.setdefault(acknowledged.signal_id, acknowledged)

    def _score(self, score: ScoredSignal, arrival: Arrival) -> None:
        fields = score.__dict__  # as in CompactSignal
        view = self._view_for(fields["symbol"], fields["timeframe_ms"])
        key = fields["signal_time_ms"], fields["signal_id"]
        view.scores.put(key, LateOutcome(arrival.raw, read_call))
        self.calls_changes += 1

    def _totals(self, totals: ScoreTotals, _: Arrival) -> None:
        self.score_totals[totals.subject] = totals
        self.score_totals_changes += 1

    def _explanation(self, explanation: Explanation, arrival: Arrival) -> None:
        key = (explanation.event_time_ms, explanation.model_version)
        view = self._view_for(explanation.symbol, explanation.timeframe_ms)
        view.explanations.put(key, CompactExplanation.from_arrival(arrival))

    def _tick(self, tick: ClockTick, arrival: Arrival) -> None:
        """Take a tick that follows from the one before, or that a second tick confirms."""
        newest = TickArrival(tick, arrival.appended_ms)
        if self.clock is None or self.recorded or self.clock.leads_to(newest):
            self._doubted_tick = None
            if self.clock is None or tick.event_time_ms >= self.clock.tick.event_time_ms:
                self.clock = newest
        elif self._doubted_tick is not None and self._doubted_tick.leads_to(newest):
            self.clock, self._doubted_tick = newest, None
        else:
            self._doubted_tick = newest

    def _status(self, status: WorkerStatus, arrival: Arrival) -> None:
        self.statuses[status.process] = status
        self.status_ms[status.process] = arrival.appended_ms

    def _canary(self, trace: CanaryTrace, _: Arrival) -> None:
        self.canary = trace

    def _operator_action(self, action: OperatorAction, arrival: Arrival) -> None:
        self.dead_letters.settle(action)
        self.audit.put(action, arrival.offset)
