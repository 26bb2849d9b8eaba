"""Outcome of one signal: label, return after costs, proper scores of its probabilities."""

from __future__ import annotations

import math
from dataclasses import dataclass

from schemas.predictions import ClassProbabilities
from schemas.signals import Direction
from streams.costs import DEFAULT_COSTS, Label, direction_sign, funding_paid, label_return

CLASSES: tuple[Label, ...] = ("sell", "neutral", "buy")
SMALLEST = 1e-12  # keeps a log finite when a model was certain and wrong


@dataclass(frozen=True)
class SignalOutcome:
    """Returns and costs as fractions of notional, in the signal's direction."""

    label: Label
    gross_return: float
    cost: float
    funding: float

    @property
    def net_return(self) -> float:
        """Return after fees, slippage and funding."""
        return self.gross_return - self.cost - self.funding


def signal_outcome(
    direction: Direction,
    prices: tuple[float, float],
    threshold: float,
    funding_rates: tuple[float, ...],
    round_trip: float = DEFAULT_COSTS.round_trip,
) -> SignalOutcome:
    """Return the outcome of holding a direction from the next open to the horizon's close.

    Args:
        direction: A neutral signal holds nothing: no return, no cost.
        prices: (entry: open of the bar after the signal, exit: close at expiry), > 0.
        threshold: Return that makes the label buy or sell, a fraction.
        funding_rates: Rate of each settlement while the position was open.
        round_trip: Fees and slippage of both sides, a fraction of notional.
    """
    entry, exit_ = prices
    forward = exit_ / entry - 1.0
    side = direction_sign(direction)
    return SignalOutcome(
        label=label_return(forward, threshold),
        gross_return=side * forward + 0.0,  # a fall times zero is -0.0
        cost=round_trip if side else 0.0,
        funding=sum(funding_paid(direction, rate) for rate in funding_rates),
    )


def brier_score(chances: ClassProbabilities, label: Label) -> float:
    """Return the multiclass Brier score in [0, 2] (Brier, 1950)."""
    return math.fsum((getattr(chances, name) - (name == label)) ** 2 for name in CLASSES)


def log_loss(chances: ClassProbabilities, label: Label) -> float:
    """Return minus the natural log of the probability of the true label."""
    return -math.log(max(getattr(chances, label), SMALLEST))
