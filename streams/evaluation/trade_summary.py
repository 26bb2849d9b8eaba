"""What trades have earned together: pure, and without a numerical library, for the gateway.

Of the journal's, which somebody chose, it says how that went, not what a model is worth.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, groupby
from operator import attrgetter, itemgetter

from schemas.timeframes import DAY_MS
from streams.evaluation.confidence_sequence import block_sums, mean_sequence
from streams.evaluation.hit_rate import hit_rate_sequence
from streams.evaluation.interval import Interval
from streams.evaluation.trade_outcome import TradeOutcome


@dataclass(frozen=True)
class TradeSummary:
    """Figures of finished trades; None where undefined. Intervals hold at every look (95 %).

    Attributes:
        trades, wins: How many, and how many earned more than 0 after costs.
        hit_rate: Share of wins, in [0, 1].
        hit_rate_interval: See ``hit_rate_apart``.
        expectancy: Mean net return of a trade, a fraction.
        expectancy_interval: By blocks of days, because trades of one day move together.
        expected: Mean of the net returns expected at the decisions that stated one.
        expectancy_r: Mean net return over the distance to the stop, of the trades that had one.
        expectancy_r_interval: As of ``expectancy``, of those trades.
        r_trades: How many those are.
        days: With an exit.
        from_ms, to_ms: First entry and last exit.
        net_return: Sum of net returns, of equal stakes, a fraction.
        buy_and_hold: Return of price alone over the same time: see ``buy_and_hold``.
        profit: Sum of those whose quantity is known, in the quote currency.
        profit_trades: How many those are.
        profit_factor: Gross win over gross loss, of net returns; None without a loss.
        max_drawdown: Deepest fall of the cumulative net return, of equal stakes, a fraction.
        cost_share: Costs and funding over the return before them; None unless that is above 0.
        average_hold_ms: From entry to exit.
        fees_assumed: Trades whose fees were not said.
    """

    trades: int
    wins: int
    hit_rate: float | None
    hit_rate_interval: Interval | None
    expectancy: float | None
    expectancy_interval: Interval | None
    expected: float | None
    expectancy_r: float | None
    expectancy_r_interval: Interval | None
    r_trades: int
    days: int
    from_ms: int | None
    to_ms: int | None
    net_return: float | None
    buy_and_hold: float | None
    profit: Decimal | None
    profit_trades: int
    profit_factor: float | None
    max_drawdown: float | None
    cost_share: float | None
    average_hold_ms: float | None
    fees_assumed: int


def summarise(outcomes: Iterable[TradeOutcome], overlap_ms: int = 0) -> TradeSummary:
    """Return the figures of some trades, in whatever order they come.

    Args:
        outcomes: Of trades, or of calls.
        overlap_ms: How long one of them lasts, where the next begins before it ends; 0 where each
            waits for the one before.
    """
    ended = sorted(outcomes)
    net = [each.net_return for each in ended]
    wins, total = sum(value > 0.0 for value in net), math.fsum(net)
    gross = math.fsum(each.gross_return for each in ended)
    loss = -math.fsum(value for value in net if value < 0.0)
    profits = [Decimal(each.profit) for each in ended if each.profit is not None]
    staked = [(each.closed_ms, each.r_multiple) for each in ended if each.r_multiple is not None]
    multiples = [multiple for _, multiple in staked]
    times = [each.closed_ms for each in ended]
    return TradeSummary(
        trades=len(net),
        wins=wins,
        hit_rate=wins / len(net) if net else None,
        hit_rate_interval=hit_rate_apart(ended),
        expectancy=_mean(net),
        expectancy_interval=mean_by_days(times, net, overlap_ms),
        expected=_mean([each.expected for each in ended if each.expected is not None]),
        expectancy_r=_mean(multiples),
        expectancy_r_interval=mean_by_days([time for time, _ in staked], multiples, overlap_ms),
        r_trades=len(multiples),
        days=len({time_ms // DAY_MS for time_ms in times}),
        from_ms=min((each.opened_ms for each in ended), default=None),
        to_ms=times[-1] if times else None,
        net_return=total if net else None,
        buy_and_hold=buy_and_hold(ended),
        profit=sum(profits, Decimal(0)) if profits else None,
        profit_trades=len(profits),
        profit_factor=math.fsum(value for value in net if value > 0.0) / loss if loss else None,
        max_drawdown=_deepest_fall(net) if net else None,
        cost_share=(gross - total) / gross if gross > 0.0 else None,
        average_hold_ms=_mean([each.closed_ms - each.opened_ms for each in ended]),
        fees_assumed=sum(each.fees_assumed for each in ended),
    )


def hit_rate_apart(outcomes: Iterable[TradeOutcome]) -> Interval | None:
    """Return where the share of wins lies, by trades each opened when the last had ended.

    Those that share their time move together, also of other symbols. Which of them counts is known
    when it is opened, so that what becomes of it chooses nothing. None without a trade.
    """
    wins = trades = free_ms = 0
    for each in sorted(outcomes, key=attrgetter("opened_ms", "trade_id")):
        if each.opened_ms >= free_ms:
            wins, trades = wins + (each.net_return > 0.0), trades + 1
            free_ms = free_after(each.opened_ms, each.closed_ms)
    return hit_rate_sequence(wins, trades)


def free_after(opened_ms: int, closed_ms: int) -> int:
    """Return from when on another trade shares no time with one.

    How long a trade without length lasted is unknown, as where many are entered in one go: of those
    of a day one counts.
    """
    return closed_ms if closed_ms > opened_ms else opened_ms + DAY_MS


def mean_by_days(
    times_ms: Sequence[int], values: Sequence[float], overlap_ms: int = 0
) -> Interval | None:
    """Return where the mean of some values lies, by blocks of whole days; None as its sequence.

    Args:
        times_ms: Of each value, ascending.
        values: One a time.
        overlap_ms: A block is at least four times as long, so that blocks hardly depend.
    """
    block_ms = DAY_MS * max(1, math.ceil(4 * overlap_ms / DAY_MS))
    amounts, counts = [], []
    pairs = zip((time_ms // block_ms for time_ms in times_ms), values, strict=True)
    for _, members in groupby(pairs, itemgetter(0)):
        block = [value for _, value in members]
        amounts.append(math.fsum(block))
        counts.append(len(block))
    return mean_sequence(block_sums(amounts[:-1], counts[:-1]))  # the last block is still open


def buy_and_hold(ended: Sequence[TradeOutcome]) -> float | None:
    """Return what holding each symbol from its first entry to its last exit earned, on average.

    Args:
        ended: In order.

    A fraction of price alone, before costs and funding; None without a trade.
    """
    first: dict[str, TradeOutcome] = {}
    last = {each.symbol: each for each in ended}
    for each in ended:
        known = first.setdefault(each.symbol, each)
        if each.opened_ms < known.opened_ms:
            first[each.symbol] = each
    return _mean([last[name].exit_price / first[name].entry_price - 1.0 for name in first])


def equity(outcomes: Iterable[TradeOutcome], points: int) -> list[tuple[int, float]]:
    """Return the sum of net returns after each exit as (time in ms, fraction), oldest first.

    Args:
        outcomes: Of equal stakes.
        points: At most so many, evenly chosen among the exits; the last is one of them.
    """
    ended = sorted(outcomes)
    sums = list(accumulate(each.net_return for each in ended))
    step = max(1, math.ceil(len(ended) / points))
    chosen = range((len(ended) - 1) % step, len(ended), step)
    return [(ended[at].closed_ms, sums[at]) for at in chosen]


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _deepest_fall(net: Sequence[float]) -> float:
    """Return how far the sum of returns has been below its highest value before, 0 or more."""
    sums = list(accumulate(net, initial=0.0))
    return max(high - low for high, low in zip(accumulate(sums, max), sums, strict=True))
