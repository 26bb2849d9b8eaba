"""What decides about models, as values of a strategy's ACTIVE config, and which of them decided.

Written by ``streams.configs``; read by ``streams.promotion`` and ``workers.training``. Thresholds
stand here alone: trainings report them, registrations ask for them, comparisons decide by them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from schemas.bounds import Number
from schemas.configs import ConfigId, StrategyName
from schemas.gates import GateFigure, Rule
from schemas.record import Milliseconds, Probability, Record, Timeframe
from schemas.specialists import SpecialistPolicy
from schemas.variants import TrainingPolicy

Percent = Annotated[float, Field(ge=0.0, le=100.0)]
Hours = Annotated[float, Field(gt=0.0, le=87_600.0)]
Days = Annotated[float, Field(gt=0.0, le=36_500.0)]
Trades = Annotated[int, Field(ge=0, le=1_000_000_000)]
MinTrades = Annotated[int, Field(ge=2, le=1_000_000)]
SignificanceLevel = Annotated[float, Field(gt=0.0, lt=1.0)]
ComparedName = Literal["total_profit", "sharpe_ratio", "max_drawdown", "win_rate", "total_trades"]


class RegistrationPolicy(Record):
    """What a model should reach before it is registered; a training reports it."""

    min_sharpe_ratio: Number = 1.0
    min_profit_factor: Number = 1.5
    max_drawdown_pct: Percent = 20.0
    min_total_trades: Trades = 50
    min_win_rate: Percent = Field(default=40.0, description="Percent")


class ComparisonPolicy(Record):
    """How a challenger must do beside the champion, on the same rows."""

    min_total_profit: Number = Field(default=0.0, description="Fraction; it must lie above")
    min_sharpe_ratio: Number = 0.5
    max_drawdown_pct: Percent = 30.0
    min_win_rate: Percent = Field(default=40.0, description="Percent")
    min_total_trades: Trades = 10
    required: tuple[ComparedName, ...] = Field(
        default=("total_profit", "sharpe_ratio", "max_drawdown", "total_trades"),
        description="Metrics with which a challenger is kept out where they fail; others inform",
    )
    level: float = Field(
        default=0.95, ge=0.5, lt=1.0, description="Of the interval of the gain in log-loss"
    )


class ChallengePolicy(Record):
    """When a challenge between two models is decided, and what follows."""

    min_trades: MinTrades = Field(default=100, description="Of each variant")
    significance_level: SignificanceLevel = Field(
        default=0.05, description="Of all challenges of a strategy together"
    )
    deadline_hours: Hours = Field(
        default=720.0, description="Wall clock; without a decision the champion is kept"
    )
    automatic: bool = Field(
        default=False, description="A challenger that has won is promoted without being asked"
    )


class GatesPolicy(Record):
    """By what models are judged."""

    edge_level: float = Field(
        default=0.01,
        gt=0.0,
        le=0.5,
        description="A model qualifies where the p-value of no edge lies below",
    )
    min_deflated_sharpe_ratio: Probability = Field(default=0.95, description="Reported alone")
    registration: RegistrationPolicy = RegistrationPolicy()
    comparison: ComparisonPolicy = ComparisonPolicy()
    challenge: ChallengePolicy = ChallengePolicy()


class RetrainingPolicy(Record):
    """When models are trained again; all times are market time."""

    schedule_days: Days | None = Field(
        default=None, description="After the last training another is due; null: no schedule"
    )
    max_age_days: Days | None = Field(
        default=None, description="Since the registration; null: as drift.max_age_days says"
    )
    cooldown_hours: Annotated[float, Field(ge=0.0, le=87_600.0)] = Field(
        default=6.0, description="Between two retrainings, at least"
    )
    monthly_budget: Annotated[int, Field(ge=0, le=100_000)] = Field(
        default=20, description="Retrainings within 30 days, at most"
    )
    max_rejected: Annotated[int, Field(ge=1, le=1_000)] = Field(
        default=2, description="So many challengers in a row that are kept out open the circuit"
    )
    deadline_hours: Hours = Field(
        default=24.0, description="A training is given up after it, by market and by wall clock"
    )
    queue_deadline_hours: Hours = Field(
        default=168.0, description="A cause that has waited longer for its training is dropped"
    )


class ModelPolicy(Record):
    """What decides about a strategy's models of a timeframe, from a market time on."""

    strategy: StrategyName
    timeframe_ms: Timeframe
    config_id: ConfigId
    event_time_ms: Milliseconds = Field(description="Market time from which it counts")
    gates: GatesPolicy
    retraining: RetrainingPolicy
    specialists: SpecialistPolicy
    training: TrainingPolicy = TrainingPolicy()


class PolicyDecision(Record):
    """By which config something was decided, each threshold with the value that was found."""

    config_id: ConfigId | None = Field(description="Null: no config was known, so the defaults")
    figures: tuple[GateFigure, ...] = ()


class GatesUsed(Record):
    """The policy by which a training judged its model."""

    config_id: ConfigId | None = Field(description="Null: no config was known, so the defaults")
    gates: GatesPolicy


class PolicyFigure(NamedTuple):
    """Which figure a threshold of a policy is about.

    Attributes:
        figure: Of a model's reports.
        rule: How the figure must lie.
        scale: The threshold in units of the figure: 100 where percent stand beside a fraction.
        weight: For people.
    """

    figure: str
    rule: Rule
    scale: float = 1.0
    weight: Literal["high", "medium", "low"] = "medium"


REGISTRATION: Mapping[str, PolicyFigure] = {
    "min_sharpe_ratio": PolicyFigure("sharpe_ratio", "at_least"),
    "min_profit_factor": PolicyFigure("profit_factor", "at_least"),
    "max_drawdown_pct": PolicyFigure("max_drawdown", "at_most", 100.0),
    "min_total_trades": PolicyFigure("total_trades", "at_least"),
    "min_win_rate": PolicyFigure("win_rate", "at_least", 100.0),
}
COMPARISON: Mapping[str, PolicyFigure] = {
    "min_total_profit": PolicyFigure("total_profit", "above", 1.0, "high"),
    "min_sharpe_ratio": PolicyFigure("sharpe_ratio", "at_least", 1.0, "high"),
    "max_drawdown_pct": PolicyFigure("max_drawdown", "at_most", 100.0, "medium"),
    "min_win_rate": PolicyFigure("win_rate", "at_least", 100.0, "medium"),
    "min_total_trades": PolicyFigure("total_trades", "at_least", 1.0, "low"),
}


def thresholds(policy: Record, table: Mapping[str, PolicyFigure]) -> dict[str, Any]:
    """Return by key of a policy the threshold in the unit of its figure."""
    return {key: float(getattr(policy, key)) / row.scale for key, row in table.items()}


def policy_at(policies: Sequence[ModelPolicy], market_ms: int) -> ModelPolicy | None:
    """Return the policy that counts at a market time; before the first that one does.

    Args:
        policies: Of one strategy and timeframe, oldest first.
        market_ms: Of what is decided.
    """
    known = [policy for policy in policies if policy.event_time_ms <= market_ms]
    return known[-1] if known else next(iter(policies), None)
