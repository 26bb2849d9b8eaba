"""The examples in docstrings run, and say what the code returns."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.searches import write

MODULES = (
    "schemas.timeframes",
    "streams.evaluation.alpha_ledger",
    "streams.evaluation.calibration",
    "streams.evaluation.confidence_sequence",
    "streams.evaluation.fixed_sample",
    "streams.evaluation.hit_rate",
    "streams.evaluation.metrics",
    "streams.evaluation.out_of_sample",
    "streams.evaluation.overfitting",
    "streams.evaluation.resampling",
    "streams.evaluation.trade_metrics",
    "workers.research.notebook",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file of bars that the notebook's examples read."""
    place = tmp_path_factory.mktemp("bars")
    write(place, "BTCUSDT_perp_1h.parquet", count=2_000)
    return place


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(folder)

    failed, tried = doctest.testmod(importlib.import_module(name), extraglobs={"np": np})

    assert tried > 0, f"{name} has no example"
    assert failed == 0
