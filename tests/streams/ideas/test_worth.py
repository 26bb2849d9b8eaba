"""What ideas are worth on simulated markets whose edge is known: from tables to results."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from schemas.ideas import IdeaEvent
from schemas.predictions import ClassProbabilities
from schemas.record import Record
from schemas.signals import ScoredSignal
from schemas.timeframes import MINUTE_MS
from schemas.trades import TradeResult
from streams.costs import DEFAULT_COSTS
from streams.ideas.processor import PROCESSOR as IDEAS
from streams.processor import Changes, StateRef, fold
from streams.scoring.processor import PROCESSOR as SCORING
from streams.signals.processor import PROCESSOR as SIGNALS
from tests.build import market_context, prediction
from workers.models.calibration import CalibrationLookup, CalibrationTables, ProbabilityTable
from workers.training.dataset import FeatureSeries
from workers.training.idea_returns import idea_returns
from workers.training.return_tables import return_table

HORIZON, PERSISTENCE, DEVIATION = 15, 0.97, 1e-3
LEARNT, MARKETS, BARS = 8_000, 10, 600
NATR = 1.6 * DEVIATION
COST = DEFAULT_COSTS.round_trip
EDGE = 2e-3  # mean return of a bar for a lean of 1
ANY = ProbabilityTable(edges=(), low=(0.0,), high=(1.0,))


def market(rng, bars, edge):
    """Leans that persist, and bars whose mean return is ``edge`` times the lean before them."""
    from scipy.signal import lfilter

    noise = rng.normal(size=bars + 400)
    lean = 0.1 * lfilter([math.sqrt(1 - PERSISTENCE**2)], [1.0, -PERSISTENCE], noise)[400:]
    returns = DEVIATION * rng.standard_t(4, bars) / math.sqrt(2.0)
    returns[1:] += edge * lean[:-1]
    close = 100.0 * np.exp(returns.cumsum())
    opened = np.concatenate(([100.0], close[:-1]))
    reach = np.abs(rng.normal(0.0, DEVIATION / 2, (2, bars)))
    high = np.maximum(opened, close) * (1.0 + reach[0])
    low = np.minimum(opened, close) * (1.0 - reach[1])
    return lean, opened, high, low, close


def earned(lean, opened, high, low, close):
    """Leans of the bars whose ideas end in the market, and what those earn, long and short."""
    count = len(close)
    series = FeatureSeries(
        symbol="BTCUSDT",
        timeframe_ms=MINUTE_MS,
        names=(),
        times=MINUTE_MS * np.arange(count),
        rows=np.empty((count, 0)),
        observed=np.empty((count, 0)),
        open=opened,
        high=high,
        low=low,
        close=close,
        natr=np.full(count, NATR),
        funding=np.zeros(count),
    )
    return lean[:-HORIZON], idea_returns(series, HORIZON)[:-HORIZON]


def learnt(rng, edge):
    """Tables from a past of the same kind of market."""
    lean, results = earned(*market(rng, LEARNT, edge))
    blocks = np.arange(len(lean)) // (8 * HORIZON)
    long, short = (return_table(s * lean, results[:, n], blocks) for n, s in enumerate((1, -1)))
    tables = CalibrationTables(sell=ANY, neutral=ANY, buy=ANY, returns=long, short_returns=short)
    return CalibrationLookup(tables)


def chances(lean):
    buy = (0.98 + float(np.clip(lean, -0.9, 0.9))) / 2.0
    return ClassProbabilities(sell=0.98 - buy, neutral=0.02, buy=buy)


def outputs(rng, edge):
    """What the chain writes of a market of 600 bars, by record type."""
    tables = learnt(rng, edge)
    states: dict[StateRef, Record] = {}
    made: dict[type[Record], list[Any]] = defaultdict(list)
    for bar, (lean, *prices) in enumerate(zip(*market(rng, BARS, edge), strict=True)):
        said = chances(lean)
        opened, high, low, close = map(float, prices)
        asked = prediction(
            bar,
            probabilities=(said.sell, said.neutral, said.buy),
            context=market_context(open=opened, high=high, low=low, close=close, natr=NATR),
            expected_return=tables.expected_return(said),
        )
        changes = Changes()
        fold((SIGNALS, SCORING, IDEAS), states, asked, changes)
        states |= changes.states
        for record in changes.outputs:
            made[type(record)].append(record)
    return made


def test_ideas_earn_what_was_expected_of_them_and_more_than_every_directional_signal():
    gains: list[float] = []
    ideas: list[float] = []
    expected: list[float] = []
    for seed in range(MARKETS):
        made = outputs(np.random.default_rng(seed), EDGE)
        calls = [s.net_return for s in made[ScoredSignal] if s.net_return is not None]
        results = [result.net_return for result in made[TradeResult]]
        expected += [result.expected_net_return.mean for result in made[TradeResult]]
        ideas += results
        gains.append(np.mean(results) - np.mean(calls))

    reach = 2.26 * np.std(gains, ddof=1) / math.sqrt(MARKETS)  # t of nine degrees, 95 %
    assert len(ideas) > 200
    assert np.mean(gains) - reach > 0.0
    assert abs(np.mean(ideas) - np.mean(expected)) < 5e-4


def test_a_market_without_an_edge_opens_next_to_no_idea():
    decided = [
        event
        for seed in range(MARKETS)
        for event in outputs(np.random.default_rng(seed), 0.0)[IdeaEvent]
        if event.action == "decided"
    ]

    assert len(decided) < 0.01 * MARKETS * BARS


@pytest.mark.parametrize(("edge", "markets"), [(1e-3, 400), (2e-3, 150), (4e-3, 150), (8e-3, 150)])
def test_bounds_hold_the_mean_result_of_the_ideas_that_were_chosen_by_them(edge, markets):
    lean, results = earned(*market(np.random.default_rng(99), 400_000, edge))
    both_sides = np.concatenate((lean, -lean)), results.T.reshape(-1)
    truth = np.polynomial.Polynomial.fit(*both_sides, 5)
    chosen, means = [], []
    for seed in range(markets):
        rng = np.random.default_rng((seed, 1))
        tables, bounds_of_market = learnt(rng, edge), []
        for each in market(rng, BARS, edge)[0][::HORIZON]:
            expected = tables.expected_return(chances(each))
            assert expected is not None
            bounds = expected.long if each > 0.0 else expected.short
            if bounds.low > COST:
                bounds_of_market.append((bounds.low, truth(abs(each)), bounds.high))
        if bounds_of_market:
            chosen += bounds_of_market
            means.append(np.mean(bounds_of_market, axis=0))

    single, whole = (np.mean((np.diff(rows) >= 0.0).all(axis=1)) for rows in (chosen, means))
    assert len(chosen) > 500
    assert 0.87 <= single <= 0.93  # 90 % at all scores together
    assert whole >= 0.9  # the mean of a market's ideas
