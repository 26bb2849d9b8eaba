"""A back-test as it is written on the command line: a file, bars, options, ranges."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.console import (
    fail,
    load_settings,
    parse_length_ms,
    parse_symbol,
    parse_time_ms,
    report_errors,
)

if TYPE_CHECKING:
    from workers.bars.sources import Source

Fields = dict[str, Any]

Files = Annotated[
    list[str] | None,
    typer.Option("--data", help="FILE, FILE=SYMBOL:TIMEFRAME or a folder; else this home's bars."),
]
Funding = Annotated[
    Path | None,
    typer.Option(help="Folder of SYMBOL_funding and SYMBOL_mark files; else beside the bars."),
]


Exit = Annotated[
    list[str] | None,
    typer.Option(
        help="Of every position, NAME=VALUE: stoploss=-0.05, roi_min, trailing_stop, "
        "trailing_offset, hold_bars, minimal_roi=0:0.04,60:0.02 (gains by minutes)."
    ),
]


@dataclass(frozen=True)
class MarketOptions:
    """Which recorded market."""

    files: Files = None
    funding: Funding = None
    symbol: Annotated[str | None, typer.Option(help="One of several, in any spelling.")] = None

    def source(self, timeframe: str | None) -> Source:
        """Return the one market; exit code 2 for none or several.

        Of several files of a symbol it is the one of the timeframe.
        """
        from workers.bars.sources import of_timeframe

        with report_errors(2):
            sources, _ = find_sources(self.files, self.funding)
        if self.symbol is not None:
            wanted = parse_symbol(self.symbol)
            sources = [source for source in sources if source.symbol == wanted]
        if len({source.symbol for source in sources}) == 1 and timeframe:
            sources = list(of_timeframe(sources, parse_length_ms(timeframe)))
        if len(sources) != 1:
            names = ", ".join(source.name for source in sources) or "none"
            raise fail(
                f"expected bars of one market, got {names}; choose with --data, --symbol or "
                "--timeframe",
                2,
            )
        return sources[0]


@dataclass(frozen=True)
class SearchOptions:
    """What is searched: parameters of a strategy, or an indicator with windows and thresholds."""

    space: Annotated[
        list[str] | None, typer.Option(help="Of a strategy's parameter, NAME=MIN:MAX:STEP.")
    ] = None
    indicator: Annotated[str | None, typer.Option(help="Instead of a strategy [bollinger_z].")] = (
        None
    )
    signal_type: Annotated[str | None, typer.Option(help="momentum, reversion, ..._long.")] = None
    window: Annotated[str | None, typer.Option(help="Windows in bars, MIN:MAX:STEP.")] = None
    signal: Annotated[str | None, typer.Option(help="Thresholds, MIN:MAX:STEP.")] = None
    objective: Annotated[
        str | None, typer.Option(help="sharpe, sortino, calmar, total_return.")
    ] = None

    def fields(self) -> Fields:
        """Return them as fields of a request; None where an option is absent."""
        space = {
            name: parse_range(f"--space {name}", text)
            for name, text in parse_pairs(self.space or ())
        }
        return {
            "indicator": self.indicator,
            "signal_type": self.signal_type,
            "objective": self.objective,
            "window_range": parse_range("--window", self.window) if self.window else None,
            "signal_range": parse_range("--signal", self.signal) if self.signal else None,
            "space": space or None,
        }


@dataclass(frozen=True)
class TermOptions:
    """On which bars, and at which costs."""

    timeframe: Annotated[
        str | None, typer.Option(help="A multiple of the stored bars, e.g. 4h.")
    ] = None
    since: Annotated[
        str | None, typer.Option("--from", help="First open: ISO 8601 (UTC) or ms.")
    ] = None
    until: Annotated[str | None, typer.Option("--to", help="Last close.")] = None
    fee_bps: Annotated[float | None, typer.Option(help="Taker fee of one side [5].")] = None
    slippage_bps: Annotated[float | None, typer.Option(help="Of one side [1].")] = None
    leverage: Annotated[float | None, typer.Option(help="Notional over equity [1].")] = None
    exit: Exit = None
    log: Annotated[bool, typer.Option("--log", help="Also as a run of MLflow.")] = False

    def fields(self) -> Fields:
        """Return them as fields of a request; None where an option is absent."""
        return {
            "timeframe": self.timeframe,
            "from_ms": parse_time_ms(self.since) if self.since else None,
            "to_ms": parse_time_ms(self.until) if self.until else None,
            "fee_bps": self.fee_bps,
            "slippage_bps": self.slippage_bps,
            "leverage": self.leverage,
            "exits": parse_exits(self.exit or ()) or None,
            "log": self.log or None,
        }


def request_fields(path: Path | None, *options: Mapping[str, Any]) -> Fields:
    """Return the fields of a request: those of a file, replaced by every option that is present."""
    present = {
        name: value for group in options for name, value in group.items() if value is not None
    }
    return read_request(path) | present


def read_request(path: Path | None) -> Fields:
    """Return the fields of a request in a file; none without a file."""
    if path is None:
        return {}
    try:
        fields = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise fail(f"--spec {path}: expected the JSON of a request: {error}", 2) from None
    if not isinstance(fields, dict):
        raise fail(f"--spec {path}: expected one JSON object, got {fields!r:.40}", 2)
    return fields


def find_sources(files: list[str] | None, funding: Path | None) -> tuple[list[Source], list[str]]:
    """Return the markets of files, else of this home's archive, and which files were passed over.

    Exit code 2 when there is no market.
    """
    from workers.bars.sources import archived_sources
    from workers.bars.sources import find_sources as find_file_sources
    from workers.storage import location

    if files:
        sources, passed_over = find_file_sources(files, funding)
        where = ", ".join(files)
    else:
        archive = location(load_settings().archive)
        sources, passed_over, where = archived_sources(archive), [], f"the archive {archive}"
    if not sources:
        raise fail(
            f"no bars in {where}: give --data FILE or a folder of files such as "
            "BTCUSDT_perp_1h.parquet",
            2,
        )
    return sources, passed_over


def parse_range(option: str, text: str) -> list[float]:
    """Return minimum, maximum and step of ``MIN:MAX:STEP``."""
    parts = text.split(":")
    if len(parts) != 3:
        raise fail(f"{option} {text!r}, expected MIN:MAX:STEP such as 10:100:10", 2)
    return [parse_number(part) for part in parts]


def parse_pairs(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return name and value of each ``NAME=VALUE``."""
    pairs = []
    for text in texts:
        name, mark, value = text.partition("=")
        if not mark or not name:
            raise fail(f"{text!r}, expected NAME=VALUE", 2)
        pairs.append((name, value))
    return pairs


def parse_exits(texts: Iterable[str]) -> Fields:
    """Return the exits of some ``NAME=VALUE``; exit code 2 for what is none."""
    from schemas.exits import Exits

    exits: Fields = {}
    for name, text in parse_pairs(texts):
        if name not in Exits.model_fields:
            raise fail(f"--exit {name!r}, expected one of {', '.join(Exits.model_fields)}", 2)
        if name != "minimal_roi":
            exits[name] = parse_number(text)
            continue
        rows = [row.partition(":") for row in text.split(",")]
        if not all(mark for _, mark, _ in rows):
            raise fail(f"--exit {name}={text!r}, expected MINUTES:GAIN such as 0:0.04,60:0.02", 2)
        exits[name] = {age: parse_number(gain) for age, _, gain in rows}
    return exits


def parse_number(text: str) -> float:
    """Return a number; exit code 2 for anything else."""
    try:
        return float(text)
    except ValueError:
        raise fail(f"{text!r}, expected a number", 2) from None
