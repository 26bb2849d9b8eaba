"""Fits the regime filter: one pooled hidden Markov model from many starts, with lasting names.

One model is fitted over all symbols, because a single symbol has too few changes of regime. Each
symbol is standardised by the moments of its training bars.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

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
from workers.training.regime_evidence import (
    BASIS,
    LOGARITHMIC,
    VOLATILITY,
    Evidence,
    RegimeMarket,
    as_read,
    memory_bars,
    settle_evidence,
)
from workers.training.regime_starts import starting_models

Family = Literal["gaussian", "student_t"]

# What the filter sees of a bar. Volatility over 20 bars separates regimes best, the bar's own range
# tells of a change first, and the distance from the 200-bar mean gives them a direction. Single
# returns show no drift. The mark price's distance from the close leans against bulls and bears;
# some sources lack it.
OBSERVATIONS = (VOLATILITY, "log_range", "sma_distance_200", BASIS)

SMALLEST_OCCUPANCY = 0.05  # share of the bars; a rarer state collects outliers, it is no regime
SHORTEST_DWELL_BARS = 5.0  # expected; a shorter one is noise, not a regime
STARTING_FREEDOM = 8.0


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
    """Mean and deviation of each observation, as it is read, over the bars of one symbol."""

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
        dwell_bars: Expected stay in each state, by the chain of the filter.
        alignment: Share of training bars to which the previous parameters give the same state;
            None without previous parameters of the same observations.
        healthy: No state is rarer than a regime, or shorter.
        evidence: Power, chain and calibration of the filter; None for observations of which no
            market can be simulated: the plain filter.
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
    evidence: Evidence | None

    def parameters(
        self, symbol: str, timeframe_ms: int, fitted_to_ms: int, *, model_version: str = "unnamed"
    ) -> RegimeParameters:
        """Return the record of one symbol; promotion sets the time from which it is effective."""
        model, moments, evidence = self.model, self.moments[symbol], self.evidence
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
            logarithmic=_logarithmic(self.names),
            evidence_power=evidence.power if evidence else None,
            calibration_slope=evidence.slope if evidence else None,
            calibration_exponent=evidence.exponent if evidence else None,
        )


@dataclass(frozen=True)
class _PooledBars:
    """The training bars of all symbols, as they are read and standardised."""

    blocks: Mapping[str, Array]  # by symbol, (T, D)
    observations: Mapping[str, Array]  # by symbol, (T, D), as they come
    sequences: ObservationSequences
    log_returns: Array  # of all bars, in deviations of their symbol
    moments: Mapping[str, Moments]
    deviations: Mapping[str, float]  # of the log returns, by symbol


def usable_observations(
    bars: Mapping[str, Array], names: tuple[str, ...] = OBSERVATIONS
) -> tuple[str, ...]:
    """Return the names that vary and are known for half of the bars of every symbol.

    Args:
        bars: By symbol, the named features of its training bars, shape (T, len(names)).
        names: Of the columns.
    """
    read = [as_read(each, names) for each in bars.values()]
    return tuple(
        name for d, name in enumerate(names) if all(is_usable(each[:, d]) for each in read)
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
    trials = [
        run_em(start, pool.sequences, plan.trial_iterations, plan.tolerance)
        for start in starting_models(
            np.vstack(list(pool.blocks.values())),
            plan.starts,
            STARTING_FREEDOM if plan.family == "student_t" else math.inf,
            np.random.default_rng(plan.seed),
        )
    ]
    trials.sort(key=lambda trial: -trial.log_likelihood)
    finals = [
        run_em(trial.model, pool.sequences, plan.iterations, plan.tolerance)
        for trial in trials[: plan.finalists]
    ]
    fits = [_name_states(final, pool, names, plan.family, previous or {}) for final in finals]
    best = max(fits, key=lambda fit: (fit.healthy, fit.log_likelihood_per_bar))
    return (
        _settle(best, pool, plan)
        if set(names) <= set(OBSERVATIONS) and VOLATILITY in names
        else best
    )


def _settle(fit: RegimeFit, pool: _PooledBars, plan: RegimePlan) -> RegimeFit:
    """Weaken the evidence of each bar and calibrate the posterior, in the units of one symbol."""
    symbol, moments = next(iter(pool.moments.items()))
    states = expectation_step(fit.model, pool.sequences).states
    in_units = replace(
        fit.model,
        location=moments.centre + moments.spread * fit.model.location,
        scale=moments.spread * fit.model.scale,
    )
    drift = _returns_by_state(fit.model, pool) * pool.deviations[symbol]
    memory = memory_bars(fit.model, pool.sequences, states)
    market = RegimeMarket(fit.names, in_units, drift, memory)
    evidence = settle_evidence(fit.model, pool.sequences, market, plan.seed)
    model = replace(fit.model, transition=evidence.transition)
    return replace(fit, model=model, dwell_bars=_dwell_bars(model), evidence=evidence)


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
        present = (~np.isnan(as_read(of_symbol.observations, record.observations))).sum(axis=0)
        total += increments.sum() + float((np.log(record.spread) * present).sum())
        count += len(increments)
    return float(total / count)


def _filtered(packed: Array, initial: Array, observations: Array) -> tuple[Array, Array]:
    steps = np.ones(len(observations), np.int64)
    return hamilton_filter(packed, initial, np.ascontiguousarray(observations), steps)


def _pool_bars(bars: Mapping[str, SymbolBars], names: tuple[str, ...]) -> _PooledBars:
    blocks, moments, deviations = dict[str, Array](), dict[str, Moments](), dict[str, float]()
    for symbol, of_symbol in bars.items():
        if of_symbol.observations.shape != (len(of_symbol.log_returns), len(names)):
            raise ValueError(
                f"{symbol}: observations {of_symbol.observations.shape}, "
                f"expected {(len(of_symbol.log_returns), len(names))}"
            )
        read = as_read(of_symbol.observations, names)
        if not (~np.isnan(read)).any(axis=0).all():
            raise ValueError(f"{symbol}: an observation among {names} has no value at all")
        centre, spread = np.nanmean(read, 0), np.nanstd(read, 0)
        if not (spread > 0.0).all():
            raise ValueError(f"{symbol}: an observation among {names} never varies: {spread}")
        moments[symbol] = Moments(centre, spread)
        blocks[symbol] = (read - centre) / spread
        deviations[symbol] = float(np.nanstd(of_symbol.log_returns))
        if deviations[symbol] == 0.0:
            raise ValueError(f"{symbol}: log returns never vary, nothing can name the states")
    return _PooledBars(
        blocks,
        {symbol: of_symbol.observations for symbol, of_symbol in bars.items()},
        ObservationSequences.lay_out(list(blocks.values())),
        np.concatenate([bars[s].log_returns / deviations[s] for s in bars]),
        moments,
        deviations,
    )


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
        s: p
        for s, p in previous.items()
        if (p.observations, p.logarithmic) == (names, _logarithmic(names)) and s in pool.moments
    }
    if comparable:
        inherited = _order_by_location(final.model, comparable, pool.moments)
        # Names that the returns contradict are dropped.
        order = inherited if returns[inherited[0]] > returns[inherited[1]] else order
    posteriors = _pooled_posteriors(final.model, pool)
    model = final.model.permuted(order)
    occupancy = posteriors.mean(axis=0)[order]
    dwell = _dwell_bars(model)
    return RegimeFit(
        names=names,
        family=family,
        moments=pool.moments,
        model=model,
        log_likelihood_per_bar=final.log_likelihood / len(pool.sequences),
        occupancy=_triple(occupancy),
        dwell_bars=dwell,
        alignment=_agreement(posteriors[:, order], comparable, pool) if comparable else None,
        iterations=final.iterations,
        converged=final.converged,
        healthy=bool(occupancy.min() >= SMALLEST_OCCUPANCY and min(dwell) >= SHORTEST_DWELL_BARS),
        evidence=None,
    )


def _dwell_bars(model: HiddenMarkovModel) -> Triple:
    return _triple(1.0 / np.maximum(1.0 - np.diag(model.transition), 1e-9))


def _logarithmic(names: tuple[str, ...]) -> tuple[bool, ...] | None:
    flags = tuple(name in LOGARITHMIC for name in names)
    return flags if any(flags) else None


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
    from scipy.optimize import linear_sum_assignment

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
            record = previous[symbol]
            before, _ = _filtered(
                packed_filter(record), np.array(record.initial), pool.observations[symbol]
            )
            same += int((before.argmax(axis=1) == names[first : first + len(block)]).sum())
            bars += len(block)
        first += len(block)
    return same / bars


def _triple(values: Array) -> Triple:
    return tuple(values.tolist())
