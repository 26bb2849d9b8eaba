"""``regimeflow topics ...``: the topics of the cluster and their dead letters."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deploy.cli.console import (
    Json,
    cluster,
    emit,
    fail,
    kafka,
    parse_symbol,
    report_errors,
    time_text,
)
from streams.runtime.wall_clock import wall_ms

if TYPE_CHECKING:
    from deploy.topics.dead_letters import LetterFilter, StoredLetter
    from streams.runtime.settings import KafkaSettings

app = typer.Typer(help="The topics on the cluster.", no_args_is_help=True, rich_markup_mode=None)
dlq = typer.Typer(
    help="Dead letters: what was refused, and why.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(dlq, name="dlq")

Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[LETTER...]", help="As `dlq list --each` shows them.")
]
SourceTopic = Annotated[str | None, typer.Option("--topic", help="Where the letters came from.")]
Consumer = Annotated[str | None, typer.Option(help="Who refused them.")]
Kind = Annotated[
    Literal["undecodable", "rejected", "bug"] | None, typer.Option(help="How they were refused.")
]
Cause = Annotated[str | None, typer.Option(help="Part of the cause.")]

LONGEST_SHOWN = 400  # characters of a record that people look at


@app.command("list")
def topics_list(*, as_json: Json = False) -> None:
    """List every topic, its records, and who is behind."""
    from deploy.topics.admin import list_lags, list_topics

    with report_errors(), cluster() as client:
        states, lags = list_topics(client), list_lags(client)
    if as_json:
        emit({"topics": [s.__dict__ for s in states], "lags": [lag.__dict__ for lag in lags]})
        return
    width = max((len(state.name) for state in states), default=0)
    for state in states:
        behind = ", ".join(f"{g.group} {g.lag} behind" for g in lags if g.topic == state.name)
        typer.echo(f"{state.name:<{width}}  {state.end - state.start:>9}  {behind}".rstrip())


@app.command("apply")
def topics_apply(
    *,
    partitions: Annotated[int, typer.Option(min=1, help="Of topics that are created.")] = 1,
    mend: Annotated[bool, typer.Option("--mend", help="Set differing settings as wanted.")] = False,
    as_json: Json = False,
) -> None:
    """Create missing topics and publish reference data; exit code 1 when a topic differs."""
    from deploy.local.pipeline import kafka_settings
    from deploy.topics.admin import apply_topics, mend_topics
    from deploy.topics.refdata import publish_refdata

    with report_errors(), cluster() as client:
        applied = apply_topics(client, partitions)
        if mend:
            mend_topics(client, applied.differing)
            applied = apply_topics(client, partitions)
        published = publish_refdata(kafka_settings(client))
    if as_json:
        emit(
            {
                "created": applied.created,
                "unchanged": applied.unchanged,
                "differing": [difference.__dict__ for difference in applied.differing],
                "refdata": published,
            }
        )
    else:
        typer.echo(f"{len(applied.created)} created, {len(applied.unchanged)} as wanted")
        if published:
            typer.echo(f"reference data published: {', '.join(published)}")
        for each in applied.differing:
            typer.echo(
                f"{each.topic}: {each.setting} is {each.found}, expected {each.wanted} "
                "(--mend sets it)"
            )
    raise typer.Exit(1 if applied.differing else 0)


@app.command("tail")
def topics_tail(
    topic: Annotated[str, typer.Argument(help="A topic of the table, or one of its .dlq.")],
    *,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    count: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for new records.")] = False,
    as_json: Json = False,
) -> None:
    """Print the newest records of a topic, one a line."""
    from deploy.topics.tail import newest_records, topic_row

    with report_errors(2):
        row = topic_row(topic)
    wanted = parse_symbol(symbol) if symbol else None
    with kafka() as settings:
        for record in newest_records(settings, row, symbol=wanted, count=count, follow=follow):
            typer.echo(record if as_json else record[:LONGEST_SHOWN])


@dlq.command("list")
def dlq_list(
    *,
    topic: SourceTopic = None,
    consumer: Consumer = None,
    kind: Kind = None,
    cause: Cause = None,
    every: Annotated[bool, typer.Option("--all", help="Replayed and dropped ones too.")] = False,
    each: Annotated[bool, typer.Option("--each", help="One line a letter, with its name.")] = False,
    as_json: Json = False,
) -> None:
    """List open dead letters by cause."""
    from deploy.topics.dead_letters import LetterFilter, group_letters, read_letters

    with report_errors(2):
        wanted = LetterFilter((), topic, consumer, kind, cause)
    with kafka() as settings:
        found = read_letters(settings, wanted)
    shown = [letter for letter in found if every or letter.state == "open"]
    groups = group_letters(shown)
    if as_json and each:
        emit([{**one.__dict__, "letter": one.letter.model_dump()} for one in shown])
    elif as_json:
        emit([group.__dict__ for group in groups])
    elif not shown:
        typer.echo("no open dead letters" if not every else "no dead letters")
    elif each:
        for one in shown:
            inside = one.letter
            typer.echo(
                f"{one.id}  {one.state}  {time_text(one.seen_ms)}  {inside.consumer}  "
                f"{inside.kind}: {inside.cause}"
            )
    else:
        for group in groups:
            span = f"{time_text(group.first_seen_ms)} to {time_text(group.last_seen_ms)}"
            typer.echo(f"{group.count:>7}  {group.topic}  {group.consumer}  {span}")
            typer.echo(f"         {group.kind}: {group.cause}")


@dlq.command("replay")
def dlq_replay(
    ids: Ids = None,
    *,
    topic: SourceTopic = None,
    consumer: Consumer = None,
    kind: Kind = None,
    cause: Cause = None,
    reason: Annotated[str, typer.Option(help="Kept with the audit entry.")] = "",
    as_json: Json = False,
) -> None:
    """Publish the bytes of commands and requests again."""
    from deploy.topics.dead_letters import AuditStamp, LetterFilter, replay_letters

    with report_errors(2):
        wanted = LetterFilter(tuple(ids or ()), topic, consumer, kind, cause)
    _require_chosen(wanted)
    with kafka() as settings:
        chosen = _chosen(settings, wanted)
        replay_letters(settings, chosen, AuditStamp(getpass.getuser(), wall_ms(), reason))
    _told("replayed", chosen, as_json=as_json)


@dlq.command("drop")
def dlq_drop(
    ids: Ids = None,
    *,
    topic: SourceTopic = None,
    consumer: Consumer = None,
    kind: Kind = None,
    cause: Cause = None,
    reason: Annotated[str, typer.Option(help="Why nothing more is needed; kept for ever.")],
    as_json: Json = False,
) -> None:
    """Say that letters need nothing more; --all lists them still."""
    from deploy.topics.dead_letters import AuditStamp, LetterFilter, drop_letters

    with report_errors(2):
        wanted = LetterFilter(tuple(ids or ()), topic, consumer, kind, cause)
    _require_chosen(wanted)
    with kafka() as settings:
        chosen = _chosen(settings, wanted)
        drop_letters(settings, chosen, AuditStamp(getpass.getuser(), wall_ms(), reason))
    _told("dropped", chosen, as_json=as_json)


def _require_chosen(wanted: LetterFilter) -> None:
    if wanted.empty:
        raise fail("name letters, or choose them by --topic, --consumer, --kind or --cause", 2)


def _chosen(settings: KafkaSettings, wanted: LetterFilter) -> list[StoredLetter]:
    """Return the letters that an operator names; open ones where a filter finds them."""
    from deploy.topics.dead_letters import read_letters

    found = read_letters(settings, wanted)
    absent = sorted(set(wanted.ids) - {letter.id for letter in found})
    if absent:
        raise fail(f"no dead letter {', '.join(absent)}; `topics dlq list --each` names them", 2)
    return [letter for letter in found if wanted.ids or letter.state == "open"]


def _told(done: str, chosen: list[StoredLetter], *, as_json: bool) -> None:
    if as_json:
        emit({done: [letter.id for letter in chosen]})
    else:
        typer.echo(f"{len(chosen)} {done}")
