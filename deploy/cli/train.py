"""``regimeflow train``: ask the training process for models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.console import Json, fail, kafka, load_settings, parse_running_ms, show
from deploy.cli.train_report import show_report
from deploy.time_text import span_text
from schemas.ids import derived_id
from schemas.symbols import canonical
from schemas.timeframes import timeframe_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.market import HistoryReady
    from schemas.training import TrainingRequest


def train(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SYMBOL...]",
            help="Some symbols; all by default. With `report [VERSION]`: what its training says.",
        ),
    ] = None,
    *,
    timeframe: Annotated[
        str | None, typer.Option(help="Whose bars the model predicts; the base bar by default")
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="A model of every timeframe that runs, the base bar's first"),
    ] = False,
    in_browser: Annotated[
        bool, typer.Option("--open", help="With `report`: its page in the browser")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask for a model of this home's market, trained on all of its history.

    The model is judged and promoted as every other. The same call at the same bar asks once.
    `regimeflow train report [VERSION]` prints the report of a model, the newest by default.
    """
    if words and words[0] == "report":
        if len(words) > 2 or every or timeframe is not None:
            raise fail("expected `regimeflow train report [VERSION] [--open]` and no more", 2)
        version = words[1] if len(words) > 1 else None
        show_report(version, as_json=as_json, in_browser=in_browser)
        return
    if in_browser:
        raise fail("--open is for `regimeflow train report`: there is no page of a request", 2)
    from streams.runtime.publisher import Publisher
    from workers.training.newest_request import newest_requests, ready_histories

    if every and timeframe is not None:
        raise fail(f"--all means every timeframe: give it, or --timeframe {timeframe}", 2)
    if timeframe is not None:
        parse_running_ms(timeframe)
    chosen_settings = load_settings()
    strategy, lengths_ms = chosen_settings.strategy, chosen_settings.lengths_ms
    with kafka() as settings:
        ready = ready_histories(settings, strategy, lengths_ms)
        if not ready:
            raise fail(
                f"no history of {strategy} is ready yet; `regimeflow status` shows how far it is"
            )
        chosen = list(ready.values()) if every else [_chosen(ready, timeframe)]
        chosen = [_of_symbols(history, words or []) for history in chosen]
        requests = newest_requests(settings, chosen, "manual")
        if words:  # another request than that for all of them
            requests = [_renamed(request) for request in requests]
        publisher = Publisher(settings, "operator")
        for request in requests:
            publisher.publish(request)
        publisher.flush()
    bodies = [request.model_dump(mode="json") for request in requests]
    show(bodies if every else bodies[0], list(map(_line, requests)), as_json=as_json)


def _chosen(ready: Mapping[int, HistoryReady], timeframe: str | None) -> HistoryReady:
    """Return the history of a timeframe; without one the first, which is the base bar's."""
    named = {timeframe_name(timeframe_ms): history for timeframe_ms, history in ready.items()}
    wanted = next(iter(named)) if timeframe is None else timeframe
    if wanted not in named:
        known = ", ".join(named)
        raise fail(
            f"--timeframe {wanted}: no such history is there or runs, but those of {known}", 2
        )
    return named[wanted]


def _of_symbols(history: HistoryReady, words: list[str]) -> HistoryReady:
    """Return the history of some symbols, in their order there; of all without any."""
    try:
        wanted = {canonical(word) for word in words}
    except ValueError as error:
        raise fail(f"SYMBOL: {error}", 2) from None
    if unknown := sorted(wanted - set(history.symbols)):
        raise fail(
            f"no history of {', '.join(unknown)} is ready, expected some of "
            f"{', '.join(history.symbols)}",
            2,
        )
    kept = tuple(symbol for symbol in history.symbols if symbol in wanted or not wanted)
    return history.model_copy(update={"symbols": kept})


def _renamed(request: TrainingRequest) -> TrainingRequest:
    return request.model_copy(
        update={"request_id": derived_id(request.request_id, *request.symbols)}
    )


def _line(request: TrainingRequest) -> str:
    symbols = ", ".join(request.symbols)
    return (
        f"asked for a model of {symbols}, bars of {timeframe_name(request.timeframe_ms)}, "
        f"{span_text(request.from_ms, request.to_ms)}; `regimeflow status` shows it"
    )
