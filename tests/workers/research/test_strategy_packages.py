"""Strategies of packages: loaded as the shipped ones, refused in words, only where allowed."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from schemas.research import PerformanceSpec
from tests.fakes.random_bars import random_bars
from workers.backtest.compute import Compute, run_spec
from workers.research.strategies import allow_packages, packages, strategy_named
from workers.research.strategies.strategy import ParametersRejected
from workers.settings import Settings

BARS = random_bars(1, 900, deviation=0.01)
MODULE = '''
import numpy as np
from schemas.research import Parameter
from workers.research.strategies import Strategy, strategy_named

WINDOW = {"window": Parameter(type="int", low=2, high=50, default=5, group="buy")}


class Momentum:
    summary = "long after a rise"
    parameters = WINDOW

    def decide(self, bars, params):
        window = int(params["window"])
        rise = np.zeros(len(bars))
        rise[window:] = bars.close[window:] > bars.close[:-window]
        return rise


class Derived(Strategy):
    def __init__(self):
        base = strategy_named("ema_cross")
        super().__init__("derived", "", base.parameters, base.decide)


class Broken(Momentum):
    def __init__(self):
        raise RuntimeError("no luck")


class Failing(Momentum):
    def decide(self, bars, params):
        raise KeyError("price")


class Short(Momentum):
    def decide(self, bars, params):
        return [1.0]


class Undefined(Momentum):
    def decide(self, bars, params):
        return np.full(len(bars), np.nan)


class NoBounds(Momentum):
    parameters = {"window": 5}


class Choice(Momentum):
    parameters = {"side": Parameter(type="categorical", choices=("long",), default="long")}


INSTANCE = strategy_named("donchian")
NUMBER = 7


def function():
    """Not a strategy."""
'''


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package, which is allowed."""
    folder = tmp_path / "mystrategy"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "strategy.py").write_text(MODULE)
    (folder / "ending.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    packages._load.cache_clear()
    allow_packages(["mystrategy"])
    yield
    allow_packages([])
    for name in [name for name in sys.modules if name.partition(".")[0] == "mystrategy"]:
        del sys.modules[name]


def test_a_strategy_of_a_package_runs_as_a_shipped_one():
    name = "mystrategy.strategy:Momentum"

    result = run_spec(
        PerformanceSpec(symbol="BTCUSDT", strategy=name, params={"window": 7}),
        BARS,
        lambda *_: None,
        lambda: False,
    )

    assert result["strategy"] == name
    assert result["params"] == {"window": 7.0}
    assert result["metrics"]["trades"] > 0


@pytest.mark.parametrize(("name", "shipped"), [("Derived", "ema_cross"), ("INSTANCE", "donchian")])
def test_a_class_of_strategy_and_an_instance_are_taken(name: str, shipped: str):
    strategy, other = strategy_named(f"mystrategy.strategy:{name}"), strategy_named(shipped)

    assert strategy.parameters == other.parameters
    assert np.array_equal(strategy.target(BARS), other.target(BARS))


def test_it_can_be_sent_to_another_process():
    strategy = strategy_named("mystrategy.strategy:Momentum")

    copy = pickle.loads(pickle.dumps(strategy))  # noqa: S301 - made here

    assert np.array_equal(copy.target(BARS), strategy.target(BARS))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("os:system", "the package os is not allowed here"),
        ("mystrategyx.strategy:Momentum", "the package mystrategyx is not allowed"),
        ("mystrategy.absent:Momentum", "cannot be loaded: ModuleNotFoundError"),
        ("mystrategy.ending:Momentum", "cannot be loaded: SystemExit"),
        ("mystrategy.strategy:Absent", "cannot be loaded: AttributeError"),
        ("mystrategy.strategy:Broken", "cannot be loaded: RuntimeError: no luck"),
        ("mystrategy.strategy:NUMBER", "is no Strategy"),
        ("mystrategy.strategy:function", "is no Strategy"),
        ("mystrategy.strategy:NoBounds", "parameter 'window' is 5, expected a Parameter"),
        ("mystrategy.strategy:Choice", "parameter 'side'"),
        ("mystrategy.strategy", "there is no strategy 'mystrategy.strategy'"),
    ],
)
def test_what_is_no_strategy_is_refused_in_words(name: str, message: str):
    with pytest.raises(ParametersRejected) as refused:
        strategy_named(name)

    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Failing", "Failing failed: KeyError: 'price'"),
        ("Short", r"returned shape \(1,\), expected one finite position for each of 900"),
        ("Undefined", "expected one finite position"),
    ],
)
def test_what_it_raises_or_returns_beside_positions_is_refused(name: str, message: str):
    with pytest.raises(ParametersRejected, match=message):
        strategy_named(f"mystrategy.strategy:{name}").target(BARS)


def test_nothing_is_imported_of_a_package_that_is_not_allowed():
    allow_packages([])

    with pytest.raises(ParametersRejected, match="set REGIMEFLOW_STRATEGY_PACKAGES=mystrategy"):
        strategy_named("mystrategy.strategy:Momentum")

    assert "mystrategy" not in sys.modules


def test_packages_are_a_setting_and_none_is_allowed_by_default(monkeypatch: pytest.MonkeyPatch):
    assert Settings().strategy_packages == ()
    monkeypatch.setenv("REGIMEFLOW_STRATEGY_PACKAGES", "mystrategy, other.part,")
    assert Settings().strategy_packages == ("mystrategy", "other.part")
    monkeypatch.setenv("REGIMEFLOW_STRATEGY_PACKAGES", "my strategy")
    with pytest.raises(ValueError, match="expected names of packages"):
        Settings()


@pytest.mark.parametrize("allowed", [True, False])
def test_the_child_that_computes_jobs_loads_what_its_process_allows(allowed: bool):  # noqa: FBT001
    compute = Compute(["mystrategy"] if allowed else [])
    spec = PerformanceSpec(symbol="BTCUSDT", strategy="mystrategy.strategy:Momentum")
    try:
        found = compute.run(spec, BARS, lambda *_: None, lambda: False)
    finally:
        compute.close()

    assert (found.result is not None) == allowed
    assert found.fault == (None if allowed else "request")
    assert allowed or "is not allowed here (none is)" in (found.error or "")
