"""Fits the regime filter: one pooled hidden Markov model from many starts, with lasting names.

One model is fitted over all symbols, because a single symbol has too few changes of regime. Each
symbol is standardised by the moments of its training bars.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.optimize import linear_sum_assignment

from schemas.regimes import RegimeParameters, Triple
from streams.regimes.hamilton import (
    Array,
    hamilton_filter,
    packed_filter,
    stationary_distribution,
)
from workers.training.baum_welch import (
    STATES,
    EmFit,
    HiddenMarkovModel,
    ObservationSequences,
    expectation_step,
    run_em,
)

Family = Literal["gaussian", "student_t"]

# What the filter sees of a bar. Volatility over 20 bars separates regimes best, and the distance
# from the 200-bar mean gives them a direction. Single returns show no drift. The mark price's
# distance from the close leans against bulls and bears; some sources lack it.
OBSERVATIONS = ("garman_klass_volatility_20", "sma_distance_200", "mark_basis")

SMALLEST_OCCUPANCY = 0.05  # share of the bars; a rarer state collects outliers, it is no regime
SHORTEST_DWELL_BARS = 5.0  # expected; a shorter one is noise, not a regime
STARTING_FREEDOM = 8.0
CLUSTERED_ROWS = 4_000  # enough to place three centres


@dataclass(frozen=True)
class SymbolBars:
    """The training bars of one symbol, in order.

    Attributes:
        observations: Features that the filter will read, shape (T, D), NaN where null.
        log_returns: Of the same bars, shape (T,), NaN where null; they name the states.
    """

    observations: Array
    log_returns: Array


@dataclass(frozen=True)
class RegimePlan:
    """How to search; the defaults are those of the first model."""

    family: Family = "student_t"
    starts: int = 10
    trial_iterations: int = 12  # for every start; then the finalists go on
    finalists: int = 2
    iterations: int = 150
    tolerance: float = 1e-5  # nats per bar and iteration
    seed: int = 0


@dataclass(frozen=True)
class Moments:
    """Mean and deviation of each observation over the training bars of one symbol."""

    centre: Array
    spread: Array


@dataclass(frozen=True)
class RegimeFit:
    """A fitted model; states are bull, bear, sideways.

    Attributes:
        names: Features it reads, D of them.
        moments: By symbol.
        model: In standardised units.
        log_likelihood_per_bar: On the training bars, standardised units, nats.
        occupancy: Share of training bars by filtered posterior.
        dwell_bars: Expected stay in each state.
        alignment: Share of training bars to which the previous parameters give the same state;
            None without previous parameters of the same observations.
        healthy: No state is rarer than a regime, or shorter.
    """

    names: tuple[str, ...]
    family: Family
    moments: Mapping[str, Moments]
    model: HiddenMarkovModel
    log_likelihood_per_bar: float
    occupancy: Triple
    dwell_bars: Triple
    alignment: float | None
    iterations: int
    converged: bool
    healthy: bool

    def parameters(
        self, symbol: str, timeframe_ms: int, fitted_to_ms: int, *, model_version: str = "unnamed"
    ) -> RegimeParameters:
        """Return the record of one symbol; promotion sets the time from which it is effective."""
        model, moments = self.model, self.moments[symbol]
        return RegimeParameters(
            symbol=symbol,
            timeframe_ms=timeframe_ms,
            model_version=model_version,
            effective_from_ms=0,
            family=self.family,
            observations=self.names,
            centre=tuple(moments.centre.tolist()),
            spread=tuple(moments.spread.tolist()),
            initial=_triple(stationary_distribution(model.transition)),
            transition=tuple(_triple(row) for row in model.transition),  # type: ignore[arg-type]  # three rows
            location=tuple(tuple(row) for row in model.location.tolist()),
            scale=tuple(tuple(row) for row in model.scale.tolist()),
            degrees_of_freedom=_triple(model.freedom) if self.family == "student_t" else None,
            fitted_to_ms=fitted_to_ms,
        )


@dataclass(frozen=True)
class _PooledBars:
    """The training bars of all symbols, standardised."""

    blocks: Mapping[str, Array]  # by symbol, (T, D)
    sequences: ObservationSequences
    log_returns: Array  # of all bars, in deviations of their symbol
    moments: Mapping[str, Moments]


def usable_observations(
    bars: Mapping[str, Array], names: tuple[str, ...] = OBSERVATIONS
) -> tuple[str, ...]:
    """Return the names that vary and are known for half of the bars of every symbol.

    Args:
        bars: By symbol, the named features of its training bars, shape (T, len(names)).
        names: Of the columns.
    """
    return tuple(
        name for d, name in enumerate(names) if all(is_usable(each[:, d]) for each in bars.values())
    )


def is_usable(column: Array) -> bool:
    """Return whether an observation varies and is known for half of the bars, NaN where null."""
    known = column[~np.isnan(column)]
    return len(known) >= max(1, len(column) // 2) and bool(np.ptp(known) > 0.0)


def fit_regimes(
    bars: Mapping[str, SymbolBars],
    names: tuple[str, ...],
    plan: RegimePlan | None = None,
    previous: Mapping[str, RegimeParameters] | None = None,
) -> RegimeFit:
    """Fit one model over the training bars of all symbols.

    Args:
        bars: By symbol; training bars only.
        names: Feature of each observation column.
        plan: How to search.
        previous: Parameters in service, by symbol; the new states keep their names.

    Returns: the healthy fit of highest likelihood, or the most likely fit if none is healthy.
    The same inputs and seed give the same fit.

    Raises:
        ValueError: A symbol has no bars, an observation never varies, or shapes disagree.
    """
    plan = plan or RegimePlan()
    pool = _pool_bars(bars, names)
    rng = np.random.default_rng(plan.seed)
    trials = [
        run_em(start, pool.sequences, plan.trial_iterations, plan.tolerance)
        for start in _starting_models(np.vstack(list(pool.blocks.values())), plan, rng)
    ]
    trials.sort(key=lambda trial: -trial.log_likelihood)
    finals = [
        run_em(trial.model, pool.sequences, plan.iterations, plan.tolerance)
        for trial in trials[: plan.finalists]
    ]
    fits = [_name_states(final, pool, names, plan.family, previous or {}) for final in finals]
    return max(fits, key=lambda fit: (fit.healthy, fit.log_likelihood_per_bar))


def log_likelihood_per_bar(
    parameters: Mapping[str, RegimeParameters], bars: Mapping[str, SymbolBars]
) -> float:
    """Return the mean log-likelihood of each held-out bar given its past, in nats.

    In standardised units, so that symbols of different size can be pooled.
    """
    total, count = 0.0, 0
    for symbol, of_symbol in bars.items():
        record = parameters[symbol]
        _, increments = _filtered(
            packed_filter(record), np.array(record.initial), of_symbol.observations
        )
        present = (~np.isnan(of_symbol.observations)).sum(axis=0)
        total += increments.sum() + float((np.log(record.spread) * present).sum())
        count += len(increments)
    return float(total / count)


def _filtered(packed: Array, initial: Array, observations: Array) -> tuple[Array, Array]:
    steps = np.ones(len(observations), np.int64)
    return hamilton_filter(packed, initial, np.ascontiguousarray(observations), steps)


def _pool_bars(bars: Mapping[str, SymbolBars], names: tuple[str, ...]) -> _PooledBars:
    blocks, moments = dict[str, Array](), dict[str, Moments]()
    returns = []
    for symbol, of_symbol in bars.items():
        if of_symbol.observations.shape != (len(of_symbol.log_returns), len(names)):
            raise ValueError(
                f"{symbol}: observations {of_symbol.observations.shape}, "
                f"expected {(len(of_symbol.log_returns), len(names))}"
            )
        if not (~np.isnan(of_symbol.observations)).any(axis=0).all():
            raise ValueError(f"{symbol}: an observation among {names} has no value at all")
        centre, spread = np.nanmean(of_symbol.observations, 0), np.nanstd(of_symbol.observations, 0)
        if not (spread > 0.0).all():
            raise ValueError(f"{symbol}: an observation among {names} never varies: {spread}")
        moments[symbol] = Moments(centre, spread)
        blocks[symbol] = (of_symbol.observations - centre) / spread
        deviation = float(np.nanstd(of_symbol.log_returns))
        if deviation == 0.0:
            raise ValueError(f"{symbol}: log returns never vary, nothing can name the states")
        returns.append(of_symbol.log_returns / deviation)
    return _PooledBars(
        blocks,
        ObservationSequences.lay_out(list(blocks.values())),
        np.concatenate(returns),
        moments,
    )


def _starting_models(
    observations: Array, plan: RegimePlan, rng: np.random.Generator
) -> list[HiddenMarkovModel]:
    """Draw the starts: half from k-means, half from three random bars, each its persistence."""
    complete = observations[~np.isnan(observations).any(axis=1)]
    if len(complete) < STATES:
        raise ValueError(f"{len(complete)} bars have every observation, expected at least {STATES}")
    starts = []
    for number in range(plan.starts):
        sample = complete[rng.integers(0, len(complete), min(len(complete), CLUSTERED_ROWS))]
        if number % 2 == 0:
            with warnings.catch_warnings():
                # An empty cluster keeps its first centre, which is as good a start as any.
                warnings.simplefilter("ignore")
                centres, labels = kmeans2(sample, STATES, minit="++", rng=rng)
            groups = [sample[labels == k] for k in range(STATES)]
            scale = np.array(
                [
                    group.std(axis=0) if len(group) > 1 else np.ones(sample.shape[1])
                    for group in groups
                ]
            )
        else:
            centres, scale = sample[:STATES], np.exp(rng.normal(0.0, 0.4, sample[:STATES].shape))
        stay = 1.0 - 10.0 ** rng.uniform(-2.5, -1.0)
        transition = np.full((STATES, STATES), (1.0 - stay) / (STATES - 1))
        np.fill_diagonal(transition, stay)
        freedom = STARTING_FREEDOM if plan.family == "student_t" else math.inf
        starts.append(
            HiddenMarkovModel(
                np.full(STATES, 1.0 / STATES),
                transition,
                np.ascontiguousarray(centres),
                np.maximum(scale, 0.05),
                np.full(STATES, freedom),
            )
        )
    return starts


def _name_states(
    final: EmFit,
    pool: _PooledBars,
    names: tuple[str, ...],
    family: Family,
    previous: Mapping[str, RegimeParameters],
) -> RegimeFit:
    """Put the states in order bull, bear, sideways and describe the fit."""
    returns = _returns_by_state(final.model, pool)
    order = _order_by_return(returns)
    comparable = {
        s: p for s, p in previous.items() if p.observations == names and s in pool.moments
    }
    if comparable:
        inherited = _order_by_location(final.model, comparable, pool.moments)
        # Names that the returns contradict are dropped.
        order = inherited if returns[inherited[0]] > returns[inherited[1]] else order
    posteriors = _pooled_posteriors(final.model, pool)
    model = final.model.permuted(order)
    occupancy = posteriors.mean(axis=0)[order]
    dwell = 1.0 / np.maximum(1.0 - np.diag(model.transition), 1e-9)
    return RegimeFit(
        names=names,
        family=family,
        moments=pool.moments,
        model=model,
        log_likelihood_per_bar=final.log_likelihood / len(pool.sequences),
        occupancy=_triple(occupancy),
        dwell_bars=_triple(dwell),
        alignment=_agreement(posteriors[:, order], comparable, pool) if comparable else None,
        iterations=final.iterations,
        converged=final.converged,
        healthy=bool(occupancy.min() >= SMALLEST_OCCUPANCY and dwell.min() >= SHORTEST_DWELL_BARS),
    )


def _pooled_posteriors(model: HiddenMarkovModel, pool: _PooledBars) -> Array:
    packed, start = model.packed(), stationary_distribution(model.transition)
    return np.vstack([_filtered(packed, start, block)[0] for block in pool.blocks.values()])


def _returns_by_state(model: HiddenMarkovModel, pool: _PooledBars) -> Array:
    """Return the mean training return of each state, shape (K,), by smoothed probabilities."""
    known = ~np.isnan(pool.log_returns)
    states = expectation_step(model, pool.sequences).states[:, known]
    return np.asarray(states @ pool.log_returns[known] / np.maximum(states.sum(axis=1), 1e-12))


def _order_by_return(returns: Array) -> list[int]:
    """Order the states: highest mean return is bull, lowest bear; ties by state number."""
    ranked = np.argsort(-returns, kind="stable")
    return [int(ranked[0]), int(ranked[2]), int(ranked[1])]


def _order_by_location(
    model: HiddenMarkovModel,
    previous: Mapping[str, RegimeParameters],
    moments: Mapping[str, Moments],
) -> list[int]:
    """Assign new states to previous ones by distance of locations and log scales (Hungarian)."""
    cost = np.zeros((STATES, STATES))
    for symbol, record in previous.items():
        now = moments[symbol]
        ratio = np.array(record.spread) / now.spread
        location = (np.array(record.centre) - now.centre) / now.spread
        location = location + ratio * np.array(record.location)
        log_scale = np.log(np.array(record.scale) * ratio)
        cost += ((location[:, None] - model.location[None]) ** 2).sum(axis=2)
        cost += ((log_scale[:, None] - np.log(model.scale)[None]) ** 2).sum(axis=2)
    return [int(column) for column in linear_sum_assignment(cost)[1]]


def _agreement(
    posteriors: Array, previous: Mapping[str, RegimeParameters], pool: _PooledBars
) -> float:
    names = posteriors.argmax(axis=1)
    same, bars, first = 0, 0, 0
    for symbol, block in pool.blocks.items():
        if symbol in previous:
            record, moments = previous[symbol], pool.moments[symbol]
            observations = block * moments.spread + moments.centre
            before, _ = _filtered(packed_filter(record), np.array(record.initial), observations)
            same += int((before.argmax(axis=1) == names[first : first + len(block)]).sum())
            bars += len(block)
        first += len(block)
    return same / bars


def _triple(values: Array) -> Triple:
    bull, bear, sideways = values.tolist()
    return (bull, bear, sideways)
