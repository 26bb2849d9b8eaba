"""Verdicts: what luck explains is said to be luck; a lone peak is told from a plateau."""

from __future__ import annotations

import numpy as np
import pytest

from workers.research.charts.search_charts import importances
from workers.research.verdict import Judgement, neighbourhood, score_distribution, verdict


def judged(**changed):
    fields = {
        "sharpe": 2.0,
        "luck": 1.0,
        "deflated": 0.99,
        "pbo": 0.05,
        "pbo_trials": 100,
        "trials": 100,
        "effective": 20.0,
        "degradation": 0.5,
        "probability_of_loss": 0.1,
    }
    return Judgement(**(fields | changed))


@pytest.mark.parametrize(
    ("changed", "begins"),
    [
        ({}, "Holds up so far"),
        ({"pbo": 0.3}, "Not proven"),
        ({"pbo": None}, "Not proven"),
        ({"pbo": 0.6}, "Nothing here"),
        ({"deflated": 0.9}, "Nothing here"),
        ({"sharpe": -0.1}, "Nothing here"),
        ({"sharpe": None, "deflated": None}, "Nothing here"),
    ],
)
def test_a_verdict_follows_deflated_sharpe_and_pbo(changed, begins):
    assert verdict(judged(**changed), hold=None).startswith(begins)


def test_a_verdict_tells_when_buy_and_hold_did_better():
    assert "Buy and hold had 2.50." in verdict(judged(), hold=2.5)
    assert "Buy and hold" not in verdict(judged(), hold=1.5)


def test_a_lone_peak_is_told_from_a_plateau():
    peak, plateau = np.zeros((5, 5)), np.full((5, 5), 0.9)
    peak[2, 2] = plateau[2, 2] = 1.0

    assert neighbourhood(peak, (2, 2)) == {
        "optimum": 1.0,
        "mean": 0.0,
        "neighbours": 8,
        "share": 0.0,
        "shape": "lone peak",
    }
    assert neighbourhood(plateau, (2, 2))["shape"] == "plateau"


def test_an_optimum_in_a_corner_has_the_neighbours_there_are():
    scores = np.arange(8.0).reshape(2, 2, 2)

    around = neighbourhood(scores, (1, 1, 1))

    assert around["neighbours"] == 7
    assert around["mean"] == pytest.approx(3.0)
    assert neighbourhood(np.array([1.0]), (0,))["shape"] == "unknown"


def test_importance_of_additive_parameters_is_their_share_of_the_variance():
    a, b = np.arange(4.0), np.arange(3.0)
    scores = 2.0 * a[:, None] + b[None, :]

    shares = importances(scores, ("a", "b"))

    assert shares["a"] == pytest.approx(4.0 * a.var() / scores.var())
    assert sum(shares.values()) == pytest.approx(1.0)
    assert list(shares) == ["a", "b"]


def test_a_distribution_counts_what_is_undefined():
    found = score_distribution(np.array([1.0, 2.0, np.nan]))

    assert (found["count"], found["undefined"], found["mean"]) == (2, 1, 1.5)
    assert sum(found["counts"]) == 2
