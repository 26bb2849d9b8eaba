"""For notebooks: bars from a file, a search or a walk-forward on them, tables and plots of it.

    from workers.research.notebook import load, walk_forward
    bars = load("BTCUSDT_perp_1h.parquet")
    walk_forward(bars, window_range=(20, 400, 20), signal_range=(0.5, 2, 0.25)).frame()

Every function takes the fields of the request of the same name, and returns what the route does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.research import OptimizeSpec, PerformanceSpec, WalkForwardSpec
from workers.bars.arrays import Bars
from workers.bars.sources import cut_to
from workers.research.outcome import JSON

MAIN = {"optimize": "top_10", "performance": "daily_pnl", "walk_forward": "windows"}
FIRST = {"optimize": "heatmap", "performance": "equity", "walk_forward": "equity"}
TIMES = ("time_ms", "day_end_ms", "entry_time_ms", "exit_time_ms")


@dataclass(frozen=True)
class ResearchResult:
    """A result: the plain record that the route returns, and tables and plots of its parts."""

    record: JSON

    def __getitem__(self, name: str) -> Any:
        return self.record[name]

    def __repr__(self) -> str:
        said = self.record.get("verdict") or f"Sharpe {self.record['metrics']['sharpe_ratio']}"
        return f"<{self.record['kind']} of {self.record['market']['symbol']}: {said}>"

    def frame(self, name: str | None = None) -> Any:
        """Return a part as a pandas frame.

        Args:
            name: ``top_10``, ``windows``, ``equity``, ``daily_pnl``, ``trades``, ``monthly``,
                ``benchmarks``, ``heatmap``; None: the main one of this kind of result.

        Raises: KeyError naming the parts there are.
        """
        import pandas as pd

        name = name or MAIN[self.record["kind"]]
        part = self.record.get(name)
        if part is None:
            have = ", ".join(k for k, v in self.record.items() if isinstance(v, dict | list))
            raise KeyError(f"this result has no {name}; it has {have}")
        if name == "heatmap":
            return pd.DataFrame(part["z"], index=part["y"], columns=part["x"])
        if name == "trades":
            part = part["rows"]
        if isinstance(part, dict):
            part = {key: value for key, value in part.items() if isinstance(value, list)}
            frame = pd.DataFrame(part)
        else:
            frame = pd.json_normalize(part)
        for column in TIMES:
            if column in frame:
                frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
        return frame

    def plot(self, name: str | None = None) -> Any:
        """Return a plot as a Plotly figure, which a notebook shows.

        Raises: KeyError naming the plots there are.
        """
        from workers.research.charts.plotly_json import to_figure

        name = name or FIRST[self.record["kind"]]
        if name not in self.record["plots"]:
            raise KeyError(f"there is no plot {name}; there are {', '.join(self.record['plots'])}")
        return to_figure(self.record["plots"][name])


def load(
    path: str | Path, funding: str | Path | None = None, mark: str | Path | None = None
) -> Bars:
    """Read bars of a Parquet or CSV file; arguments are those of ``Bars.from_file``."""
    return Bars.from_file(path, funding, mark)


def performance(bars: Bars, **asked: Any) -> ResearchResult:
    """Run one back-test; ``asked`` are fields of ``PerformanceSpec``."""
    from workers.research.performance import performance as run

    spec = PerformanceSpec(**({"symbol": bars.symbol} | asked))
    return ResearchResult(run(spec, cut_to(bars, spec)))


def optimise(bars: Bars, **asked: Any) -> ResearchResult:
    """Search a grid; ``asked`` are fields of ``OptimizeSpec``."""
    from workers.research.optimise import optimise as run

    spec = OptimizeSpec(**({"symbol": bars.symbol} | asked))
    return ResearchResult(run(spec, cut_to(bars, spec), _ignore_progress, _never))


def walk_forward(bars: Bars, **asked: Any) -> ResearchResult:
    """Choose and trade window after window; ``asked`` are fields of ``WalkForwardSpec``."""
    from workers.research.walk_forward import walk_forward as run

    spec = WalkForwardSpec(**({"symbol": bars.symbol} | asked))
    return ResearchResult(run(spec, cut_to(bars, spec), _ignore_progress, _never))


def _ignore_progress(done: int, total: int, best: float | None) -> None:
    """Nobody waits for progress."""


def _never() -> bool:
    return False
