"""``regimeflow notify ...``: where notifications go."""

from __future__ import annotations

import typer

from deploy.cli.console import Json, fail, load_settings, show

app = typer.Typer(help="Where notifications go.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def notify() -> None:
    """Take what stands before a command."""


@app.command("test")
def notify_test(*, as_json: Json = False) -> None:
    """Send a test message to every sink; exit code 1 when one does not take it."""
    from workers.notify.rules import Message
    from workers.notify.worker import read_rules, read_sinks
    from workers.process import SettingsRefused

    settings = load_settings()
    try:
        read_rules(settings)
        sinks = read_sinks(settings)
    except SettingsRefused as refusal:
        raise fail(str(refusal), 2) from None
    if not sinks:
        raise fail("no sink is set: REGIMEFLOW_NOTIFY_URLS names where notifications go")
    message = Message("RegimeFlow: test", "A test message; nothing has happened.", "info")
    answers = {sink.name: sink.send(message) for sink in sinks}
    lines = [f"{name}: {'answered' if took else 'no answer'}" for name, took in answers.items()]
    show(
        [{"sink": name, "answered": took} for name, took in answers.items()],
        lines,
        as_json=as_json,
    )
    raise typer.Exit(0 if all(answers.values()) else 1)
