"""``regimeflow backtest ...``: one back-test, a search, a walk-forward, or everything at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli.backtest_request import (
    Files,
    Funding,
    MarketOptions,
    SearchOptions,
    TermOptions,
    find_sources,
    parse_number,
    parse_pairs,
    request_fields,
)
from deploy.cli.console import Json, progress_bar, report_errors, show, validate, write_json
from deploy.cli.job_log import logged
from deploy.cli.job_strategy import named_strategy
from deploy.cli.options import with_options

app = typer.Typer(
    help="Back-tests on recorded bars: one, a search, walk-forward, all.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Strategy = Annotated[
    str | None, typer.Argument(help="A shipped one, e.g. ema_cross, or one with an ACTIVE config.")
]


@dataclass(frozen=True)
class SamplerOptions:
    """How a search chooses its sets."""

    sampler: Annotated[
        str | None, typer.Option(help="grid, TPESampler, RandomSampler, CmaEsSampler.")
    ] = None
    n_trials: Annotated[int | None, typer.Option(min=1, help="Of a sampler [100].")] = None
    seed: Annotated[int | None, typer.Option(min=0)] = None


@dataclass(frozen=True)
class WindowOptions:
    """The windows of a walk-forward."""

    scheme: Annotated[str | None, typer.Option(help="rolling or anchored.")] = None
    train_bars: Annotated[int | None, typer.Option(help="[a third of the span]")] = None
    test_bars: Annotated[int | None, typer.Option(help="[a ninth of the span]")] = None
    purge_bars: Annotated[int | None, typer.Option(help="Left out between the two [1].")] = None


@dataclass(frozen=True)
class ResultOptions:
    """Where the request comes from, and where the result goes."""

    request: Annotated[
        Path | None, typer.Option("--spec", help="JSON of a request; options replace its fields.")
    ] = None
    out: Annotated[Path | None, typer.Option("--out", help="File for the whole result, JSON.")] = (
        None
    )
    as_json: Json = False

    def show(self, result: dict[str, Any], lines: Sequence[str]) -> None:
        """Write the result with its provenance where it is wanted, and print it."""
        from workers.provenance import with_provenance

        result = with_provenance(result, [result["spec"], result["market"]])
        if result["spec"]["log"]:
            [result] = logged([result])
        if self.out is not None:
            with report_errors():
                write_json(self.out, result)
        show(result, lines, as_json=self.as_json)


@app.command()
@with_options
def run(
    strategy: Strategy = None,
    *,
    market: MarketOptions,
    param: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the strategy.")] = None,
    terms: TermOptions,
    output: ResultOptions,
) -> None:
    """Back-test a strategy at fixed parameters."""
    from deploy.cli.tables.backtest import performance_lines
    from schemas.research import PerformanceSpec

    params = {name: parse_number(value) for name, value in parse_pairs(param or ())}
    options = {"strategy": strategy, "params": params or None}
    fields = request_fields(output.request, options, terms.fields())
    source = market.source(terms.timeframe)
    spec = named_strategy(validate(PerformanceSpec, fields | {"symbol": source.symbol}))
    with report_errors(2):
        from workers.research.performance import performance

        result = performance(spec, source.bars(spec))
    output.show(result, performance_lines(result))


@app.command()
@with_options
def optimize(
    strategy: Strategy = None,
    *,
    market: MarketOptions,
    search: SearchOptions,
    sampling: SamplerOptions,
    terms: TermOptions,
    output: ResultOptions,
) -> None:
    """Search parameters, and say how much of the best is luck."""
    from deploy.cli.tables.backtest import optimize_lines
    from schemas.research import OptimizeSpec

    options = ({"strategy": strategy}, search.fields(), asdict(sampling), terms.fields())
    fields = request_fields(output.request, *options)
    source = market.source(terms.timeframe)
    spec = named_strategy(validate(OptimizeSpec, fields | {"symbol": source.symbol}))
    with progress_bar("parameter sets") as progress, report_errors(2):
        from workers.research.optimise import optimise

        bars = source.bars(spec)
        result = optimise(spec, bars, _without_score(progress), lambda: False)
    output.show(result, optimize_lines(result))


@app.command(name="walk-forward")
@with_options
def walk_forward(
    strategy: Strategy = None,
    *,
    market: MarketOptions,
    search: SearchOptions,
    windows: WindowOptions,
    terms: TermOptions,
    output: ResultOptions,
) -> None:
    """Choose on one stretch, trade the next, move on."""
    from deploy.cli.tables.backtest import walk_forward_lines
    from schemas.research import WalkForwardSpec

    options = ({"strategy": strategy}, search.fields(), asdict(windows), terms.fields())
    fields = request_fields(output.request, *options)
    source = market.source(terms.timeframe)
    spec = named_strategy(validate(WalkForwardSpec, fields | {"symbol": source.symbol}))
    with progress_bar("parameter sets") as progress, report_errors(2):
        from workers.research.walk_forward import walk_forward as run_windows

        result = run_windows(spec, source.bars(spec), _without_score(progress), lambda: False)
    output.show(result, walk_forward_lines(result))


@app.command(name="run-all")
@with_options
def run_all(
    *,
    files: Files = None,
    funding: Funding = None,
    only: Annotated[
        list[str] | None, typer.Option("--strategy", help="Only this one; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of summary and report.")] = Path("reports"),
    terms: TermOptions,
    as_json: Json = False,
) -> None:
    """Back-test every symbol with every strategy; exit code 1 when a pair failed."""
    from deploy.cli.tables.backtest import summary_lines
    from workers.provenance import with_provenance
    from workers.research.reports.run_all import all_pairs, run_all, write_report
    from workers.research.reports.summary import summary_document
    from workers.research.strategies import STRATEGIES, strategy_named

    fields = request_fields(None, terms.fields())
    with report_errors(2):
        names = [strategy_named(name).name for name in only or [s.name for s in STRATEGIES]]
        sources, passed_over = find_sources(files, funding)
    with progress_bar("back-tests") as progress:
        results, failures = run_all(list(all_pairs(sources, names, fields)), progress)
    with report_errors():
        written = write_report(results, failures, out)
    if fields.get("log"):
        identities = [[result["spec"], result["market"]] for result in results]
        logged(list(map(with_provenance, results, identities)))
    pairs = [result["market"] for result in results]
    summary = with_provenance(summary_document(results, failures), [fields, names, pairs])
    show(summary, [*summary_lines(summary, passed_over), *map(str, written)], as_json=as_json)
    raise typer.Exit(1 if failures else 0)


def _without_score(
    progress: Callable[[int, int], None],
) -> Callable[[int, int, float | None], None]:
    return lambda done, total, best: progress(done, total)  # noqa: ARG005 - the bar shows no score
