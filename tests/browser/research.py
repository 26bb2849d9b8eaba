"""A back-test process for the stage: requests that the gateway publishes are really computed.

Three hourly markets of known character: one that trends, one that returns to its mean, and one
that is noise, of which nothing can be learned.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from deploy.topics.refdata import read_seeds
from schemas.jobs import BacktestRequest, JobCommand, JobProgress, JobResult
from schemas.market import Bar
from schemas.record import Record
from schemas.research import OptimizeSpec
from schemas.timeframes import HOUR_MS
from tests.build import START_MS, status
from workers.backtest.compute import run_spec
from workers.bars.arrays import Bars
from workers.bars.sources import cut_to

DAYS = 500
FIRST_MS = START_MS - START_MS % (24 * HOUR_MS) - DAYS * 24 * HOUR_MS
PRICES = {"BTCUSDT": 64_180.0, "ETHUSDT": 3_142.0, "SOLUSDT": 147.6}
STEP_WITHIN_S = 20.0
HELD = 300  # bars of each market that the gateway shows


class RecordFeed(Protocol):
    """Takes records as they come."""

    def feed(self, *records: Record) -> None:
        """Let records arrive."""


def markets(days: int = DAYS) -> dict[str, Bars]:
    """Return bars of every market, the same each time."""
    return {symbol: _bars(symbol, days, seed) for seed, symbol in enumerate(PRICES)}


def _bars(symbol: str, days: int, seed: int) -> Bars:
    rng = np.random.default_rng([days, seed])
    count = days * 24
    returns = rng.standard_t(5, count) * 0.0045
    if symbol == "BTCUSDT":
        drift = rng.choice([-0.00042, 0.00052], count // 120 + 1)
        returns += np.repeat(drift, 120)[:count]
    path = np.cumsum(returns)
    if symbol == "SOLUSDT":
        path -= 0.02 * np.sin(np.arange(count) / 17.0)
    close = PRICES[symbol] * np.exp(path - path[-1])
    opened = np.concatenate([close[:1], close[:-1]])
    reach = np.abs(rng.normal(0.0, 0.002, (2, count)))
    hour = np.arange(count)
    return Bars(
        symbol=symbol,
        timeframe_ms=HOUR_MS,
        open_time_ms=FIRST_MS + HOUR_MS * hour,
        open=opened,
        high=np.maximum(opened, close) * (1 + reach[0]),
        low=np.minimum(opened, close) * (1 - reach[1]),
        close=close,
        volume=rng.lognormal(5.0, 1.0, count),
        mark=close,
        funding_rate=np.where(hour % 8 == 0, rng.normal(1e-4, 1e-4, count), np.nan),
        funding_known=True,
    )


def records(held: dict[str, Bars], *, running: bool = True) -> Iterator[Record]:
    """Yield what the gateway reads: newest bars, reference data, the state of the process."""
    for bars in held.values():
        for row in range(max(len(bars) - HELD, 0), len(bars)):
            opened = int(bars.open_time_ms[row])
            yield Bar(
                symbol=bars.symbol,
                timeframe_ms=HOUR_MS,
                event_time_ms=opened + HOUR_MS,
                available_time_ms=opened + HOUR_MS,
                open_time_ms=opened,
                open=float(bars.open[row]),
                high=float(bars.high[row]),
                low=float(bars.low[row]),
                close=float(bars.close[row]),
                volume=float(bars.volume[row]),
                origin="backfill",
                source="binanceusdm/simulated",
            )
    yield from read_seeds(START_MS)
    if running:
        yield status("backtest", event_time_ms=START_MS)


class Bench:
    """Computes each request in a thread of its own and tells the stage.

    Args:
        held: Bars by symbol.
        pace_s: Waited at each progress, to have something to look at.
    """

    def __init__(self, held: dict[str, Bars], pace_s: float = 0.0) -> None:
        self.held, self._pace_s = held, pace_s
        self._stage: RecordFeed | None = None
        self._cancelled: set[str] = set()
        self.was_cancelled = threading.Event()
        self._threads: list[threading.Thread] = []
        self._free = threading.Event()
        self._free.set()
        self._steps = threading.Semaphore(0)

    def serve(self, stage: RecordFeed) -> None:
        """Answer to a stage from now on."""
        self._stage = stage

    def hold(self) -> None:
        """Let every job wait at each progress for a ``step``, until ``go``."""
        self._steps = threading.Semaphore(0)
        self.was_cancelled.clear()
        self._free.clear()

    def step(self, count: int = 1) -> None:
        """Let jobs that are held take so many steps."""
        self._steps.release(count)

    def go(self) -> None:
        """Hold no more."""
        self._free.set()
        self._steps.release()

    def take(self, record: Record) -> None:
        """Take what the gateway publishes."""
        if isinstance(record, JobCommand):
            self._cancelled.add(record.job_id)
            self.was_cancelled.set()
        if isinstance(record, BacktestRequest):
            thread = threading.Thread(target=self._run, args=(record,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def join(self) -> None:
        """Wait for every job to end."""
        while self._threads:
            self._threads.pop().join(STEP_WITHIN_S)

    def _run(self, request: BacktestRequest) -> None:
        assert self._stage is not None
        tell, job_id, spec = self._stage.feed, request.request_id, request.spec
        started_s, told = time.monotonic(), 0

        def cancelled() -> bool:
            return job_id in self._cancelled

        def progress(done: int, total: int | None, best: float | None) -> None:
            nonlocal told
            tell(
                JobProgress(
                    job_id=job_id,
                    event_time_ms=_now_ms(),
                    sequence=told,
                    stage="progress" if told else "init",
                    trial=done,
                    total=total,
                    best=best,
                )
            )
            told += 1
            time.sleep(self._pace_s)
            if not self._free.is_set():
                self._steps.acquire(timeout=STEP_WITHIN_S)

        progress(0, spec.trials if isinstance(spec, OptimizeSpec) else None, None)
        status, result, error = "done", None, None
        try:
            bars = cut_to(self.held[spec.symbol], spec)
            result = json.loads(json.dumps(run_spec(spec, bars, progress, cancelled)))
            status = "cancelled" if result["partial"] else "done"
        except ValueError as wrong:
            status, error = "cancelled" if cancelled() else "failed", str(wrong)
        tell(
            JobResult(
                job_id=job_id,
                kind=spec.kind,
                event_time_ms=_now_ms(),
                status=status,  # type: ignore[arg-type]  # one of the literal's words
                error=error,
                fault="request" if status == "failed" else None,
                trials=0 if result is None else int(result.get("trials") or 1),
                seconds=round(time.monotonic() - started_s, 3),
                spec=spec.model_dump(mode="json"),
                result=result,
            )
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
