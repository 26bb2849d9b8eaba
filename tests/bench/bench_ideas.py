"""What ideas cost a bar beside the chain that they are fused with: the share that they may add.

A bar is a prediction as bytes; outputs leave as bytes, and so do the states that it has changed, as
in a transaction of one bar. Drift watches the model in both. The peer is the same chain without
ideas. There are two markets: one as recorded bars and the default simulator have been, in which no
call is worth its costs, and one in which every third is, so that an idea runs most of the time.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence

from schemas.ideas import IdeaEvent, SuppressedTotals
from schemas.predictions import Prediction
from schemas.record import Record
from streams.ideas.processor import PROCESSOR as IDEAS
from streams.processor import Changes, Processor, fold
from streams.topology import CHAINS
from tests.bench.race import Entry, race
from tests.build import drift_reference, expected_returns, market_context, prediction

BARS = 1_500  # the window of ranks is full after a thousand
SHARE = 0.1
MARKETS = {"no call is worth its costs": 0, "every third call is": 3}


def rows() -> list[dict[str, object]]:
    """Run the races; an AssertionError means that the chain made other ideas than it should."""
    (chain,) = (chain.processors for chain in CHAINS if IDEAS in chain.processors)
    without = tuple(processor for processor in chain if processor is not IDEAS)
    return [_race(chain, without, market, every) for market, every in MARKETS.items()]


def _race(
    chain: Sequence[Processor], without: Sequence[Processor], market: str, every: int
) -> dict[str, object]:
    encoded = [bar.encode() for bar in walk(every)]
    made = run(chain, encoded)
    assert made[IdeaEvent] > BARS / 6 if every else made[IdeaEvent] == 0, made[IdeaEvent]
    assert made[SuppressedTotals] > BARS / 2
    others = {kind: count for kind, count in made.items() if kind not in IDEAS_WRITE}
    assert run(without, encoded) == others
    return race(
        f"signals chain of one bar with ideas, at most {1 + SHARE:g} of it without: {market}",
        "signals chain without ideas",
        round(1 / (1 + SHARE), 2),
        Entry(lambda _: run(chain, encoded), 3, time.process_time),
        Entry(lambda _: run(without, encoded), 3, time.process_time),
    )


IDEAS_WRITE = frozenset(topic.record for topic in IDEAS.writes)


def walk(every: int) -> list[Prediction]:
    """Return the predictions of a random walk; one in ``every`` is worth its costs, 0: none."""
    chance, price, bars = random.Random(4), 100.0, []
    for minute in range(BARS):
        opened, price = price, price * (1.0 + chance.gauss(0.0, 0.001))
        high, low = max(opened, price) * 1.0005, min(opened, price) * 0.9995
        low_bound = 0.003 if every and minute % every == 0 else -0.001
        bars.append(
            prediction(
                minute,
                probabilities=(0.05, 0.05, 0.9) if chance.random() < 0.5 else (0.9, 0.05, 0.05),
                context=market_context(open=opened, close=price, high=high, low=low),
                expected_return=expected_returns(low_bound, low_bound + chance.random() / 100),
            )
        )
    return bars


def run(chain: Sequence[Processor], encoded: Sequence[bytes]) -> Counter[type[Record]]:
    """Do what a chain does with each bar in a transaction of its own; count the outputs."""
    watched = Changes()
    fold(chain, {}, drift_reference(), watched)
    states = dict(watched.states)
    made: Counter[type[Record]] = Counter()
    for raw in encoded:
        changes = Changes()
        fold(chain, states, Prediction.decode(raw), changes)
        states.update(changes.states)
        for record in (*changes.outputs, *changes.states.values()):
            record.encode()
        made.update(map(type, changes.outputs))
    return made
