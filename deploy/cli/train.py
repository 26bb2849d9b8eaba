"""``regimeflow train``: ask for models by the command that every retraining is asked for with."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from deploy.cli.console import Json, fail, kafka, load_settings, parse_running_ms, show
from deploy.cli.train_report import show_report
from schemas.symbols import canonical
from schemas.timeframes import timeframe_name

LONGEST_REASON = 1_000

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.commands import CommandOutcome
    from schemas.market import HistoryReady
    from schemas.versions import ModelCommand


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
    version: Annotated[
        str | None, typer.Option(help="With `report`: its number, or its model version")
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="In spite of cooldown, monthly budget and circuit breaker."),
    ] = False,
    reason: Annotated[str, typer.Option(help="Kept with the audit entry.")] = "",
    search: Annotated[
        int | None,
        typer.Option(
            metavar="TRIALS",
            min=0,
            help="Of a search for the forest's parameters in each fold; as the config says by "
            "default",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask for a model of this home's market, trained on all of its history.

    The limits of retraining hold, and the model is judged and promoted as every other; no gateway
    is needed. `regimeflow train report [VERSION]` prints the gates of a model, the newest of the
    base bar by default.
    """
    if words and words[0] == "report":
        wanted = [*words[1:], *([] if version is None else [version])]
        if len(wanted) > 1 or every or search is not None:
            expected = "`regimeflow train report [VERSION] [--timeframe T] [--open]`"
            raise fail(f"expected {expected} and no more", 2)
        named = wanted[0] if wanted else None
        show_report(named, timeframe, as_json=as_json, in_browser=in_browser)
        return
    if in_browser or version is not None:
        raise fail("--open and --version are for `regimeflow train report`: a request has none", 2)
    from deploy.topics.commands import send_commands
    from schemas.variants import MOST_TRIALS
    from workers.training.newest_request import newest_closes, ready_histories
    from workers.training.queue import read_market_time

    if every and timeframe is not None:
        raise fail(f"--all means every timeframe: give it, or --timeframe {timeframe}", 2)
    if timeframe is not None:
        parse_running_ms(timeframe)
    if search is not None and search > MOST_TRIALS:
        raise fail(f"--search {search}, expected {MOST_TRIALS} trials of a fold at most", 2)
    if len(reason) > LONGEST_REASON:
        raise fail(f"--reason: {len(reason)} characters, expected {LONGEST_REASON} at most", 2)
    chosen_settings = load_settings()
    strategy, lengths_ms = chosen_settings.strategy, chosen_settings.lengths_ms
    with kafka() as settings:
        ready = ready_histories(settings, strategy, lengths_ms)
        if not ready:
            raise fail(
                f"no history of {strategy} is ready yet; `regimeflow status` shows how far it is"
            )
        chosen = list(ready.values()) if every else [_chosen(ready, timeframe)]
        market_ms, wanted = read_market_time(settings) or 0, words or []
        commands = [
            _command(history, closes, market_ms).model_copy(
                update={
                    "symbols": _symbols(history, wanted),
                    "force": force,
                    "reason": reason,
                    "search_trials": search,
                }
            )
            for history, closes in zip(chosen, newest_closes(settings, chosen), strict=True)
        ]
        outcomes = send_commands(settings, [(command, None) for command in commands])
    decided = [outcomes.get(command.command_id) for command in commands]
    _show(decided, every=every, as_json=as_json)


def _show(decided: list[CommandOutcome | None], *, every: bool, as_json: bool) -> None:
    """Show how each command was decided; exit code 1 where one was refused, or none came."""
    outcomes = [outcome for outcome in decided if outcome is not None]
    if len(outcomes) < len(decided):
        raise fail(
            f"{len(decided) - len(outcomes)} of {len(decided)} not decided in time; the process "
            "promotion decides them once it runs: `regimeflow status` shows whether it does"
        )
    refused = [each.detail for each in outcomes if each.status == "refused"]
    bodies = [each.model_dump(mode="json") for each in outcomes]
    accepted = [each for each in outcomes if each.status != "refused"]
    lines = [f"{each.detail}; `regimeflow status` shows it" for each in accepted]
    show(bodies if every else bodies[0], lines, as_json=as_json)
    if refused and as_json:  # the outcome says it
        raise typer.Exit(1)
    if refused:
        raise fail("; ".join(refused))


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


def _symbols(history: HistoryReady, words: list[str]) -> tuple[str, ...]:
    """Return the canonical names of some symbols, in the order of their history."""
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
    return tuple(symbol for symbol in history.symbols if symbol in wanted)


def _command(history: HistoryReady, closes: dict[str, int], market_ms: int) -> ModelCommand:
    """Return the command to train on a history up to the newest closes of its symbols."""
    from schemas.versions import ModelCommand
    from streams.runtime.wall_clock import wall_ms

    return ModelCommand(
        command_id=str(uuid4()),
        event_time_ms=wall_ms(),
        by=getpass.getuser()[:100],
        strategy=history.strategy,
        timeframe_ms=history.timeframe_ms,
        action="retrain",
        market_ms=max(market_ms, *closes.values()),
        closes=closes,
    )
