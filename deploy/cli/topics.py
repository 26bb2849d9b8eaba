"""``regimeflow topics ...``: the topics of the cluster and their dead letters."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deploy.cli.console import (
    Json,
    cluster,
    emit,
    fail,
    kafka,
    load_settings,
    note,
    parse_running_ms,
    parse_symbol,
    report_errors,
    show,
)
from deploy.cli.options import DryRun, with_options
from deploy.time_text import span_text, time_text
from streams.runtime.wall_clock import wall_ms

if TYPE_CHECKING:
    from deploy.topics.dead_letters import LetterFilter, LetterGroup, StoredLetter
    from schemas.commands import CommandOutcome
    from streams.runtime.settings import KafkaSettings

app = typer.Typer(help="The topics on the cluster.", no_args_is_help=True, rich_markup_mode=None)
dlq = typer.Typer(
    help="Dead letters: what was refused, and why.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(dlq, name="dlq")

Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[LETTER...]", help="As `dlq list --each` shows them.")
]


@dataclass(frozen=True)
class LetterOptions:
    """Which dead letters."""

    topic: Annotated[str | None, typer.Option("--topic", help="Where the letters came from.")] = (
        None
    )
    consumer: Annotated[str | None, typer.Option(help="Who refused them.")] = None
    kind: Annotated[
        Literal["undecodable", "rejected", "bug"] | None,
        typer.Option(help="How they were refused."),
    ] = None
    cause: Annotated[str | None, typer.Option(help="Part of the cause.")] = None

    def filter(self, ids: Sequence[str] = ()) -> LetterFilter:
        """Return them as a filter; exit code 2 for a topic without dead letters."""
        from deploy.topics.dead_letters import LetterFilter

        with report_errors(2):
            return LetterFilter(tuple(ids), self.topic, self.consumer, self.kind, self.cause)


@app.command("list")
def topics_list(*, as_json: Json = False) -> None:
    """List every topic, its records, and who is behind."""
    from deploy.topics.admin import list_lags, list_topics

    with report_errors(), cluster() as client:
        states, lags = list_topics(client), list_lags(client)
    if as_json:
        emit({"topics": [row.__dict__ for row in states], "lags": [row.__dict__ for row in lags]})
        return
    width = max((len(state.name) for state in states), default=0)
    for state in states:
        behind = ", ".join(f"{g.group} {g.lag} behind" for g in lags if g.topic == state.name)
        typer.echo(f"{state.name:<{width}}  {state.end - state.start:>9}  {behind}".rstrip())


@app.command("apply")
def topics_apply(
    *,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, help="Of topics that are created [as the others have, else 1]."),
    ] = None,
    mend: Annotated[bool, typer.Option("--mend", help="Set differing settings as wanted.")] = False,
    as_json: Json = False,
) -> None:
    """Create missing topics and publish reference data; exit code 1 when a topic differs.

    The count of partitions is REGIMEFLOW_PARTITIONS or the option; a topic that has another one
    keeps it.
    """
    from deploy.environments import log_retention_days
    from deploy.local.home_environment import require_deletable
    from deploy.local.pipeline import kafka_settings
    from deploy.topics.admin import apply_topics, mend_topics
    from deploy.topics.plan import planned_topics
    from deploy.topics.refdata import publish_refdata

    settings = load_settings()
    partitions = partitions or settings.partitions
    topics = planned_topics(log_retention_days(settings))
    with report_errors(), cluster() as client:
        applied = apply_topics(client, partitions, topics)
        if mend:
            if any(difference.deletes for difference in applied.differing):
                require_deletable(settings, "the records that shorter retention would remove")
            mend_topics(client, applied.differing)
            applied = apply_topics(client, partitions, topics)
        published = publish_refdata(kafka_settings(client))
    document = {
        "created": applied.created,
        "unchanged": applied.unchanged,
        "differing": [difference.__dict__ for difference in applied.differing],
        "refdata": published,
    }
    lines = [f"{len(applied.created)} created, {len(applied.unchanged)} as wanted"]
    if published:
        lines.append(f"reference data published: {', '.join(published)}")
    lines += map(str, applied.differing)
    show(document, lines, as_json=as_json)
    raise typer.Exit(1 if applied.differing else 0)


@app.command("rebuild")
def topics_rebuild(
    chain: Annotated[str, typer.Argument(help="market, inference, signals, promotion, explain.")],
    *,
    as_json: Json = False,
) -> None:
    """Make the state of a stopped chain anew from its inputs, where its changelog is gone."""
    from deploy.topics.rebuild import rebuild_chain

    with kafka() as settings:
        keys = rebuild_chain(chain, settings)
    show({"chain": chain, "keys": keys}, [f"{chain}: {keys} states made anew"], as_json=as_json)


@app.command("tail")
def topics_tail(
    topic: Annotated[str, typer.Argument(help="A topic of the table, or one of its .dlq.")],
    *,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Only of these bars, e.g. 15m.")] = None,
    count: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for new records.")] = False,
    as_json: Json = False,
) -> None:
    """Print the newest records of a topic, one a line: JSON, but on a terminal words for people."""
    from deploy.cli.tables.record import record_line
    from deploy.topics.tail import TailFilter, newest_records, topic_row

    with report_errors(2):
        row = topic_row(topic)
    name = parse_symbol(symbol) if symbol else None
    wanted = TailFilter(name, parse_running_ms(timeframe) if timeframe is not None else None)
    for_people = sys.stdout.isatty() and not as_json
    with kafka() as settings:
        shown = 0
        for record in newest_records(settings, row, wanted, count=count, follow=follow):
            typer.echo(record_line(json.loads(record)) if for_people else record)
            shown += 1
    if not shown:
        of_what = " ".join(filter(None, (name, timeframe)))
        note(f"{topic} holds no record" + (f" of {of_what}" if of_what else ""))


@dlq.command("list")
@with_options
def dlq_list(
    *,
    chosen: LetterOptions,
    every: Annotated[bool, typer.Option("--all", help="Replayed and dropped ones too.")] = False,
    each: Annotated[bool, typer.Option("--each", help="One line a letter, with its name.")] = False,
    as_json: Json = False,
) -> None:
    """List open dead letters by cause."""
    from deploy.topics.dead_letters import group_letters, read_letters

    wanted = chosen.filter()
    with kafka() as settings:
        letters = [
            letter for letter in read_letters(settings, wanted) if every or letter.state == "open"
        ]
    groups = group_letters(letters)
    if as_json and each:
        emit([{**one.__dict__, "letter": one.letter.model_dump()} for one in letters])
    elif as_json:
        emit([group.__dict__ for group in groups])
    elif not letters:
        typer.echo("no open dead letters" if not every else "no dead letters")
    else:
        lines = map(_letter_line, letters) if each else map(_group_lines, groups)
        typer.echo("\n".join(lines))


def _letter_line(stored: StoredLetter) -> str:
    letter = stored.letter
    return (
        f"{stored.id}  {stored.state}  {time_text(stored.seen_ms)}  {letter.consumer}  "
        f"{letter.kind}: {letter.cause}"
    )


def _group_lines(group: LetterGroup) -> str:
    span = span_text(group.first_seen_ms, group.last_seen_ms)
    return (
        f"{group.count:>7}  {group.topic}  {group.consumer}  {span}\n"
        f"         {group.kind}: {group.cause}"
    )


@dlq.command("replay")
@with_options
def dlq_replay(
    ids: Ids = None,
    *,
    chosen: LetterOptions,
    reason: Annotated[str, typer.Option(help="Kept with the audit entry.")] = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Let the records of commands and requests be read again; exit code 1 if one is refused."""
    with _open_letters(chosen, ids) as (settings, letters):
        outcomes = _settle(settings, letters, ("replay", reason, dry_run))
    _show_outcomes("replayed", outcomes, as_json=as_json)


@dlq.command("drop")
@with_options
def dlq_drop(
    ids: Ids = None,
    *,
    chosen: LetterOptions,
    reason: Annotated[str, typer.Option(help="Why nothing more is needed; kept for ever.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say that letters need nothing more; --all lists them still."""
    with _open_letters(chosen, ids) as (settings, letters):
        outcomes = _settle(settings, letters, ("drop", reason, dry_run))
    _show_outcomes("dropped", outcomes, as_json=as_json)


@contextmanager
def _open_letters(
    chosen: LetterOptions, ids: list[str] | None
) -> Iterator[tuple[KafkaSettings, list[StoredLetter]]]:
    """Yield the letters that an operator names; of a filter's letters the open ones."""
    from deploy.topics.dead_letters import read_letters

    wanted = chosen.filter(ids or ())
    if wanted.empty:
        raise fail("name letters, or choose them by --topic, --consumer, --kind or --cause", 2)
    with kafka() as settings:
        letters = read_letters(settings, wanted)
        absent = sorted(set(wanted.ids) - {letter.id for letter in letters})
        if absent:
            raise fail(
                f"no dead letter {', '.join(absent)}; `topics dlq list --each` names them", 2
            )
        yield settings, [letter for letter in letters if wanted.ids or letter.state == "open"]


def _settle(
    settings: KafkaSettings,
    letters: list[StoredLetter],
    wanted: tuple[Literal["replay", "drop"], str, bool],
) -> list[CommandOutcome]:
    from deploy.topics.dead_letters import LetterOrder, settle_letters

    action, reason, dry_run = wanted
    order = LetterOrder(action, getpass.getuser(), wall_ms(), reason, dry_run)
    return settle_letters(settings, letters, order)


def _show_outcomes(done: str, outcomes: list[CommandOutcome], *, as_json: bool) -> None:
    accepted = [each.subject for each in outcomes if each.status == "accepted"]
    refused = {each.subject: each.detail for each in outcomes if each.status == "refused"}
    would = any(each.dry_run for each in outcomes)
    said = f"{len(accepted)} would be {done}" if would else f"{len(accepted)} {done}"
    show({done: accepted, "refused": refused, "dry_run": would}, [said], as_json=as_json)
    if refused:
        first = next(iter(refused.values()))
        raise fail(first if len(refused) == 1 else f"{len(refused)} were refused: {first}")
