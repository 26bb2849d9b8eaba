"""What a trial is worth: one strategy at some parameters over walk-forward windows.

The last fifth of the bars is the holdout: no trial sees it, and the best is run on it once. The
rest is cut into windows of equal length. A strategy decides from the first bar on, so that every
window but the first starts warm; each window starts flat with its own equity.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.exits import NO_EXITS, Exits
from schemas.research import Market, Objective
from streams.evaluation.metrics import (
    calmar_ratio,
    equity_curve,
    sharpe_ratio,
    sortino_ratio,
    total_return,
)
from workers.bars.arrays import Bars
from workers.research.fills import DecidedExits
from workers.research.outcome import (
    SimulatedAccount,
    covered_days,
    require_span,
    simulate_account,
)
from workers.studies.trial_pool import Params, Scores

Vector = NDArray[np.float64]
Decide = Callable[[Bars, Mapping[str, Any]], Vector]

HOLDOUT = 0.2  # share of the bars
WINDOW_DAYS = 10  # fewer daily returns carry no Sharpe ratio worth comparing
LEAST_DAYS = 5  # of all bars; below, one window and a holdout have no Sharpe ratio at all

METRICS: Mapping[Objective, Callable[[Vector], float | None]] = {
    "sharpe": sharpe_ratio,
    "sortino": sortino_ratio,
    "calmar": lambda returns: calmar_ratio(equity_curve(returns)),
    "total_return": lambda returns: total_return(equity_curve(returns)),
}


@dataclass(frozen=True)
class Split:
    """Where the windows and the holdout lie, in bars."""

    windows: tuple[slice, ...]
    holdout: slice

    @property
    def in_sample(self) -> slice:
        """All windows together."""
        return slice(0, self.holdout.start)


def split_bars(bars: Bars, windows: int) -> Split:
    """Cut bars into a holdout and up to so many windows of ``WINDOW_DAYS`` days or more.

    Bars that are too few for that make fewer windows, at least one.

    Raises: ValueError when the bars cover fewer than ``LEAST_DAYS`` days.
    """
    require_span(bars, LEAST_DAYS, "tuning over a window and a holdout")
    days = covered_days(bars) * (1.0 - HOLDOUT)
    windows = max(min(windows, int(days / WINDOW_DAYS + 1e-9)), 1)
    seen = int(len(bars) * (1.0 - HOLDOUT))
    edges = np.linspace(0, seen, windows + 1).astype(int).tolist()
    parts = tuple(slice(a, b) for a, b in itertools.pairwise(edges))
    return Split(parts, slice(seen, len(bars)))


@dataclass
class WindowScorer:
    """Scores a strategy's parameters on the windows; can be sent to other processes.

    Attributes:
        bars: Without the holdout.
        windows: Parts of them.
        decide: The strategy: decisions at each close from bars up to it.
        fixed: Parameters that are not searched.
        market: Costs.
        objectives: One score each.
        exits: Those that are not searched.
        searched_exits: Names of the parameters that are exits.
    """

    bars: Bars
    windows: tuple[slice, ...]
    decide: Decide
    fixed: Params
    market: Market
    objectives: tuple[Objective, ...]
    exits: Exits = NO_EXITS
    searched_exits: frozenset[str] = frozenset()
    _decided: tuple[Params, Vector] | None = field(default=None, repr=False)

    def __call__(self, params: Params, windows: Sequence[int]) -> list[Scores] | str:
        """Return the scores of some windows; a reason where the parameters make no run.

        A metric without a value, of a window without trades, counts 0: as cash.
        """
        try:
            runs = [self.account(params, window) for window in windows]
        except ValueError as impossible:
            return str(impossible)
        return [
            tuple(METRICS[name](run.returns) or 0.0 for name in self.objectives) for run in runs
        ]

    def account(self, params: Params, window: int) -> SimulatedAccount:
        """Return the run of one window.

        Raises: ValueError when the parameters make no run.
        """
        own = self._own(params)
        if self._decided is None or self._decided[0] != own:
            self._decided = own, self.decide(self.bars, own)
        return self.run(self.bars, self._decided[1], params, self.windows[window])

    def target(self, bars: Bars, params: Params) -> Vector:
        """Return the decisions at every close of some bars; raises ValueError as ``account``."""
        return self.decide(bars, self._own(params))

    def run(self, bars: Bars, target: Vector, params: Params, part: slice) -> SimulatedAccount:
        """Return the run of decisions on a part of some bars, with the exits of the parameters."""
        searched = {name: params[name] for name in self.searched_exits}
        exits = DecidedExits((self.exits.replaced(searched),))
        return simulate_account(bars[part], target[part], self.market, exits=exits)

    def _own(self, params: Params) -> dict[str, Any]:
        """Return the strategy's own parameters, those that are fixed among them."""
        own = {name: v for name, v in params.items() if name not in self.searched_exits}
        return {**self.fixed, **own}

    def returns(self, params: Params) -> Vector:
        """Return the daily returns of all windows, one after the other."""
        runs = [self.account(params, window).returns for window in range(len(self.windows))]
        return np.concatenate(runs)
