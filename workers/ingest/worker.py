"""Ingest as a process: follow a venue, or play recorded files.

venue or files  -->  [ingest]  -->  market.bars.raw.v1, market.history.v1, clock.ticks.v1
"""

from __future__ import annotations

import sys

import structlog

from streams.runtime.settings import EXIT_FATAL, Fatal, KafkaSettings
from workers.bars.bar_files import BarFileRejected
from workers.ingest.home_binding import HomeRefused, bind_home, market_identity
from workers.settings import Settings

EXIT_REFUSED = 78  # EX_CONFIG: starting again would not help

log = structlog.get_logger()


def run(settings: Settings, kafka: KafkaSettings) -> int:
    """Run until SIGTERM; return the exit code."""
    try:
        bind_home(settings.home, market_identity(settings))
        if settings.exchange == "replay":
            from workers.ingest.replay import run_replay

            run_replay(settings, kafka)
            return 0
        return _on_venue(settings, kafka)
    except (HomeRefused, BarFileRejected) as refusal:
        sys.stderr.write(f"{refusal}\n")
        return EXIT_REFUSED
    except Fatal as fatal:
        log.critical("process.fatal", cause=str(fatal))
        return EXIT_FATAL


def _on_venue(settings: Settings, kafka: KafkaSettings) -> int:
    from workers.ingest.exchange import ExchangeError, VenueRefused
    from workers.ingest.venue_ingest import run_venue

    try:
        run_venue(settings, kafka)
    except VenueRefused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return EXIT_REFUSED
    except ExchangeError as away:
        log.critical("process.fatal", cause=str(away))
        return EXIT_FATAL
    return 0
