"""Run the simulated exchange as a process: it serves until told to stop, then saves its time."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from pathlib import Path

import orjson
import structlog

from workers.simulator.server import RunningSimulator, SimulatorSettings, serve

SAVE_SECONDS = 1.0


def run(settings: SimulatorSettings, clock_file: Path | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: What to serve.
        clock_file: Where simulated time is kept between runs; when it exists, the market goes
            on from there and ``settings.start_time_ms`` is not used. After a crash it goes on a
            little later than it stopped, never earlier.
    """
    if clock_file is not None and clock_file.exists():
        settings = dataclasses.replace(settings, start_time_ms=saved_time_ms(clock_file))
    asyncio.run(_serve_until_stopped(settings, clock_file))


def saved_time_ms(clock_file: Path) -> int:
    """Simulated time that a run left behind; raises ValueError on a file that is not ours."""
    try:
        return int(orjson.loads(clock_file.read_bytes())["now_ms"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{clock_file}: expected a JSON object with now_ms; remove it to start anew"
        ) from error


async def _serve_until_stopped(settings: SimulatorSettings, clock_file: Path | None) -> None:
    log = structlog.get_logger("simulator")
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
            speed=settings.speed,
            now_ms=running.venue.clock.now_ms(),
        )
        while not stop.is_set():
            if clock_file is not None:
                _save(running, clock_file, ahead_seconds=SAVE_SECONDS)
            try:
                await asyncio.wait_for(stop.wait(), SAVE_SECONDS / 2)
            except TimeoutError:
                continue
        running.venue.clock.pause()
        if clock_file is not None:
            _save(running, clock_file, ahead_seconds=0.0)
    log.info("simulator.stopped", now_ms=running.venue.clock.now_ms())


def _save(running: RunningSimulator, clock_file: Path, ahead_seconds: float) -> None:
    clock = running.venue.clock
    ahead_ms = 0 if clock.paused else int(ahead_seconds * 1000.0 * clock.speed)
    fresh = clock_file.with_suffix(".new")
    fresh.write_bytes(orjson.dumps({"now_ms": clock.now_ms() + ahead_ms}))
    fresh.replace(clock_file)
