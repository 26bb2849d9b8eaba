"""The journal: commands in; entries, and results of trades that have ended, out.

    journal.commands.v1  -->  [journal]  -->  journal.entries.v1, trades.results.v1,
    commands.outcomes.v1, operators.audit.v1

A correction is another revision of its trade; no entry is ever changed. Where a trade no longer has
an end, its result is withdrawn.
"""

from __future__ import annotations

from schemas.journal import JournalCommand, JournalEntry
from schemas.record import Record
from schemas.topics import (
    COMMAND_OUTCOMES,
    JOURNAL_COMMANDS,
    JOURNAL_ENTRIES,
    OPERATOR_AUDIT,
    TRADE_RESULTS,
)
from streams.commands import CommandedState, Ruling, is_repeated, is_stale, settle, stale
from streams.journal.result import is_finished, trade_result
from streams.processor import Outputs, Processor


class JournalState(CommandedState):
    """One trade as it stands; None before it is added."""

    entry: JournalEntry | None = None


def step(state: JournalState, command: JournalCommand) -> tuple[JournalState, Outputs]:
    """Decide one command."""
    if is_repeated(state, command):
        return state, ()
    if is_stale(state, command):
        ruling = stale(state, command, command.trade_id)
    else:
        ruling = _decide(state, command)
    return settle(state, command, ("journal", command.action), ruling)


def _decide(state: JournalState, command: JournalCommand) -> Ruling:
    before, name = state.entry, command.trade_id
    stood = "" if before is None else before.trade.action
    if before is None and command.action == "correct":
        return Ruling("unknown", f"the journal has no trade {name}", name)
    if before is not None and _says_the_same(before, command):
        return Ruling("same", f"{name} stands like that", name, before=stood)
    if before is not None and (command.action == "add" or before.symbol != command.symbol):
        detail = f"{name} is a trade of {before.symbol}; correct it, or add one of another id"
        return Ruling("conflict", detail, name, before=stood)
    entry = JournalEntry(
        strategy=command.strategy,
        trade_id=name,
        symbol=command.symbol,
        revision=state.revision + 1,
        event_time_ms=command.event_time_ms,
        trade=command.trade,
        grounds=command.grounds,
        command_id=command.command_id,
        by=command.by,
        reason=command.reason,
    )
    done = "added" if before is None else f"corrected: revision {entry.revision}"
    return Ruling(
        "done",
        f"{name} is {done}",
        name,
        {"entry": entry},
        (entry, *_results(before, entry)),
        before=stood,
        after=entry.trade.action,
    )


def _says_the_same(entry: JournalEntry, command: JournalCommand) -> bool:
    asked = (command.symbol, command.trade, command.grounds)
    return (entry.symbol, entry.trade, entry.grounds) == asked


def _results(before: JournalEntry | None, after: JournalEntry) -> tuple[Record, ...]:
    if is_finished(after):
        return (trade_result(after),)
    if before is not None and is_finished(before):
        again = before.model_copy(update={"revision": after.revision})
        return (trade_result(again, withdrawn=True),)
    return ()


PROCESSOR = Processor(
    name="journal",
    reads=(JOURNAL_COMMANDS,),
    writes=(JOURNAL_ENTRIES, TRADE_RESULTS, COMMAND_OUTCOMES, OPERATOR_AUDIT),
    initial=JournalState(),
    step=step,
    state_key=("trade_id",),
)
