"""The gateway stays light: no heavy library, and under 250 MB with full views."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.views.series_view import BUDGET, WINDOW

HEAVY = (
    *("torch", "xgboost", "ccxt", "mlflow", "pandas", "numba", "numpy", "scipy"),
    *("confluent_kafka", "faust", "redis"),
)
LIMIT_MB = 250

FULL = f"""
import json, sys
from gateway.app import create_app
from gateway.settings import GatewaySettings
from gateway.views.arrival import Arrival
from schemas.topics import topic_of
from tests.build import bar, explanation, features, regimes, scored, signal

class Bus:
    ready = connected = True
    lag = {{}}
    process_lag = {{}}

views = create_app(GatewaySettings(), Bus()).state.ctx.views
names = {{f"feature_{{n}}_14": 0.123456789 * n for n in range(70)}}
for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT"):
    for minute in range({WINDOW}):
        records = [bar(minute, symbol=symbol), features(minute, symbol, **names),
                   regimes(minute, symbol=symbol), signal(minute, symbol=symbol),
                   scored(minute, symbol=symbol), explanation(minute, symbol=symbol)]
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
def test_full_views_of_four_markets_fit_and_nothing_heavy_is_imported():
    done = subprocess.run(
        [sys.executable, "-c", FULL], capture_output=True, text=True, check=True, timeout=120
    )

    measured = json.loads(done.stdout)
    assert measured["heavy"] == []
    assert measured["signals"] == 4 * WINDOW == BUDGET
    assert measured["megabytes"] < LIMIT_MB
