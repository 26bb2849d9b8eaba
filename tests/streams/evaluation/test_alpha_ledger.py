"""The ledger of error: against another implementation of e-LOND, and what it spends in all."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.evaluation.alpha_ledger import next_alpha


@given(st.lists(st.floats(0.0, 1e4), max_size=30))
def test_it_decides_as_another_implementation_of_e_lond(e_values):
    from online_fdr.core.abstract.abstract_gamma_seq import AbstractGammaSequence
    from online_fdr.e_values.sequential import ELond

    class Shares(AbstractGammaSequence):
        def calc_gamma(self, j, **_):
            return 1.0 / (j * (j + 1))

    peer, discoveries = ELond(0.05, Shares(c=None)), 0
    for tests, e_value in enumerate(e_values):
        alpha = next_alpha(0.05, tests, discoveries)

        discovered = e_value >= 1.0 / alpha

        assert peer.test_one(e_value) == discovered
        assert peer.current_level == pytest.approx(alpha)
        discoveries += discovered


def test_without_a_discovery_all_tests_together_spend_alpha_at_most():
    spent = list(itertools.accumulate(next_alpha(0.05, tests, 0) for tests in range(10_000)))

    assert spent[-1] < 0.05
    assert spent[-1] == pytest.approx(0.05, rel=1e-3)


def test_a_discovery_earns_the_next_test_more():
    assert next_alpha(0.05, 5, 1) == 2 * next_alpha(0.05, 5, 0)


@pytest.mark.parametrize(
    ("alpha", "tests", "discoveries"), [(0.0, 1, 0), (1.0, 1, 0), (0.05, 1, 2)]
)
def test_impossible_ledgers_are_refused(alpha, tests, discoveries):
    with pytest.raises(ValueError, match="expected"):
        next_alpha(alpha, tests, discoveries)
