"""The examples in docstrings run, and say what the code returns."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest

MODULES = (
    "streams.evaluation.calibration",
    "streams.evaluation.metrics",
    "streams.evaluation.out_of_sample",
    "streams.evaluation.overfitting",
    "streams.evaluation.resampling",
    "streams.evaluation.trade_metrics",
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str):
    failed, tried = doctest.testmod(importlib.import_module(name), extraglobs={"np": np})

    assert tried > 0, f"{name} has no example"
    assert failed == 0
