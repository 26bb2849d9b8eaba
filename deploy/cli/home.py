"""``regimeflow home``: the folder in which everything is kept."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli.console import Json, fail, load_settings, report_errors, show

app = typer.Typer(
    help="The folder in which everything is kept.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def take_group() -> None:
    """Keep the name of the command, although it is the only one."""


@app.command("delete")
def home_delete(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it for ever.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a stopped home: topics, models, results and logs; prod refuses it."""
    from deploy.local.backup import stopped
    from deploy.local.home_environment import require_deletable
    from deploy.local.home_parts import delete_home

    settings = load_settings()
    with report_errors():
        require_deletable(settings, f"the home {settings.home}")
    if not settings.home.is_dir():
        raise fail(f"{settings.home} is no home: nothing has run there")
    if not yes:
        raise fail(
            f"this would delete {settings.home} for ever, with its topics and models: say --yes, "
            "after `regimeflow backup create`",
            2,
        )
    with report_errors(), stopped(settings.home):
        others = delete_home(settings.home)
    if settings.kafka_bootstrap_servers is not None:
        others.append(f"the topics on {settings.kafka_bootstrap_servers}")
    lines = [f"{settings.home} is deleted", *(f"left: {name}" for name in others)]
    show({"deleted": str(settings.home), "left": others}, lines, as_json=as_json)
