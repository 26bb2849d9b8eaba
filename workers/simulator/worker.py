"""The simulated exchange as a process: it serves until it is stopped, then saves its time."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import structlog

from schemas.timeframes import DAY_MS
from streams.runtime.heartbeat import heartbeat
from workers.settings import Settings
from workers.simulator.market import BAR_MS
from workers.simulator.server import RunningSimulator, SimulatorSettings, serve
from workers.storage import whole_file

log = structlog.get_logger()

SAVE_SECONDS = 1.0
CLOCK_FILE = "simulator.json"
LONGEST_HIGHER_MS = 3 * 365 * DAY_MS  # a start skips a year of four symbols in about a second
SPARE_MINUTES = 1440  # of market time before the first bar of the backfill


def run(settings: Settings) -> None:
    """Serve the settings' universe until SIGTERM or SIGINT; resumes where the home stopped."""
    settings.home.mkdir(parents=True, exist_ok=True)
    run_market(simulator_settings(settings), settings.home / CLOCK_FILE)


def simulator_settings(settings: Settings) -> SimulatorSettings:
    """Return the simulator's settings that follow from the pipeline's."""
    port = None if settings.simulator_url is None else urlsplit(settings.simulator_url).port
    return SimulatorSettings(
        symbols=settings.universe,
        seed=settings.seed,
        trend=settings.trend,
        speed=settings.speed,
        port=port or 0,
        history_minutes=_past_ms(settings) // BAR_MS + SPARE_MINUTES,
    )


def _past_ms(settings: Settings) -> int:
    base_ms, longest_ms = (
        settings.history_bars * length_ms
        for length_ms in (settings.lengths_ms[0], settings.lengths_ms[-1])
    )
    return max(base_ms, min(longest_ms, LONGEST_HIGHER_MS))


def run_market(settings: SimulatorSettings, clock_file: Path) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: What to serve.
        clock_file: Holds simulated time between runs. When it exists, the market resumes from
            there and ``settings.start_time_ms`` is not used. After a crash it resumes a little
            later than it stopped, never earlier.
    """
    if clock_file.exists():
        settings = dataclasses.replace(settings, start_time_ms=saved_time_ms(clock_file))
    asyncio.run(_serve_until_stopped(settings, clock_file))


def saved_time_ms(clock_file: Path) -> int:
    """Return the simulated time of a clock file; raises ValueError when it is not one."""
    try:
        return int(orjson.loads(clock_file.read_bytes())["now_ms"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{clock_file}: expected a JSON object with now_ms; remove it to start anew"
        ) from error


async def _serve_until_stopped(settings: SimulatorSettings, clock_file: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serve(settings) as running:
        log.info(
            "simulator.started",
            rest_url=running.rest_url,
            symbols=list(settings.symbols),
            seed=settings.seed,
            trend=settings.trend,
            speed=settings.speed,
            now_ms=running.venue.clock.now_ms(),
        )
        while not stop.is_set():
            heartbeat.beat()
            _save(running, clock_file, ahead_seconds=SAVE_SECONDS)
            stopped = asyncio.ensure_future(stop.wait())
            await asyncio.wait(
                {stopped, running.pump},
                timeout=SAVE_SECONDS / 2,
                return_when=asyncio.FIRST_COMPLETED,
            )
            stopped.cancel()
            if running.pump.done():
                running.pump.result()
        running.venue.clock.pause()
        _save(running, clock_file, ahead_seconds=0.0)
    log.info("simulator.stopped", now_ms=running.venue.clock.now_ms())


def _save(running: RunningSimulator, clock_file: Path, ahead_seconds: float) -> None:
    clock = running.venue.clock
    ahead_ms = 0 if clock.paused else int(ahead_seconds * 1000.0 * clock.speed)
    with whole_file(clock_file) as fresh:
        fresh.write_bytes(orjson.dumps({"now_ms": clock.now_ms() + ahead_ms}))
