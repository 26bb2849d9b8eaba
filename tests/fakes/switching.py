"""Models that change under a flow of bars: promotion decides, a thread loads, inference predicts.

As in the inference process: changes are applied beside the batches, and a bar waits for the model
that its posterior names. Bars come as fast as they are predicted.
"""

from __future__ import annotations

import queue
import resource
import threading
import time
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from schemas.features import FeatureVector
from schemas.models import ModelChanged, ModelRegistered
from schemas.predictions import Prediction
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from streams.processor import StateKey
from streams.promotion.processor import PROCESSOR as PROMOTION
from streams.runtime.memory_driver import MemoryDriver
from tests.build import close_time, features, model_command, regimes
from workers.inference.worker import apply_change
from workers.model_watch import ModelReadiness
from workers.serving.pairing import WINDOW
from workers.serving.processor import inference_processor
from workers.serving.slots import Slots

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
POOL = 64  # distinct bars of a symbol
PAGE = resource.getpagesize()


@dataclass
class Flow:
    """What a flow of bars under changing models has come to; it keeps no answer.

    Attributes:
        bars: How many each version has answered.
        wrong: Bars that were not answered once for each symbol by the version that counts.
        steady_s: Time of each batch while no model was loaded.
        switching_s: Time of each batch while one was.
        resident: Bytes of the process after each switch.
        loads: Models that were read from their folders.
    """

    bars: Counter[str] = field(default_factory=Counter)
    wrong: list[int] = field(default_factory=list)
    steady_s: array[float] = field(default_factory=lambda: array("d"))
    switching_s: array[float] = field(default_factory=lambda: array("d"))
    resident: list[int] = field(default_factory=list)
    loads: int = 0


class SwitchedModels:
    """A champion and candidates that are promoted in turn and rolled back, bar after bar."""

    def __init__(self, models: Sequence[ModelRegistered]) -> None:
        self.flow = Flow()
        self._champion, *self._candidates = (model.model_version for model in models)
        self._slots = Slots()
        self._readiness = ModelReadiness(self._slots.way)
        self._processor = inference_processor(self._slots, lambda: 0, self._readiness.wait_for)
        self._states: dict[StateKey, Any] = {}
        self._promotion = MemoryDriver((PROMOTION,))
        self._changes: queue.SimpleQueue[ModelChanged | None] = queue.SimpleQueue()
        self._loading = threading.Event()
        self._serving: list[tuple[int, str]] = []  # first bar and version, in order
        self._halves = {symbol: _halves(symbol, models[0].feature_names) for symbol in SYMBOLS}
        self._registered = models
        self.minute = 0

    def run(self, switches: int, lead: int, between: int) -> Flow:
        """Switch so many times, each second time back; return what came of it.

        Args:
            switches: Number of them.
            lead: Bars from the order of a promotion until it counts; a rollback counts at once.
            between: Bars after each switch.
        """
        loader = threading.Thread(target=self._load_changes, name="models")
        loader.start()
        try:
            self._bars(WINDOW)
            for model in self._registered:
                self._tell(model.changed({"event_time_ms": close_time(self.minute)}))
            self._bars(WINDOW)
            for switch in range(switches):
                if switch % 2:
                    self._order("rollback", lead=1, no_archive=True)
                    self._bars(1 + between)
                else:
                    candidate = self._candidates[switch // 2 % len(self._candidates)]
                    self._order("promote", lead=lead, version=candidate)
                    self._bars(lead + between)
                self.flow.resident.append(resident_bytes())
        finally:
            self._changes.put(None)
            loader.join(60.0)
        return self.flow

    def _order(self, action: Any, lead: int, **fields: Any) -> None:
        now = self.minute - 1  # the newest bar
        order = model_command(action, now, effective_from_ms=close_time(now + lead), **fields)
        self._tell(order)

    def _tell(self, record: Record) -> None:
        for fact in self._promotion.feed(record):
            if isinstance(fact, ModelChanged):
                self._serving.append((fact.effective_from_ms, fact.model.model_version))
                self._changes.put(fact)

    def _load_changes(self) -> None:
        for change in iter(self._changes.get, None):
            self._loading.set()
            in_memory = self._slots.in_memory(change.model) is not None
            apply_change(self._slots, change)
            self.flow.loads += not in_memory
            self._loading.clear()
            self._readiness.settle(change.model.model_version)

    def _bars(self, count: int) -> None:
        for _ in range(count):
            self._bar()

    def _bar(self) -> None:
        now = close_time(self.minute)
        version = next((v for since, v in reversed(self._serving) if since <= now), None)
        batch = list(self._batch(now, version))
        loading = self._loading.is_set()
        began = time.perf_counter()
        assert self._processor.step_batch is not None
        changed, outputs = self._processor.step_batch(self._before(batch), batch)
        took = time.perf_counter() - began
        loading = loading or self._loading.is_set()
        self._states |= changed
        (self.flow.switching_s if loading else self.flow.steady_s).append(took)
        self._note(now, version, [each for made in outputs for each in made])
        self.minute += 1

    def _before(self, batch: Sequence[Record]) -> dict[StateKey, Any]:
        keys = {self._processor.key_of(record) for record in batch}
        return {key: self._states.get(key, self._processor.initial) for key in keys}

    def _batch(self, now: int, version: str | None) -> Iterator[Record]:
        for symbol in SYMBOLS:
            vectors, posterior = self._halves[symbol]
            yield vectors[self.minute % POOL].changed({"event_time_ms": now})
            yield posterior.changed({"event_time_ms": now, "parameters_version": version})

    def _note(self, now: int, version: str | None, made: Sequence[Record]) -> None:
        answers = [
            (each.symbol, each.event_time_ms, each.model_version)
            for each in made
            if isinstance(each, Prediction)
        ]
        counts = [(symbol, now, version) for symbol in SYMBOLS if version is not None]
        if answers != counts:
            self.flow.wrong.append(self.minute)
        elif version is not None:
            self.flow.bars[version] += 1


def resident_bytes() -> int:
    """Return the memory of this process that is in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def _halves(symbol: str, names: Sequence[str]) -> tuple[list[FeatureVector], RegimeProbabilities]:
    drawn = np.random.default_rng(SYMBOLS.index(symbol)).normal(size=(POOL, len(names)))
    vectors = [
        features(0, symbol, **dict(zip(names, np.abs(row).tolist(), strict=True))) for row in drawn
    ]
    return vectors, regimes(symbol=symbol)
