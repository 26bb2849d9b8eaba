"""Finished fits of a training, kept until it is registered: one that was killed goes on with them.

    <models>/.training/<request>/<content>.network  <content>.model

A fit is kept under the hash of all that it is made of, so it is used again for nothing else. A file
begins with the SHA-256 of the rest: one that was altered or cut off is fitted again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from schemas.regimes import RegimeParameters
from workers.storage import whole_file
from workers.training.dataset import Rows
from workers.training.fit import (
    NO_FILTERS,
    OnProgress,
    TrainingPlan,
    fit_model,
    fit_network,
)
from workers.training.fitted import FittedModel
from workers.training.table import TrainingTable

DIGEST_BYTES = 32
LIBRARIES = ("numpy", "scipy", "torch", "xgboost")


class KeptFits:
    """Fits that look first into the folder of a request.

    Args:
        folder: Of the request, by ``kept_folder``; studies of its folds lie there too.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._digests: dict[int, bytes] = {}  # by the identity of a table, that lives as long
        self._tables: list[TrainingTable] = []

    def model(
        self,
        table: TrainingTable,
        train: Rows,
        plan: TrainingPlan,
        progress: OnProgress,
        previous: Mapping[str, RegimeParameters] = NO_FILTERS,
    ) -> FittedModel:
        """Return what ``fit_model`` returns."""
        names = [parameters.encode() for _, parameters in sorted(previous.items())]
        key = self._key("model", table, train, plan, *names)

        def fit() -> bytes:
            return _encode(fit_model(table, train, plan, progress, previous))

        return _decode(self._kept(key, fit))

    def network(
        self,
        table: TrainingTable,
        train: Rows,
        plan: TrainingPlan,
        on_step: Callable[[float], None],
    ) -> bytes:
        """Return what ``fit_network`` returns."""
        key = self._key("network", table, train, plan)
        return self._kept(key, lambda: fit_network(table, train, plan, on_step))

    def _kept(self, name: str, fit: Callable[[], bytes]) -> bytes:
        path = self.folder / name
        stored = path.read_bytes() if path.is_file() else b""
        digest, content = stored[:DIGEST_BYTES], stored[DIGEST_BYTES:]
        if hashlib.sha256(content).digest() == digest:
            return content
        content = fit()
        with whole_file(path) as fresh:
            fresh.write_bytes(hashlib.sha256(content).digest() + content)
        return content

    def _key(
        self, kind: str, table: TrainingTable, train: Rows, plan: TrainingPlan, *more: bytes
    ) -> str:
        parts = (self._digest(table), train.tobytes(), repr(plan).encode(), *more)
        return f"{_hash(parts)[:32]}.{kind}"

    def _digest(self, table: TrainingTable) -> bytes:
        if id(table) not in self._digests:
            self._tables.append(table)
            observed = [one.observed for one in table.series.values()]
            arrays = (table.times, table.rows, table.classes, *observed)
            versions = [importlib.metadata.version(name) for name in LIBRARIES]
            parts = (*(each.tobytes() for each in arrays), *map(str.encode, versions))
            self._digests[id(table)] = _hash(parts).encode()
        return self._digests[id(table)]


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.hexdigest()


def _encode(fitted: FittedModel) -> bytes:
    texts = [parameters.encode().decode() for parameters in fitted.regimes]
    words = json.dumps({"regimes": texts, "left_out": fitted.left_out}).encode()
    file = io.BytesIO()
    np.savez(
        file,
        forest=np.frombuffer(fitted.forest, np.uint8),
        prior=fitted.prior,
        posteriors=fitted.posteriors,
        words=np.frombuffer(words, np.uint8),
    )
    return file.getvalue()


def _decode(content: bytes) -> FittedModel:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        words = json.loads(stored["words"].tobytes())
        return FittedModel(
            forest=stored["forest"].tobytes(),
            lstm=b"",
            prior=stored["prior"],
            regimes=tuple(RegimeParameters.decode(text.encode()) for text in words["regimes"]),
            posteriors=stored["posteriors"],
            left_out=words["left_out"],
        )
