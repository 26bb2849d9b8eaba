"""What the children of one training hand over to the next, as files of plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np

from workers.training.dataset import FeatureSeries
from workers.training.fit import FittedNetworks

NETWORKS = "networks.npz"
COLUMNS = ("times", "rows", "observed", "open", "close", "funding")


def write_series(folder: Path, series: Mapping[str, FeatureSeries]) -> None:
    """Write the series of each symbol into a folder, in their order."""
    for number, one in enumerate(series.values()):
        columns = {field.name: getattr(one, field.name) for field in fields(one)}
        np.savez(folder / f"series-{number:04}.npz", **columns)


def read_series_files(folder: Path) -> dict[str, FeatureSeries]:
    """Return by symbol what ``write_series`` wrote."""
    series = {}
    for path in sorted(folder.glob("series-*.npz")):
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
    np.savez(folder / NETWORKS, *files, answers=networks.answers)


def read_networks(folder: Path) -> FittedNetworks:
    """Return what ``write_networks`` wrote."""
    with np.load(folder / NETWORKS, allow_pickle=False) as stored:
        files = [stored[f"arr_{number}"].tobytes() for number in range(len(stored.files) - 1)]
        return FittedNetworks(tuple(files[:-1]), files[-1], stored["answers"])
