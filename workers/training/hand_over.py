"""What the children of one training hand over to each other, as files of plain arrays.

They may run side by side: a reader waits until the writer has finished a file.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np

from workers.storage import whole_file
from workers.training.dataset import FeatureSeries
from workers.training.fit import FittedNetworks

SERIES, NETWORKS = "series", "networks.npz"
LOOK_EVERY_S = 0.05
COLUMNS = ("times", "rows", "observed", "open", "high", "low", "close", "natr", "funding")


def write_series(folder: Path, series: Mapping[str, FeatureSeries]) -> None:
    """Write the series of each symbol into a folder, in their order."""
    fresh = folder / f"_{SERIES}"
    fresh.mkdir()
    for number, one in enumerate(series.values()):
        columns = {field.name: getattr(one, field.name) for field in fields(one)}
        np.savez(fresh / f"{number:04}.npz", **columns)
    fresh.rename(folder / SERIES)


def has_series(folder: Path) -> bool:
    """Whether ``write_series`` has written all of them."""
    return (folder / SERIES).exists()


def read_series_files(folder: Path) -> dict[str, FeatureSeries]:
    """Return by symbol what ``write_series`` writes."""
    series = {}
    for path in sorted(_written(folder / SERIES).glob("*.npz")):
        with np.load(path, allow_pickle=False) as stored:
            one = FeatureSeries(
                symbol=str(stored["symbol"]),
                timeframe_ms=int(stored["timeframe_ms"]),
                names=tuple(stored["names"].tolist()),
                **{name: stored[name] for name in COLUMNS},
            )
        series[one.symbol] = one
    return series


def write_networks(folder: Path, networks: FittedNetworks) -> None:
    """Write the files of the networks into a folder, and torch's answers."""
    files = [np.frombuffer(blob, np.uint8) for blob in (*networks.folds, networks.last)]
    with whole_file(folder / NETWORKS) as fresh, fresh.open("wb") as file:
        np.savez(file, *files, answers=networks.answers)


def read_networks(folder: Path) -> FittedNetworks:
    """Return what ``write_networks`` writes."""
    with np.load(_written(folder / NETWORKS), allow_pickle=False) as stored:
        files = [stored[f"arr_{number}"].tobytes() for number in range(len(stored.files) - 1)]
        return FittedNetworks(tuple(files[:-1]), files[-1], stored["answers"])


def _written(path: Path) -> Path:
    """Wait for a file of another child; whoever runs both ends this one if that one fails."""
    while not path.exists():
        time.sleep(LOOK_EVERY_S)
    return path
