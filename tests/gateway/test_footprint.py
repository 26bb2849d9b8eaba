"""The gateway stays light: no heavy library, and under 285 MB with full views."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.views.series_view import bars_per_series

HEAVY = (
    *("torch", "xgboost", "ccxt", "mlflow", "pandas", "numba", "numpy", "scipy"),
    *("confluent_kafka", "faust", "redis"),
)
LIMIT_MB = 285

FULL = f"""
import json, sys
from itertools import product
from gateway.app import create_app
from gateway.settings import GatewaySettings
from gateway.views.arrival import Arrival
from gateway.views.series_view import bars_per_series
from gateway.views.sorted_window import SLACK
from schemas.topics import topic_of
from tests.build import bar, explanation, features, regimes, scored, signal

class Bus:
    ready = connected = True
    lag = {{}}
    process_lag = {{}}

settings = GatewaySettings()
views = create_app(settings, Bus()).state.ctx.views
lengths = settings.timeframes_ms[: int(sys.argv[1])]
kept = bars_per_series(len(settings.universe) * len(lengths))
names = {{f"feature_{{n}}_14": 0.123456789 * n for n in range(99)}}
for symbol, length, number in product(settings.universe, lengths, range(kept + kept // SLACK)):
    close = (number + 1) * length
    at = {{"symbol": symbol, "timeframe_ms": length, "event_time_ms": close}}
    past = {{"event_time_ms": close + 15 * length, "signal_time_ms": close}}
    name = {{"signal_id": f"{{symbol}}-{{length}}-{{number}}"}}
    vector = features(0, **names).model_copy(update=at)
    records = [bar(**at, open_time_ms=close - length), vector, regimes(**at),
               signal(**at, **name), scored(**(at | past | name)), explanation(**at)]
    for record in records:
        # Real signals and explanations are some hundred bytes longer than the built ones.
        encoded = record.encode() + b" " * 800
        views.fold(Arrival(record, encoded, topic_of(record).name))
# The peak of this program alone; getrusage would count what its parent held when it forked.
[peak] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
megabytes = int(peak.split()[1]) / 1024
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print(json.dumps({{"megabytes": megabytes, "heavy": heavy, "signals": len(views.signals)}}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory needs /proc")
@pytest.mark.parametrize("timeframes", [1, 3])
def test_full_views_of_four_markets_fit_and_nothing_heavy_is_imported(timeframes: int):
    command = [sys.executable, "-c", FULL, str(timeframes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)

    measured = json.loads(done.stdout)
    assert measured["heavy"] == []
    assert measured["signals"] >= 4 * timeframes * bars_per_series(4 * timeframes)
    assert measured["megabytes"] < LIMIT_MB
