"""One instance of a symbol chain as a process: ``symbol_chains.py BOOTSTRAP CHAIN INSTANCE``.

Inference needs no model here, and its ideas last three bars.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial

from streams.runtime.chain import run_until_signalled
from streams.runtime.settings import KafkaSettings
from streams.topology import CHAINS
from tests.fakes.scripted_inference import PROCESSOR, predict

INFERENCE = replace(PROCESSOR, step=partial(predict, horizon_bars=3))
CHAIN_OF = {**{chain.name: chain.processors for chain in CHAINS}, "inference": (INFERENCE,)}

if __name__ == "__main__":
    bootstrap, name, instance = sys.argv[1:]
    kafka = KafkaSettings(bootstrap, instance=instance)
    sys.exit(run_until_signalled(name, CHAIN_OF[name], kafka))
