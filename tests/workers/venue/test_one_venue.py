"""ccxt with one venue: ours is whole, no other is loaded, and nothing of the way is left."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
from workers.venue import exchange, one_venue
import ccxt
loaded = {n for n in sys.modules if n.rpartition(".")[0] in one_venue.PACKAGES}
venues = {n for n in loaded if n.rpartition(".")[2] in ccxt.exchanges}
assert {n.rpartition(".")[2] for n in venues} == {*one_venue.VENUES}, venues
assert len(ccxt.exchanges) > 100
ours = ccxt.pro.binanceusdm.__mro__
assert [each.__name__ for each in ours[:3]] == ["binanceusdm", "binance", "binance"], ours
assert ours[2] is sys.modules["ccxt.async_support.binance"].binance
assert not [f for f in sys.meta_path if "one_venue" in type(f).__module__]
import ccxt.async_support.kraken as real  # who asks for it later gets it
assert real.kraken().id == "kraken"
"""


def test_one_venue_of_ccxt_is_loaded_and_any_other_can_be_later():
    subprocess.run([sys.executable, "-c", LOADED], check=True)
