"""Requests of research jobs: back-tests, optimisations and parameter searches.

Bodies of the ``/backtest/*`` and hyperopt routes and payloads of the job topics, one and the same.
Read by the gateway, which validates and publishes, and by the workers, which run them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from schemas.bounds import MAX_BARS, MAX_EQUITY, Number, Seed, Step, Text, Threshold, Ticker, TimeMs
from schemas.configs import ConfigUse
from schemas.exits import EXIT_NAMES, NO_EXITS, Exits, ExitsRejected
from schemas.ranges import Range, Spec, ThresholdRange, WindowRange

Indicator = Literal[
    "bollinger_z", "sma_distance", "ema_distance", "rsi", "roc", "min_max", "percentile_rank"
]
SignalType = Literal["momentum", "momentum_long", "reversion", "reversion_long"]
Column = Annotated[
    Literal["price", "open", "high", "low", "volume", "funding_rate"],
    BeforeValidator(lambda name: name.lower() if isinstance(name, str) else name),
]
Objective = Literal["sharpe", "sortino", "calmar", "total_return"]
Sampler = Literal["grid", "TPESampler", "RandomSampler", "CmaEsSampler"]

MONTH_S = 31 * 86_400
MAX_COMBINATIONS = 1_000_000  # a grid beyond is refused with its size
MAX_EXIT_SETS = 100_000  # beside factors


class Factor(Spec):
    """One factor of a multi-factor grid: an indicator of a column against a threshold."""

    indicator: Indicator = "bollinger_z"
    signal_type: SignalType = "momentum"
    data_column: Column = "price"
    window_range: WindowRange
    signal_range: ThresholdRange


class FixedFactor(Spec):
    """A factor at fixed parameters."""

    indicator: Indicator = "bollinger_z"
    signal_type: SignalType = "momentum"
    data_column: Column = "price"
    window: int = Field(ge=2, le=MAX_BARS)
    signal: Threshold


class Market(Spec):
    """Which bars, and what trading them costs."""

    symbol: Ticker
    timeframe: Literal["1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d"] | None = Field(
        default=None, description="A multiple of the stored bars; null: as stored"
    )
    from_ms: TimeMs | None = None
    to_ms: TimeMs | None = None
    fee_bps: float = Field(default=5.0, ge=0, le=1_000, description="Taker fee of one side")
    slippage_bps: float = Field(default=1.0, ge=0, le=1_000, description="Of one side")
    funding: bool = Field(default=True, description="Pay and earn the funding as it was settled")
    leverage: float = Field(default=1.0, ge=1e-6, le=125, description="Notional over equity")
    equity: float = Field(
        default=10_000.0, ge=0.01, le=MAX_EQUITY, description="Quote currency at the start"
    )
    exits: Exits | None = Field(
        default=None, description="Of every position; parameters of the same name replace them"
    )
    config: ConfigUse | None = Field(
        default=None, description="Filled in by the gateway: what is of the strategy's config"
    )
    log: bool = Field(default=False, description="Also as a run of MLflow, when it has ended")

    @model_validator(mode="after")
    def _not_empty(self) -> Market:
        if self.from_ms is not None and self.to_ms is not None and self.to_ms <= self.from_ms:
            raise ValueError(f"to_ms {self.to_ms} is not after from_ms {self.from_ms}")
        return self

    @property
    def fixed_exits(self) -> Exits:
        """The exits of the request itself."""
        return self.exits or NO_EXITS


def require_exits(fixed: Exits, space: Mapping[str, Range]) -> None:
    """Raise ExitsRejected for ranges of exits that no position can have beside the fixed ones."""
    for place in (0, 1, -1):  # the ends, and one with a step to it
        fixed.replaced({n: r.values[min(place, r.count - 1)] for n, r in space.items()})


class Grid(Market):
    """A market and the combinations to try on it: of factors, or of a shipped strategy."""

    mode: Literal["single", "multi"] = "single"
    indicator: Indicator = "bollinger_z"
    signal_type: SignalType = "momentum"
    data_column: Column = "price"
    window_range: WindowRange | None = None
    signal_range: ThresholdRange | None = None
    factors: tuple[Factor, ...] = Field(default=(), max_length=3)
    combine: Literal["all", "any"] = Field(
        default="all", description="Factors that must agree before a position is taken"
    )
    strategy: Text | None = Field(default=None, description="Of those shipped, instead of factors")
    space: dict[Text, Range] = Field(
        default_factory=dict,
        max_length=50,
        description=f"Parameters to try: the strategy's own, and {', '.join(EXIT_NAMES)} of any",
    )
    objective: Objective = "sharpe"

    @model_validator(mode="after")
    def _of_its_mode(self) -> Grid:
        single = self.window_range is not None or self.signal_range is not None
        if self.strategy is not None:
            if single or self.factors:
                raise ValueError("a strategy takes its ranges in space, and no factors")
        elif self.mode == "single":
            if self.window_range is None or self.signal_range is None:
                raise ValueError("mode 'single' needs window_range and signal_range")
            if self.factors:
                raise ValueError("mode 'single' takes no factors; use mode 'multi'")
        elif not self.factors:
            raise ValueError("mode 'multi' needs at least one of factors")
        elif single:
            raise ValueError("mode 'multi' takes its ranges inside factors")
        if self.strategy is None:
            self._require_exits_in_space()
        if self.combinations > MAX_COMBINATIONS:
            raise ValueError(
                f"the grid has {self.combinations:,} combinations, at most {MAX_COMBINATIONS:,} "
                "are run: widen a step or narrow a range"
            )
        return self

    def _require_exits_in_space(self) -> None:
        """Refuse a space beside factors that holds more than exits, or exits that cannot be."""
        if strange := sorted(set(self.space) - set(EXIT_NAMES)):
            raise ValueError(
                f"space has {', '.join(strange)}, expected {', '.join(EXIT_NAMES)} beside factors; "
                "other parameters belong to a strategy: name it in strategy"
            )
        if (sets := math.prod(r.count for r in self.space.values())) > MAX_EXIT_SETS:
            raise ValueError(
                f"space has {sets:,} sets of exits, at most {MAX_EXIT_SETS:,} are run: widen a step"
            )
        require_exits(self.fixed_exits, self.space)

    @property
    def all_factors(self) -> tuple[Factor, ...]:
        """The factors of either mode; none for a strategy."""
        if self.window_range is None or self.signal_range is None:
            return self.factors
        only = Factor(
            indicator=self.indicator,
            signal_type=self.signal_type,
            data_column=self.data_column,
            window_range=self.window_range,
            signal_range=self.signal_range,
        )
        return (only,)

    @property
    def combinations(self) -> int:
        """How many parameter sets the whole grid has."""
        factors = (f.window_range.count * f.signal_range.count for f in self.all_factors)
        return math.prod(factors) * math.prod(r.count for r in self.space.values())


class OptimizeSpec(Grid):
    """``POST /backtest/optimize``."""

    kind: Literal["optimize"] = "optimize"
    sampler: Sampler = Field(default="grid", description="grid: every combination")
    n_trials: int | None = Field(default=None, ge=1, le=MAX_COMBINATIONS)
    seed: Seed = 0
    png: bool = Field(default=False, description="Plots also as PNG, base64")
    cancel_on_disconnect: bool = True

    @property
    def trials(self) -> int:
        """How many parameter sets are tried."""
        return self.combinations if self.sampler == "grid" else (self.n_trials or 100)


class PerformanceSpec(Market):
    """``POST /backtest/performance``: fixed factors, or a shipped strategy with its parameters."""

    kind: Literal["performance"] = "performance"
    mode: Literal["single", "multi"] = "single"
    indicator: Indicator = "bollinger_z"
    signal_type: SignalType = "momentum"
    data_column: Column = "price"
    window: int | None = Field(default=None, ge=2, le=MAX_BARS)
    signal: Threshold | None = None
    factors: tuple[FixedFactor, ...] = Field(default=(), max_length=3)
    combine: Literal["all", "any"] = "all"
    strategy: Text | None = Field(default=None, description="Instead of factors")
    params: dict[Text, Number] = Field(default_factory=dict, max_length=50)
    participation: float | None = Field(
        default=None, ge=1e-9, le=1, description="Largest share of a bar's volume a fill may take"
    )
    png: bool = False
    trial_of: str | None = Field(
        default=None,
        max_length=100,
        description="The search whose trial this shows: lists of jobs leave it out",
    )

    @model_validator(mode="after")
    def _one_way(self) -> PerformanceSpec:
        single = self.window is not None and self.signal is not None
        ways = sum((single, bool(self.factors), self.strategy is not None))
        if ways != 1:
            raise ValueError(
                "give window and signal (mode 'single'), factors (mode 'multi') or strategy: "
                f"exactly one of them, got {ways}"
            )
        if self.strategy is None and (self.mode == "multi") != bool(self.factors):
            raise ValueError("mode 'multi' goes with factors, mode 'single' with window and signal")
        return self

    @property
    def all_factors(self) -> tuple[FixedFactor, ...]:
        """The factors of either mode; none for a strategy."""
        if self.window is None or self.signal is None:
            return self.factors
        only = FixedFactor(
            indicator=self.indicator,
            signal_type=self.signal_type,
            data_column=self.data_column,
            window=self.window,
            signal=self.signal,
        )
        return (only,)


class WalkForwardSpec(Grid):
    """``POST /backtest/walk-forward``: optimise on a window, trade the next one, move on."""

    kind: Literal["walk_forward"] = "walk_forward"
    scheme: Literal["rolling", "anchored"] = "rolling"
    train_bars: int | None = Field(
        default=None, ge=50, le=MAX_BARS, description="null: a third of the span"
    )
    test_bars: int | None = Field(
        default=None, ge=20, le=MAX_BARS, description="null: a ninth of the span"
    )
    purge_bars: int = Field(default=1, ge=0, le=MAX_BARS, description="Left out between the two")
    png: bool = False


Choice = Text | Number | bool


class Parameter(Spec):
    """One dimension of a search space."""

    type: Literal["float", "int", "categorical"]
    low: Number | None = None
    high: Number | None = None
    step: Step | None = None
    log: bool = False
    choices: tuple[Choice, ...] = Field(default=(), max_length=1_000)
    default: Choice | None = Field(default=None, description="Of a shipped strategy")
    group: Text | None = Field(default=None, description="Chosen together by spaces, e.g. buy")

    @model_validator(mode="after")
    def _consistent(self) -> Parameter:
        if self.type == "categorical":
            if not self.choices:
                raise ValueError("a categorical parameter needs choices")
            return self
        if self.choices:
            raise ValueError(f"choices belong to a categorical parameter, not to {self.type}")
        if self.low is None or self.high is None or self.low >= self.high:
            raise ValueError(f"expected low < high, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a log scale needs low > 0, got {self.low:g}")
        if self.log and self.step is not None:
            raise ValueError("a log scale takes no step")
        whole = (self.low, self.high, self.step or 1.0)
        if self.type == "int" and any(v != int(v) for v in whole):
            raise ValueError("an int parameter has whole low, high and step")
        return self


def require_searched_exits(fixed: Exits, searched: Mapping[str, Parameter]) -> None:
    """Raise ExitsRejected for a search of exits that no position can have beside the fixed ones."""
    edges: dict[str, list[float]] = {}
    for name, parameter in searched.items():
        values = parameter.choices or (parameter.low, parameter.high)
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        fraction = name == "hold_bars" and parameter.type == "float"
        if len(numbers) != len(values) or fraction:
            kind = "a whole number" if fraction else "a number"
            got = "float" if fraction else ", ".join(map(str, values))
            raise ExitsRejected(f"parameter {name} is {kind}, got {got}")
        edges[name] = sorted(numbers)
    for place in (0, -1):
        fixed.replaced({name: values[place] for name, values in edges.items()})


Objectives = Annotated[
    tuple[Objective, ...],
    Field(min_length=1, max_length=3),
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
]


class Preset(Spec):
    """How long and where to search, by name, as a strategy's config has it."""

    epochs: int | None = Field(default=None, ge=1, le=100_000)
    spaces: tuple[Text, ...] = Field(default=(), max_length=50)
    loss_function: Objectives | None = None
    walk_forward: bool = Field(
        default=False, description="Only says that it does: every trial runs over windows"
    )


class Optimization(Spec):
    """The ``optimization`` part of a strategy's config."""

    defaults: Preset = Preset()
    presets: dict[Text, Preset] = Field(default_factory=dict, max_length=50)


class TuningSpec(Market):
    """``POST /api/v1/hyperopt``: search a strategy's parameters with Optuna."""

    kind: Literal["hyperopt"] = "hyperopt"
    strategy_name: Text = Field(min_length=1)
    symbol: Ticker = "BTCUSDT"
    n_trials: int | None = Field(
        default=None, ge=1, le=100_000, description="null: the epochs of the preset, or 100"
    )
    sampler: Literal["TPESampler", "RandomSampler", "CmaEsSampler", "NSGAIISampler"] = "TPESampler"
    param_space: dict[Text, Parameter] = Field(
        default_factory=dict, max_length=50, description="Empty: the strategy's own"
    )
    loss_function: Objectives | None = Field(
        default=None, description="null: the preset's, or sharpe. Several: NSGA-II only"
    )
    spaces: tuple[Text, ...] = Field(
        default=(), max_length=50, description="Groups of the strategy's parameters"
    )
    preset: Text | None = Field(
        default=None, description="quick, standard, production, or one of optimization.presets"
    )
    optimization: Optimization | None = Field(
        default=None, description="Of the strategy's config; null: the presets as documented"
    )
    pruning: bool = Field(default=False, description="Stop a trial that is poor on early windows")
    windows: int = Field(
        default=4, ge=1, le=50, description="Of each trial, at most; each has 10 days or more"
    )
    batch: int = Field(
        default=1,
        ge=1,
        le=32,
        description="Trials asked for and evaluated at a time, by each worker",
    )
    seed: Seed | None = 0
    timeout_s: float | None = Field(default=None, ge=0.001, le=MONTH_S)

    @model_validator(mode="after")
    def _several_objectives(self) -> TuningSpec:
        several = self.loss_function is not None and len(self.loss_function) > 1
        if several and self.sampler != "NSGAIISampler":
            raise ValueError("several loss_function need the sampler NSGAIISampler")
        if several and self.pruning:
            raise ValueError("pruning needs one loss_function")
        return self


ResearchSpec = Annotated[
    OptimizeSpec | PerformanceSpec | WalkForwardSpec, Field(discriminator="kind")
]
