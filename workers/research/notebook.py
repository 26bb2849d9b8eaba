"""For notebooks: read bars, run back-tests, searches and walk-forwards, get tables and plots.

    from workers.research.notebook import load, walk_forward
    bars = load("BTCUSDT_perp_1h.parquet")
    walk_forward(bars, window_range=(20, 400, 20), signal_range=(0.5, 2, 0.25)).frame()

These functions take the fields of the request of the same name, and return what the route does.
``build_features`` returns the features of a market. The examples read a file of 2,000 hourly bars.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.research import OptimizeSpec, PerformanceSpec, WalkForwardSpec
from schemas.symbols import canonical
from workers.bars.arrays import Bars
from workers.bars.sources import cut_to
from workers.provenance import with_provenance
from workers.research.outcome import JSON

if TYPE_CHECKING:
    import pandas as pd

MAIN_PART = {"optimize": "top_10", "performance": "daily_pnl", "walk_forward": "windows"}
MAIN_PLOT = {"optimize": "heatmap", "performance": "equity", "walk_forward": "equity"}
TIME_COLUMNS = ("time_ms", "day_end_ms", "entry_time_ms", "exit_time_ms")


@dataclass(frozen=True)
class ResearchResult:
    """A result: the plain record that the route returns, and tables and plots of its parts.

    >>> bars = load("BTCUSDT_perp_1h.parquet")
    >>> result = performance(bars, window=40, signal=1.0)
    >>> result["market"]["bars"], result["kind"]
    (2000, 'performance')
    """

    record: JSON

    def __getitem__(self, name: str) -> Any:
        return self.record[name]

    def __repr__(self) -> str:
        verdict = self.record.get("verdict") or f"Sharpe {self.record['metrics']['sharpe_ratio']}"
        return f"<{self.record['kind']} of {self.record['market']['symbol']}: {verdict}>"

    def frame(self, name: str | None = None) -> Any:
        """Return a part as a pandas frame.

        Args:
            name: ``top_10``, ``windows``, ``equity``, ``daily_pnl``, ``trades``, ``monthly``,
                ``benchmarks``, ``heatmap``; None: the main one of this kind of result.

        Raises:
            KeyError: The result has no such part; the message names those it has.

        >>> result = performance(load("BTCUSDT_perp_1h.parquet"), window=40, signal=1.0)
        >>> list(result.frame("benchmarks")["name"])
        ['buy and hold', 'cash']
        """
        import pandas as pd

        name = name or MAIN_PART[self.record["kind"]]
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
        for column in TIME_COLUMNS:
            if column in frame:
                frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
        return frame

    def plot(self, name: str | None = None) -> Any:
        """Return a plot as a Plotly figure, which a notebook shows.

        Args:
            name: One of ``result["plots"]``; None: the main one of this kind of result.

        Raises:
            KeyError: The result has no such plot; the message names those it has.

        >>> result = performance(load("BTCUSDT_perp_1h.parquet"), window=40, signal=1.0)
        >>> result.plot().layout.title.text
        'Equity'
        """
        from workers.research.charts.plotly_json import to_figure

        name = name or MAIN_PLOT[self.record["kind"]]
        if name not in self.record["plots"]:
            raise KeyError(f"there is no plot {name}; there are {', '.join(self.record['plots'])}")
        return to_figure(self.record["plots"][name])


def load(
    path: str | Path, funding: str | Path | None = None, mark: str | Path | None = None
) -> Bars:
    """Read bars of a Parquet or CSV file; arguments are those of ``Bars.from_file``.

    >>> bars = load("BTCUSDT_perp_1h.parquet")
    >>> bars.symbol, len(bars)
    ('BTCUSDT', 2000)
    """
    return Bars.from_file(path, funding, mark)


def build_features(
    symbol: str,
    data: str | Path | None = None,
    *,
    timeframe: str | None = None,
    dropna: bool = False,
) -> pd.DataFrame:
    """Return all features of a symbol, a row for each bar close (UTC), as the models see them.

    Args:
        symbol: In any spelling, such as ``BTC-USD``.
        data: File or folder of bars, or ``FILE=SYMBOL:TIMEFRAME``, which is run through the live
            processors; None: what this home's pipeline has published, up to ten seconds ago.
        timeframe: Such as ``1h``; None: that of the file, or the base one of the pipeline.
        dropna: Leave out bars with a null, and features that the source never gives.

    Raises:
        ValueError: There are no features of the symbol, or a file is wrong; the message names it.

    >>> frame = build_features("BTC-USD", "BTCUSDT_perp_1h.parquet")
    >>> frame.shape, frame.attrs["symbol"]
    ((2000, 104), 'BTCUSDT')
    >>> build_features("BTC-USD", "BTCUSDT_perp_1h.parquet", timeframe="4h").attrs["timeframe"]
    '4h'
    """
    from workers.bars.bar_names import parse_timeframe
    from workers.research import feature_frame
    from workers.settings import Settings
    from workers.storage import location, use_endpoint

    name, length_ms = canonical(symbol), parse_timeframe(timeframe) if timeframe else None
    if data is not None:
        frame = feature_frame.computed_features(str(data), name, length_ms)
    else:
        settings = Settings()
        use_endpoint(settings.s3_endpoint)
        frame = feature_frame.archived_features(location(settings.archive), name, length_ms)
    return feature_frame.complete_rows(frame) if dropna else frame


def performance(bars: Bars, **fields: Any) -> ResearchResult:
    """Run one back-test.

    Args:
        bars: Of one symbol.
        **fields: Of ``PerformanceSpec``.

    Raises:
        ValueError: A field is wrong, or the bars do not suffice; the message names the value.

    >>> bars = load("BTCUSDT_perp_1h.parquet")
    >>> result = performance(bars, window=40, signal=1.0, fee_bps=0.0)
    >>> len(result.frame("trades")) == result["trades"]["count"]
    True
    """
    from workers.research.performance import performance as run

    spec = PerformanceSpec(**({"symbol": bars.symbol} | fields))
    return _result(run(spec, cut_to(bars, spec)))


def optimise(bars: Bars, **fields: Any) -> ResearchResult:
    """Try the combinations of a grid, all or those a sampler picks, and judge the best.

    Args:
        bars: Of one symbol.
        **fields: Of ``OptimizeSpec``.

    Raises:
        ValueError: A field is wrong, or the bars do not suffice; the message names the value.

    >>> bars = load("BTCUSDT_perp_1h.parquet")
    >>> result = optimise(bars, window_range=(20, 80, 20), signal_range=(0.5, 1.5, 0.5))
    >>> result["trials"], result.frame("heatmap").shape
    (12, (3, 4))
    """
    from workers.research.optimise import optimise as run

    spec = OptimizeSpec(**({"symbol": bars.symbol} | fields))
    return _result(run(spec, cut_to(bars, spec), _ignore_progress, _never))


def walk_forward(bars: Bars, **fields: Any) -> ResearchResult:
    """Choose on one window, trade the choice on the next, and move on.

    Args:
        bars: Of one symbol.
        **fields: Of ``WalkForwardSpec``.

    Raises:
        ValueError: A field is wrong, or the bars do not suffice; the message names the value.

    >>> bars = load("BTCUSDT_perp_1h.parquet")
    >>> grid = {"window_range": (20, 80, 20), "signal_range": (0.5, 1.5, 0.5)}
    >>> result = walk_forward(bars, **grid, train_bars=960, test_bars=480)
    >>> len(result.frame())  # a row for each window
    3
    """
    from workers.research.walk_forward import walk_forward as run

    spec = WalkForwardSpec(**({"symbol": bars.symbol} | fields))
    return _result(run(spec, cut_to(bars, spec), _ignore_progress, _never))


def _result(record: JSON) -> ResearchResult:
    return ResearchResult(with_provenance(record, [record["spec"], record["market"]]))


def _ignore_progress(done: int, total: int, best: float | None) -> None:
    """Nobody waits for progress."""


def _never() -> bool:
    return False
