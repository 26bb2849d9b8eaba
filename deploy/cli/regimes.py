"""``regimeflow regimes ...``: what the regime filter says of recorded markets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from deploy.cli.console import Json, load_settings, progress_bar, report_errors, show
from deploy.time_text import time_text

app = typer.Typer(help="The regime filter.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def regimes() -> None:
    """Keep the name of the one command."""


@app.command("report")
def report(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Bars: FILE or FILE=SYMBOL:TIMEFRAME.")
    ],
    *,
    train_bars: Annotated[
        int, typer.Option(min=1_000, help="Bars before a block that its filter is fitted on.")
    ] = 10_000,
    refit_bars: Annotated[
        int, typer.Option(min=100, help="Bars of a block, until the next fit.")
    ] = 2_500,
    as_json: Json = False,
) -> None:
    """Show how the regime filter behaves on recorded bars that it was not fitted on.

    Files of one timeframe are fitted together, as the symbols of a pipeline are.
    """
    load_settings()  # a wrong setting is told as by every command
    with report_errors(2):  # a file that is named wrong is a wrong call
        from workers.bars.recording import read_recording
        from workers.training.regime_report import ReportPlan, regime_report

        recording = read_recording(files)
    with report_errors(), progress_bar("fits") as progress:
        document = regime_report(recording.files, ReportPlan(train_bars, refit_bars), progress)
    show(document, lambda: _lines(document), as_json=as_json)


def _lines(document: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{document['timeframe']} bars; {document['fits']} fits, each on "
        f"{document['train_bars']:,} bars, judged on the next {document['refit_bars']:,}; "
        "intervals are of 95 %"
    )
    yield (
        "nats a bar: how much likelier the next bar was by the forecast that knows the regimes, as "
        "the mean"
    )
    yield "of log likelihoods; +0.01 is 1 % likelier, 0 is nothing gained"
    for symbol, market in document["markets"].items():
        yield from ("", *_market_lines(symbol, market))


def _market_lines(symbol: str, market: dict[str, Any]) -> Iterator[str]:
    span = f"{time_text(market['from_ms'])} to {time_text(market['to_ms'])}"
    entropy, refits, gains = market["entropy"], market["refits"], market["next_bar"]
    yield f"{symbol}, {market['bars']:,} bars, {span} UTC"
    yield (
        f"  a regime lasts    {market['dwell_bars']:.1f} bars; "
        f"{market['switches_per_1000_bars']:.1f} switches in 1,000"
    )
    yield (
        f"  entropy           {' / '.join(f'{value:.2f}' for value in entropy.values())} (10, 50 "
        f"and 90 % of the bars); fails a signal in {market['entropy_confirmation_fails']:.1%}"
    )
    yield f"  above 99 % sure   in {market['almost_certain']:.1%}"
    if refits["same_name"] is not None:
        yield (
            f"  refits agree      {refits['adjusted_rand']:.2f} on the mean, "
            f"{refits['least_adjusted_rand']:.2f} at least (adjusted Rand index); "
            f"{refits['same_name']:.0%} keep their name"
        )
    for name in ("return", "range"):
        said = _interval(gains[f"log_{name}"], "+.4f")
        yield f"  next bar's {name:<6} {said} nats a bar beyond what its volatility says"
    yield f"  {'':<10}{'share':>6}{'lasts':>7}   {'next return, bps':<26}next volatility, bps"
    for name, regime in market["regimes"].items():
        moves = _interval(regime["next_return_bps"], "+.2f")
        volatility = _interval(regime["next_volatility_bps"], ".1f")
        yield f"  {_stay(name, regime)}   {moves:<26}{volatility}"
    for name, state in market["trend_states"].items():
        yield f"  {_stay(name, state)}"


def _stay(name: str, stay: dict[str, Any]) -> str:
    dwell = "-" if stay["dwell_bars"] is None else f"{stay['dwell_bars']:.1f}"
    return f"{name:<10}{stay['share']:>6.1%}{dwell:>7}"


def _interval(value: dict[str, float | None], form: str) -> str:
    mean, low, high = value["mean"], value["low"], value["high"]
    if mean is None:
        return "unknown"
    return f"{mean:{form}}" + (
        "" if low is None or high is None else f" ({low:{form}} to {high:{form}})"
    )
