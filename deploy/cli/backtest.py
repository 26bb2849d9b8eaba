"""``regimeflow backtest ...``: one back-test, a search, a walk-forward, or everything at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from deploy.cli.console import (
    Json,
    emit,
    fail,
    load_settings,
    parse_time_ms,
    progress_bar,
    report_errors,
)

if TYPE_CHECKING:
    from schemas.research import Market
    from workers.bars.sources import Source

app = typer.Typer(
    help="Back-tests on recorded bars: one, a search, walk-forward, all.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SPEC = TypeVar("SPEC", bound="Market")

Strategy = Annotated[str | None, typer.Argument(help="A shipped one, e.g. ema_cross.")]
Files = Annotated[
    list[str] | None,
    typer.Option("--data", help="FILE, FILE=SYMBOL:TIMEFRAME or a folder; else this home's bars."),
]
Funding = Annotated[
    Path | None,
    typer.Option(help="Folder of SYMBOL_funding and SYMBOL_mark files; else beside the bars."),
]
Symbol = Annotated[str | None, typer.Option(help="One of several, in any spelling.")]
Timeframe = Annotated[str | None, typer.Option(help="A multiple of the stored bars, e.g. 4h.")]
Since = Annotated[str | None, typer.Option("--from", help="First open: ISO 8601 (UTC) or ms.")]
Until = Annotated[str | None, typer.Option("--to", help="Last close.")]
Fee = Annotated[float | None, typer.Option(help="Taker fee of one side [5].")]
Slippage = Annotated[float | None, typer.Option(help="Of one side [1].")]
Leverage = Annotated[float | None, typer.Option(help="Notional over equity [1].")]
Request = Annotated[
    Path | None, typer.Option("--spec", help="JSON of a request; options replace its fields.")
]
Out = Annotated[Path | None, typer.Option("--out", help="File for the whole result, JSON.")]
Window = Annotated[str | None, typer.Option(help="Windows in bars, MIN:MAX:STEP.")]
Signal = Annotated[str | None, typer.Option(help="Thresholds, MIN:MAX:STEP.")]
Space = Annotated[
    list[str] | None, typer.Option(help="Of a strategy's parameter, NAME=MIN:MAX:STEP.")
]
Indicator = Annotated[str | None, typer.Option(help="Instead of a strategy [bollinger_z].")]
SignalType = Annotated[str | None, typer.Option(help="momentum, reversion, ..._long.")]
Objective = Annotated[str | None, typer.Option(help="sharpe, sortino, calmar, total_return.")]


@app.command()
def run(
    strategy: Strategy = None,
    *,
    files: Files = None,
    funding: Funding = None,
    symbol: Symbol = None,
    param: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the strategy.")] = None,
    timeframe: Timeframe = None,
    since: Since = None,
    until: Until = None,
    fee_bps: Fee = None,
    slippage_bps: Slippage = None,
    leverage: Leverage = None,
    request: Request = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Back-test a strategy at fixed parameters."""
    from deploy.cli.tables.backtest import performance_lines
    from schemas.research import PerformanceSpec

    params = {name: _number(value) for name, value in map(_named, param or ())}
    fields = _fields(request, locals()) | ({"params": params} if params else {})
    source = _source(files, funding, symbol)
    spec = _spec(PerformanceSpec, source, fields)
    with report_errors(2):
        from workers.research.performance import performance

        result = performance(spec, source.bars(spec))
    _tell(result, performance_lines, out, as_json=as_json)


@app.command()
def optimize(
    strategy: Strategy = None,
    *,
    files: Files = None,
    funding: Funding = None,
    symbol: Symbol = None,
    space: Space = None,
    indicator: Indicator = None,
    signal_type: SignalType = None,
    window: Window = None,
    signal: Signal = None,
    objective: Objective = None,
    sampler: Annotated[
        str | None, typer.Option(help="grid, TPESampler, RandomSampler, CmaEsSampler.")
    ] = None,
    n_trials: Annotated[int | None, typer.Option(min=1, help="Of a sampler [100].")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    timeframe: Timeframe = None,
    since: Since = None,
    until: Until = None,
    fee_bps: Fee = None,
    slippage_bps: Slippage = None,
    leverage: Leverage = None,
    request: Request = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Search parameters, and say how much of the best is luck."""
    from deploy.cli.tables.backtest import optimize_lines
    from schemas.research import OptimizeSpec

    fields = _fields(request, locals()) | _ranges(window, signal, space)
    source = _source(files, funding, symbol)
    spec = _spec(OptimizeSpec, source, fields)
    with progress_bar("parameter sets") as progress, report_errors(2):
        from workers.research.optimise import optimise

        bars = source.bars(spec)
        result = optimise(spec, bars, _shown(progress), lambda: False)
    _tell(result, optimize_lines, out, as_json=as_json)


@app.command(name="walk-forward")
def walk_forward(
    strategy: Strategy = None,
    *,
    files: Files = None,
    funding: Funding = None,
    symbol: Symbol = None,
    space: Space = None,
    indicator: Indicator = None,
    signal_type: SignalType = None,
    window: Window = None,
    signal: Signal = None,
    objective: Objective = None,
    scheme: Annotated[str | None, typer.Option(help="rolling or anchored.")] = None,
    train_bars: Annotated[int | None, typer.Option(help="[a third of the span]")] = None,
    test_bars: Annotated[int | None, typer.Option(help="[a ninth of the span]")] = None,
    purge_bars: Annotated[int | None, typer.Option(help="Left out between the two [1].")] = None,
    timeframe: Timeframe = None,
    since: Since = None,
    until: Until = None,
    fee_bps: Fee = None,
    slippage_bps: Slippage = None,
    leverage: Leverage = None,
    request: Request = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Choose on one stretch, trade the next, move on."""
    from deploy.cli.tables.backtest import walk_forward_lines
    from schemas.research import WalkForwardSpec

    fields = _fields(request, locals()) | _ranges(window, signal, space)
    source = _source(files, funding, symbol)
    spec = _spec(WalkForwardSpec, source, fields)
    with progress_bar("parameter sets") as progress, report_errors(2):
        from workers.research.walk_forward import walk_forward as run_windows

        result = run_windows(spec, source.bars(spec), _shown(progress), lambda: False)
    _tell(result, walk_forward_lines, out, as_json=as_json)


@app.command(name="run-all")
def run_all(
    *,
    files: Files = None,
    funding: Funding = None,
    only: Annotated[
        list[str] | None, typer.Option("--strategy", help="Only this one; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of summary and report.")] = Path("reports"),
    timeframe: Timeframe = None,
    since: Since = None,
    until: Until = None,
    fee_bps: Fee = None,
    slippage_bps: Slippage = None,
    leverage: Leverage = None,
    as_json: Json = False,
) -> None:
    """Back-test every symbol with every strategy; exit code 1 when a pair failed."""
    from deploy.cli.tables.backtest import summary_lines
    from workers.research.reports.report import summary_of
    from workers.research.reports.run_all import pairs_of, run_all, write_report
    from workers.research.strategies import STRATEGIES, strategy_named

    request = strategy = None
    fields = _fields(request, locals())
    with report_errors(2):
        names = [strategy_named(name).name for name in only or [s.name for s in STRATEGIES]]
        sources, passed = _sources(files, funding)
    with progress_bar("back-tests") as progress:
        results, failures = run_all(list(pairs_of(sources, names, fields)), progress)
    with report_errors():
        written = write_report(results, failures, out)
    if as_json:
        emit(summary_of(results, failures))
    else:
        typer.echo("\n".join(summary_lines(summary_of(results, failures), passed)))
        typer.echo("\n".join(map(str, written)))
    raise typer.Exit(1 if failures else 0)


FIELDS = (
    *("strategy", "timeframe", "fee_bps", "slippage_bps", "leverage", "indicator", "signal_type"),
    *("objective", "sampler", "n_trials", "seed", "scheme", "train_bars", "test_bars"),
    "purge_bars",
)


def _fields(request: Path | None, given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a request: those of a file, replaced by the options that were given."""
    fields: dict[str, Any] = {}
    if request is not None:
        try:
            fields = json.loads(request.read_text())
        except (OSError, ValueError) as error:
            raise fail(f"--spec {request}: expected the JSON of a request: {error}", 2) from None
        if not isinstance(fields, dict):
            raise fail(f"--spec {request}: expected one JSON object, got {fields!r:.40}", 2)
    options = {name: given[name] for name in FIELDS if given.get(name) is not None}
    times = {"from_ms": given.get("since"), "to_ms": given.get("until")}
    return fields | options | {name: parse_time_ms(text) for name, text in times.items() if text}


def _ranges(window: str | None, signal: str | None, space: list[str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if window:
        found["window_range"] = _range("--window", window)
    if signal:
        found["signal_range"] = _range("--signal", signal)
    if space:
        named = map(_named, space)
        found["space"] = {name: _range(f"--space {name}", text) for name, text in named}
    return found


def _range(option: str, text: str) -> list[float]:
    parts = text.split(":")
    if len(parts) != 3:
        raise fail(f"{option} {text!r}, expected MIN:MAX:STEP such as 10:100:10", 2)
    return [_number(part) for part in parts]


def _named(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise fail(f"{text!r}, expected NAME=VALUE", 2)
    return name, value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise fail(f"{text!r}, expected a number", 2) from None


def _sources(files: list[str] | None, funding: Path | None) -> tuple[list[Source], list[str]]:
    from workers.bars.sources import archived_sources, sources_of

    if files:
        found, passed = sources_of(files, funding)
        where = ", ".join(files)
    else:
        home = load_settings().home
        found, passed, where = archived_sources(home), [], f"the archive of {home}"
    if not found:
        raise fail(
            f"no bars in {where}: give --data FILE or a folder of files such as "
            "BTCUSDT_perp_1h.parquet",
            2,
        )
    return found, passed


def _source(files: list[str] | None, funding: Path | None, symbol: str | None) -> Source:
    """Return the one market that is meant."""
    from deploy.cli.console import parse_symbol

    with report_errors(2):
        found, _ = _sources(files, funding)
    if symbol is not None:
        found = [source for source in found if source.symbol == parse_symbol(symbol)]
    if len(found) != 1:
        names = ", ".join(source.name for source in found) or "none"
        raise fail(f"expected bars of one market, got {names}; choose with --data or --symbol", 2)
    return found[0]


def _spec(kind: type[SPEC], source: Source, fields: dict[str, Any]) -> SPEC:
    from pydantic import ValidationError

    from workers.settings_errors import error_lines

    try:
        return kind(**(fields | {"symbol": source.symbol}))
    except ValidationError as invalid:
        raise fail("; ".join(error_lines(invalid)), 2) from None


def _shown(progress: Callable[[int, int], None]) -> Callable[[int, int, float | None], None]:
    return lambda done, total, best: progress(done, total)  # noqa: ARG005 - the bar shows no score


def _tell(
    result: dict[str, Any],
    lines: Callable[[dict[str, Any]], list[str]],
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    if out is not None:
        with report_errors():
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(json.dumps(result, allow_nan=False) + "\n")
    if as_json:
        emit(result)
    else:
        typer.echo("\n".join(lines(result)))
