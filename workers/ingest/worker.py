"""Ingest as a process: follow a venue, or play recorded files.

venue or files  -->  [ingest]  -->  market.bars.raw.v1, market.history.v1, clock.ticks.v1
"""

from __future__ import annotations

from streams.runtime.settings import Fatal, KafkaSettings
from workers.bars.table_files import BarFileRejected
from workers.ingest.home_binding import HomeRefused, bind_home, market_identity
from workers.process import fatal, refused
from workers.settings import Settings


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
        return refused(str(refusal))
    except Fatal as error:
        return fatal(error)


def _on_venue(settings: Settings, kafka: KafkaSettings) -> int:
    from workers.ingest.venue_ingest import run_venue
    from workers.venue.exchange import ExchangeError, VenueRefused

    try:
        run_venue(settings, kafka)
    except VenueRefused as refusal:
        return refused(str(refusal))
    except ExchangeError as away:
        return fatal(away)
    return 0
