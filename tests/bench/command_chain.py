"""Configs, challenges, the journal as a process: ``python -m tests.bench.command_chain BROKER``."""

from __future__ import annotations

import sys

from streams.challenges.processor import PROCESSOR as CHALLENGES
from streams.configs.processor import PROCESSOR as CONFIGS
from streams.journal.processor import PROCESSOR as JOURNAL
from streams.runtime.chain import run_until_signalled
from streams.runtime.settings import KafkaSettings

if __name__ == "__main__":
    run_until_signalled("configs", (CONFIGS, CHALLENGES, JOURNAL), KafkaSettings(sys.argv[1]))
