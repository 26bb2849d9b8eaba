"""What ideas are worth on simulated markets whose edge is known: from tables to results."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from schemas.ideas import IdeaEvent
from schemas.predictions import ClassProbabilities
from schemas.record import Record
from schemas.signals import ScoredSignal
from schemas.trades import TradeResult
from streams.ideas.processor import PROCESSOR as IDEAS
from streams.processor import Changes, StateRef, fold
from streams.scoring.processor import PROCESSOR as SCORING
from streams.signals.processor import PROCESSOR as SIGNALS
from tests.build import market_context, prediction
from workers.models.calibration import CalibrationLookup, CalibrationTables, ProbabilityTable
from workers.training.calibration_tables import return_table

HORIZON, PERSISTENCE, DEVIATION = 15, 0.97, 1e-3
LEARNT, MARKETS, BARS = 8_000, 10, 600
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


def learnt(rng, edge):
    """Tables from a past of the same kind of market."""
    lean, opened, _, _, close = market(rng, LEARNT, edge)
    bars = np.arange(LEARNT - HORIZON - 1)
    forward = close[bars + HORIZON] / opened[bars + 1] - 1.0
    table = return_table(lean[bars], forward, bars // (8 * HORIZON))
    return CalibrationLookup(CalibrationTables(sell=ANY, neutral=ANY, buy=ANY, returns=table))


def outputs(rng, edge):
    """What the chain writes of a market of 600 bars, by record type."""
    tables = learnt(rng, edge)
    states: dict[StateRef, Record] = {}
    made: dict[type[Record], list[Any]] = defaultdict(list)
    for bar, (lean, *prices) in enumerate(zip(*market(rng, BARS, edge), strict=True)):
        buy = (0.98 + float(np.clip(lean, -0.9, 0.9))) / 2.0
        chances = ClassProbabilities(sell=0.98 - buy, neutral=0.02, buy=buy)
        opened, high, low, close = map(float, prices)
        asked = prediction(
            bar,
            probabilities=(chances.sell, chances.neutral, chances.buy),
            context=market_context(
                open=opened, high=high, low=low, close=close, natr=1.6 * DEVIATION
            ),
            expected_return=tables.expected_return(chances),
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
