"""Labels that belong to other bars: the same training passes its gates on none of them.

With 0 of 59, at most 5 % of such label sets pass, with 95 % confidence (0.95 ** 59 < 0.05).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fakes.training_markets import SMALL, market
from tests.narrow import known
from tests.workers.training.test_train import REQUEST, quiet
from workers.training import regime_evidence
from workers.training.dataset import FeatureSeries
from workers.training.table import build_table
from workers.training.train import BLOCK_HORIZONS, TrainedModel, train

BARS = 1_200
BLOCK = BLOCK_HORIZONS * SMALL.labels.horizon_bars  # bars: longer than any label
STATISTICAL = ("log_loss_below_prior", "edge_beyond_chance")
Order = NDArray[np.int64]


def label_order(number: int) -> Order:
    """Even numbers shift all bars around the circle, odd ones shuffle blocks of them."""
    rng = np.random.default_rng(10_000 + number)
    bars = np.arange(BARS)
    if number % 2 == 0:
        return np.roll(bars, int(rng.integers(4 * BLOCK, BARS - 4 * BLOCK)))
    blocks = np.arange(BARS // BLOCK)
    order = rng.permutation(blocks)
    while (order == blocks).any():  # none stays where it was
        order = rng.permutation(blocks)
    return np.concatenate([bars[k * BLOCK : (k + 1) * BLOCK] for k in order])


def relabelled(series: Mapping[str, FeatureSeries], order: Order) -> dict[str, FeatureSeries]:
    """Give every bar the moves of another one, the same for all symbols; features stay."""

    def moved(one: FeatureSeries) -> FeatureSeries:
        before = np.concatenate((one.open[:1], one.close[:-1]))
        close = one.close[0] * np.cumprod((one.close / before)[order])
        opened = np.concatenate((one.close[:1], close[:-1])) * (one.open / before)[order]
        return replace(one, open=opened, close=close)

    return {symbol: moved(one) for symbol, one in series.items()}


def trained_on(number: int) -> TrainedModel:
    return train(
        REQUEST, relabelled(market(edge=0.5, bars=BARS), label_order(number)), SMALL, quiet
    )


@pytest.fixture(autouse=True)
def short_simulation(monkeypatch: Any) -> None:
    monkeypatch.setattr(regime_evidence, "SIMULATED_BARS", 6_000)


@pytest.mark.parametrize("number", range(3))
def test_labels_of_other_bars_never_pass_the_gates(number):
    model = trained_on(number)

    assert not all(model.gates[gate] for gate in STATISTICAL)
    assert model.metrics.log_loss == pytest.approx(model.metrics.prior_log_loss, abs=0.05)


def test_other_labels_are_those_of_the_market_in_another_order():
    series = market(edge=0.5, bars=BARS)
    ours = build_table(series, SMALL.labels, SMALL.lstm.window).classes
    for number in (0, 1):
        order = label_order(number)
        theirs = build_table(relabelled(series, order), SMALL.labels, SMALL.lstm.window).classes

        assert sorted(order.tolist()) == list(range(BARS))
        first = BARS - SMALL.labels.horizon_bars
        expected, found = ours[:BARS][order][:first], theirs[:first]
        # Labels that reach over a seam are new ones.
        seams = 1 + (BARS // BLOCK if number else 1)
        assert (expected != found).sum() <= seams * (SMALL.labels.horizon_bars + 1)


@pytest.mark.audit
def test_none_of_59_label_sets_passes(capsys):
    models = [trained_on(number) for number in range(59)]

    passes = {gate: sum(model.gates[gate] for model in models) for gate in STATISTICAL}
    qualified = [n for n, m in enumerate(models) if all(m.gates[gate] for gate in STATISTICAL)]
    edges = [known(m.metrics.prior_log_loss) - known(m.metrics.log_loss) for m in models]
    said = (
        f"{len(qualified)} of {len(models)} random label sets pass; by gate {passes}; edge from "
        f"{min(edges):+.4f} to {max(edges):+.4f} nats, mean {np.mean(edges):+.4f}"
    )
    with capsys.disabled():
        print(f"\n{said}")  # noqa: T201 - the audit's result
    assert qualified == []
