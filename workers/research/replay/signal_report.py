"""The report of a signal back-test: grades, hit rates, scores, calibration, equity.

Undefined is null. Returns are fractions, net of fees, slippage and funding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from schemas.record import Record
from schemas.timeframes import DAY_MS, days_text, timeframe_name
from streams.evaluation.calibration import (
    Bin,
    expected_calibration_error,
    wilson_interval,
)
from streams.evaluation.interval import Interval
from streams.evaluation.metrics import MIN_PERIODS, Vector, equity_curve, equity_returns
from streams.evaluation.report import FinishedRun, Metrics, Trades, intervals, report
from streams.evaluation.resampling import ratio_interval
from workers.research.replay.tally import GROUPS, Sums, Tally, utc_day

EVERY, HOLD, CASH = "every signal, standard size", "buy and hold", "cash"
ASSUMPTIONS = (
    "A signal is entered at the open of the next bar and left at the close of its horizon.",
    "Each directional signal gets the same size: start equity / (horizon in bars x symbols).",
    "Its result is booked when it expires and is not reinvested.",
    "Buy and hold buys each symbol in equal parts at the open after its first signal.",
    "Wilson intervals take signals for independent, but neighbours overlap.",
    "Block intervals draw whole days together (stationary bootstrap): they are the honest ones.",
    "Class shares are those that a model was trained on, known before its first signal.",
)

MIN_LENGTH_MS = MIN_PERIODS * DAY_MS  # time, not dates: two hours around midnight are no two days

Pair = tuple[float, float]


class GroupRow(Record):
    """One group of signals; grades count directional signals only."""

    group: str
    signals: int
    buys: int
    sells: int
    neutrals: int
    open: int  # not expired by the end
    unknowable: int  # a hole in the bars hid the outcome
    known: int
    hits: int
    hit_rate: float | None
    hit_rate_interval: Pair | None  # 95 %, Wilson
    hit_rate_block_interval: Pair | None  # 95 %, days drawn together
    mean_confidence: float | None
    mean_net_return: float | None
    mean_net_return_interval: Pair | None  # 95 %, days drawn together


class ProperScores(Record):
    """Probabilities against the class shares alone, over the same signals; lower is better."""

    group: str
    known: int
    brier: float | None
    log_loss: float | None
    compared: int
    prior_brier: float | None
    prior_log_loss: float | None
    log_loss_edge: float | None  # of the shares less that of the signals; above 0 is better
    log_loss_edge_interval: Pair | None  # 95 %, days drawn together


class ReliabilityRow(Record):
    """Signals of similar confidence: how often they came true."""

    directional: bool
    known: int
    mean_confidence: float
    hit_rate: float
    hit_rate_interval: Pair  # 95 %, Wilson


class EquityRow(Record):
    """What an account came to."""

    name: str
    metrics: Metrics
    intervals: dict[str, Pair | None]


class EquityCurve(Record):
    """At the end of each UTC day, the start of 1 first."""

    time_ms: tuple[int, ...]
    every_signal: tuple[float, ...]
    buy_and_hold: tuple[float, ...]


class ModelRow(Record):
    """One model that made signals."""

    model_version: str
    qualified: bool
    signals: int


class SignalReport(Record):
    """Everything that a signal back-test says."""

    kind: str = "signals"
    symbols: tuple[str, ...]
    timeframe: str | None  # null: nothing was counted
    first_signal_ms: int | None
    last_bar_ms: int | None
    bars: int  # from each symbol's first signal on
    signals: int
    models: tuple[ModelRow, ...]
    groups: tuple[GroupRow, ...]
    scores: tuple[ProperScores, ...]
    reliability: tuple[ReliabilityRow, ...]
    calibration_error: float | None  # of all signals, 10 bins
    directional_calibration_error: float | None
    rows: tuple[EquityRow, ...]
    equity: EquityCurve
    funding_note: str
    span_note: str  # why figures of days are null; empty where they are not
    assumptions: tuple[str, ...] = ASSUMPTIONS
    digests: dict[str, dict[str, str]]  # SHA-256 by symbol and record, over the encoded records


def signal_report(tally: Tally, seed: int = 0) -> SignalReport:
    """Return the report of what was counted.

    Args:
        tally: After the last record.
        seed: Of the resampling.
    """
    bins = list(tally.reliability())
    rows, curve = _equity(tally, seed)
    return SignalReport(
        symbols=tuple(sorted(tally.held)),
        timeframe=None if tally.timeframe_ms is None else timeframe_name(tally.timeframe_ms),
        first_signal_ms=tally.first_ms,
        last_bar_ms=None if tally.first_ms is None else tally.last_ms,
        bars=tally.bars,
        signals=tally.signals,
        models=tuple(
            ModelRow(model_version=version, qualified=qualified, signals=count)
            for version, (qualified, count) in tally.models.items()
        ),
        groups=tuple(_group(tally, group, seed) for group in GROUPS),
        scores=tuple(
            _scores(tally, name, groups, seed)
            for name, groups in (
                ("all", ("directional", "neutral")),
                ("directional", ("directional",)),
            )
        ),
        reliability=tuple(_bin(directional, each) for directional, each in bins),
        calibration_error=expected_calibration_error(each for _, each in bins),
        directional_calibration_error=expected_calibration_error(b for d, b in bins if d),
        rows=rows,
        equity=curve,
        funding_note=_funding_note(tally),
        span_note=_span_note(tally),
        digests={
            symbol: {name: digest.hexdigest() for name, digest in sorted(digests.items())}
            for symbol, digests in sorted(tally.digests.items())
        },
    )


def _daily(tally: Tally, groups: Iterable[str], value: Callable[[Sums], float]) -> Vector:
    """Return a sum over some groups for every UTC day, days without a signal included."""
    if tally.first_ms is None:
        return np.empty(0)
    first, last = utc_day(tally.first_ms), utc_day(tally.last_ms)
    sums_by_day = np.zeros(last - first + 1)
    wanted = set(groups)
    for (group, day), sums in tally.days.items():
        if group in wanted:
            sums_by_day[day - first] += value(sums)
    return sums_by_day


def _group(tally: Tally, group: str, seed: int) -> GroupRow:
    grades = GROUPS[1:5] if group == "directional" else (group,)
    counts_by_direction = {
        direction: sum(tally.signal_counts[grade, direction] for grade in grades)
        for direction in ("buy", "sell", "neutral")
    }
    total = sum(counts_by_direction.values())
    expired = int(_daily(tally, (group,), lambda s: s.expired).sum())
    counts = _daily(tally, (group,), lambda s: s.known)
    hits = _daily(tally, (group,), lambda s: s.hits)
    returns = _daily(tally, (group,), lambda s: s.net_return)
    known, neutral = int(counts.sum()), group == "neutral"
    return GroupRow(
        group=group,
        signals=total,
        buys=counts_by_direction["buy"],
        sells=counts_by_direction["sell"],
        neutrals=counts_by_direction["neutral"],
        open=total - expired,
        unknowable=expired - known,
        known=known,
        hits=int(hits.sum()),
        hit_rate=_mean(hits, counts),
        hit_rate_interval=_pair(wilson_interval(int(hits.sum()), known)),
        hit_rate_block_interval=_pair(ratio_interval(hits, counts, seed)),
        mean_confidence=_mean(_daily(tally, (group,), lambda s: s.confidence), counts),
        mean_net_return=None if neutral else _mean(returns, counts),
        mean_net_return_interval=None if neutral else _pair(ratio_interval(returns, counts, seed)),
    )


def _scores(tally: Tally, name: str, groups: tuple[str, ...], seed: int) -> ProperScores:
    def daily(value: Callable[[Sums], float]) -> Vector:
        return _daily(tally, groups, value)

    counts, compared = daily(lambda s: s.known), daily(lambda s: s.compared)
    edge = daily(lambda s: s.edge)
    return ProperScores(
        group=name,
        known=int(counts.sum()),
        brier=_mean(daily(lambda s: s.brier), counts),
        log_loss=_mean(daily(lambda s: s.log_loss), counts),
        compared=int(compared.sum()),
        prior_brier=_mean(daily(lambda s: s.prior_brier), compared),
        prior_log_loss=_mean(daily(lambda s: s.prior_log_loss), compared),
        log_loss_edge=_mean(edge, compared),
        log_loss_edge_interval=_pair(ratio_interval(edge, compared, seed)),
    )


def _bin(directional: bool, each: Bin) -> ReliabilityRow:  # noqa: FBT001 - names the group
    interval = wilson_interval(each.hits, each.count)
    assert interval is not None  # noqa: S101 - a bin holds at least one signal
    return ReliabilityRow(
        directional=directional,
        known=each.count,
        mean_confidence=each.mean_confidence,
        hit_rate=each.hit_rate,
        hit_rate_interval=(interval.low, interval.high),
    )


def _equity(tally: Tally, seed: int) -> tuple[tuple[EquityRow, ...], EquityCurve]:
    """Return the accounts over the same days: every signal, buy and hold, cash."""
    if tally.first_ms is None:
        return (), EquityCurve(time_ms=(), every_signal=(), buy_and_hold=())
    days = np.arange(utc_day(tally.first_ms), utc_day(tally.last_ms) + 1, dtype=np.int64)
    parts = len(tally.held)
    booked = np.array([tally.profit[day] for day in days.tolist()]) / parts
    equity = np.concatenate(([1.0], 1.0 + np.cumsum(booked)))
    hold_equity = np.mean(
        [_equity_by_day(each.closes, days) for each in tally.held.values()], axis=0
    )
    # Days that are too few are one observation, from the start to the end.
    step = 1 if _length_ms(tally) >= MIN_LENGTH_MS else len(days)
    returns, market = equity_returns(equity[::step]), equity_returns(hold_equity[::step])
    start = np.maximum(equity[:-1], np.finfo(float).tiny)
    traded = np.array([tally.traded[day] for day in days.tolist()]) / parts / start
    pnl, cost, hold_ms = (np.frombuffer(column) for column in tally.calls)
    position = np.repeat([1.0, 0.0], [tally.exposed, tally.bars - tally.exposed])
    always, flat = np.ones(tally.bars), np.zeros(tally.bars)
    none, once = np.empty(0), np.ones(1)
    rows = (
        _row(
            EVERY,
            FinishedRun(returns, position, traded, Trades(pnl / parts, cost / parts, hold_ms)),
            seed,
        ),
        _row(HOLD, FinishedRun(market, always, once), seed),
        _row(CASH, FinishedRun(np.zeros_like(returns), flat, none), seed),
    )
    ends = [int(days[0]) * DAY_MS, *((days + 1) * DAY_MS).tolist()]
    return rows, EquityCurve(
        time_ms=tuple(ends),
        every_signal=tuple(equity_curve(equity_returns(equity)).tolist()),
        buy_and_hold=tuple(equity_curve(equity_returns(hold_equity)).tolist()),
    )


def _equity_by_day(closes: dict[int, float], days: NDArray[np.int64]) -> Vector:
    """Return a symbol's equity by day, the start first; a day without bars repeats the last."""
    equity = [1.0]
    for day in days.tolist():
        equity.append(closes.get(day, equity[-1]))
    return np.array(equity)


def _row(name: str, run: FinishedRun, seed: int) -> EquityRow:
    by_metric = {key: _pair(each) for key, each in intervals(run.returns, seed).items()}
    return EquityRow(name=name, metrics=report(run), intervals=by_metric)


def _mean(amounts: Vector, counts: Vector) -> float | None:
    total = float(counts.sum())
    return float(amounts.sum()) / total if total else None


def _pair(interval: Interval | None) -> Pair | None:
    return None if interval is None else (interval.low, interval.high)


def _funding_note(tally: Tally) -> str:
    if not tally.funded:
        return "the bars carry no funding rates: none was paid or earned"
    if unmarked := sum(each.unmarked for each in tally.held.values()):
        return f"buy and hold: settlements valued at the close for want of a mark: {unmarked}"
    return ""


def _length_ms(tally: Tally) -> int:
    return 0 if tally.first_ms is None else tally.last_ms - tally.first_ms


def _span_note(tally: Tally) -> str:
    length_ms = _length_ms(tally)
    if tally.first_ms is None or length_ms >= MIN_LENGTH_MS:
        return ""
    return (
        f"the signals cover {days_text(length_ms)} days: yearly figures, Sharpe ratio and drawdown "
        f"need {MIN_PERIODS} days"
    )
