"""Each of eleven planted leaks is caught; the honest stage beside it passes the same check."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.fakes.training_markets import SMALL, market
from tests.workers.training.leaks.stages import (
    and_the_block,
    calibrated_on,
    centred_mean,
    closed_hour,
    everything,
    fitted_on,
    funding_as_told,
    past,
    revised_funding,
    scaled_by,
    searched_after_all_rows,
    searched_on,
    selected_on,
    smoothed_posterior,
    started_from,
    threshold_on,
    told_rates,
    trailing_mean,
    unclosed_hour,
    until_the_block,
)
from workers.training.certificate import draw_bars, filter_parts
from workers.training.fit_regimes import OBSERVATIONS, RegimePlan, SymbolBars, fit_regimes
from workers.training.prefix_invariance import Stage, check_stage, draw_cuts

BARS = {"drawn": draw_bars(400, np.random.default_rng(1))}
SERIES = market(edge=0.5, bars=400)
RATES = {"told": told_rates(60, np.random.default_rng(2))}
# A fold ends here; it is the cut too, because what the fold was fitted with is used from then on.
ENDS = [int(SERIES["BTCUSDT"].times[250])]
STUDIES = Path(tempfile.mkdtemp(prefix="regimeflow-"))
atexit.register(shutil.rmtree, STUDIES)
LAST = int(SERIES["BTCUSDT"].times[-1])


class Case(NamedTuple):
    """A leak: the stage that has it, the honest one, and the log of both."""

    leak: str
    leaky: Stage[Any]
    honest: Stage[Any]
    log: Mapping[str, Any]
    cuts: list[int]


def filters() -> Stage[Any]:
    """The filters of the product; other names while they are fitted spare the simulated market."""
    bars = {
        symbol: SymbolBars(one.observed[:250, :2], one.column("log_return_1")[:250])
        for symbol, one in SERIES.items()
    }
    plan = RegimePlan(starts=1, trial_iterations=2, finalists=1, iterations=2)
    fit = fit_regimes(bars, ("plain_a", "plain_b"), plan)
    named = [fit.parameters(symbol, 60_000, 0) for symbol in bars]
    return partial(
        filter_parts,
        [one.model_copy(update={"observations": OBSERVATIONS[:2]}) for one in named],
    )


def draws(log: Mapping[str, Any]) -> list[int]:
    return draw_cuts(log, 3, np.random.default_rng(3))


CASES = [
    Case("centred window", centred_mean, trailing_mean, BARS, draws(BARS)),
    Case("whole-span scaler", scaled_by(everything, ENDS), scaled_by(past, ENDS), SERIES, ENDS),
    Case("unclosed higher bar", unclosed_hour, closed_hour, BARS, draws(BARS)),
    Case("smoothed posterior", smoothed_posterior, filters(), SERIES, draws(SERIES)),
    Case("label edge", fitted_on(until_the_block, ENDS), fitted_on(past, ENDS), SERIES, ENDS),
    Case(
        "search that reads the future",
        searched_on(everything, ENDS, STUDIES),
        searched_on(past, ENDS, STUDIES),
        SERIES,
        ENDS,
    ),
    Case("warm start", started_from(LAST, ENDS), started_from(None, ENDS), SERIES, ENDS),
    Case(
        "warm start of a study",
        searched_after_all_rows(ENDS, STUDIES, one_name=True),
        searched_after_all_rows(ENDS, STUDIES, one_name=False),
        SERIES,
        ENDS,
    ),
    Case(
        "calibrator on test",
        calibrated_on(and_the_block, ENDS),
        calibrated_on(past, ENDS),
        SERIES,
        ENDS,
    ),
    Case(
        "thresholds on test",
        threshold_on(and_the_block, ENDS),
        threshold_on(past, ENDS),
        SERIES,
        ENDS,
    ),
    Case(
        "selection outside folds",
        selected_on(everything, ENDS),
        selected_on(past, ENDS),
        SERIES,
        ENDS,
    ),
    Case("revised funding", revised_funding, funding_as_told, RATES, draws(RATES)),
]


def test_the_zoo_has_eleven_leaks():
    kinds = {case.leak.removesuffix(" of a study") for case in CASES}

    assert len(kinds) == 11
    assert SMALL.labels.horizon_bars > 1, "a label edge needs a horizon"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.leak)
def test_a_planted_leak_is_caught_and_named(case: Case) -> None:
    check = check_stage("stage", case.leaky, case.log, case.cuts, np.random.default_rng(4))

    assert check.moved, f"{case.leak}: none of {check.values} values moved"
    assert set(check.moved) <= set(case.leaky(case.log))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.leak)
def test_the_honest_stage_passes_the_same_check(case: Case) -> None:
    check = check_stage("stage", case.honest, case.log, case.cuts, np.random.default_rng(4))

    assert check.moved == {}
    assert check.values > 0
