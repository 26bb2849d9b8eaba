"""``regimeflow logs``: what every process said, merged in the order of time."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.console import Json, fail, load_settings

if TYPE_CHECKING:
    from deploy.local.log_files import Line

LOOK_EVERY_S = 0.25
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
COLOURS = {"warning": "yellow", "error": "red", "critical": "red", "debug": "bright_black"}


def logs(
    processes: Annotated[
        list[str] | None, typer.Argument(metavar="[PROCESS...]", help="Some processes; all.")
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    level: Annotated[str, typer.Option(help="The lowest: debug, info, warning, error.")] = "info",
    since: Annotated[
        str | None, typer.Option(help="How long ago, 90s, 15m, 2h, 1d, or a time in UTC.")
    ] = None,
    newest: Annotated[
        int | None, typer.Option("--lines", "-n", min=1, help="The newest so many; all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what the processes of this home said, in the order of time."""
    from deploy.local.log_files import LEVELS, LogReader, Wanted, process_names

    folder = load_settings().home / "logs"
    known = process_names(folder)
    names = processes or []
    if not known:
        raise fail(f"{folder} holds no logs yet; `regimeflow run` writes them")
    if unknown := [name for name in names if name not in known]:
        raise fail(f"no log of {', '.join(unknown)}; there are {', '.join(known)}", 2)
    if level.lower() not in LEVELS:
        raise fail(f"level {level!r} is unknown; expected {', '.join(LEVELS)}", 2)
    wanted = Wanted(tuple(names), level.lower(), _since(since))
    reader = LogReader(folder, wanted)
    try:
        lines = reader.read()
        _print(lines if newest is None else lines[-newest:], as_json=as_json)
        while follow:
            time.sleep(LOOK_EVERY_S)
            _print(reader.read(), as_json=as_json)
    except KeyboardInterrupt:
        return


def _since(text: str | None) -> str:
    """Return the earliest time that is wanted, as the lines have it."""
    if text is None:
        return ""
    try:
        if ago := re.fullmatch(r"(\d+)([smhd])", text):
            moment = datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        else:
            moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):  # no time, or none of our calendar
        raise fail(
            f"--since {text!r} is no time; expected 90s, 15m, 2h, 1d or 2026-01-31T12:00", 2
        ) from None


def _print(lines: list[Line], *, as_json: bool) -> None:
    for line in lines:
        typer.echo(json.dumps(line, ensure_ascii=False) if as_json else for_people(line))


def for_people(line: Line) -> str:
    """Return a line as time, level, process, event and facts; a trace stands below it."""
    facts = {
        name: value
        for name, value in line.items()
        if name not in {"time", "level", "process", "event", "exception"}
    }
    level = typer.style(f"{line['level'].upper():<8}", fg=COLOURS.get(line["level"]))
    told = " ".join(f"{name}={_short(value)}" for name, value in facts.items())
    head = f"{line['time'][:23].replace('T', ' ')}  {level}  {line.get('process', ''):<10}"
    trace = f"\n{line['exception']}" if "exception" in line else ""
    return f"{head}  {line['event']:<22}  {told}".rstrip() + trace


def _short(value: object) -> str:
    if isinstance(value, str):
        return value if re.fullmatch(r"\S+", value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
