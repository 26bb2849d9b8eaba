"""``regimeflow config``: every setting as a start here would take it, and where it is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import typer

from deploy.cli.console import Json, load_settings, show, validate


class SettingRow(NamedTuple):
    """One setting.

    Attributes:
        name: ``REGIMEFLOW_<NAME>``.
        value: Masked unless it is known to be no secret; None without one.
        source: variable, secret file, .env or default.
        said_as: The name of a variable, file or line of ``.env``; empty for a default.
    """

    name: str
    value: str | None
    source: str
    said_as: str


def config(
    *,
    show_sources: Annotated[
        bool,
        typer.Option("--show-sources", help="Where each is said: variable, file, line of .env."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show every setting as a start here would take it; secrets are masked."""
    rows = setting_rows()

    def lines() -> Iterator[str]:
        width = max(len(row.name) for row in rows)
        for row in rows:
            said = f"  ({' '.join(filter(None, (row.source, row.said_as)))})"
            yield f"{row.name:<{width}}  {row.value or '-'}{said if show_sources else ''}"

    show([row._asdict() for row in rows], lines, as_json=as_json)


def setting_rows() -> list[SettingRow]:
    """Return the settings of the pipeline, then those of the gateway, then what start-up reads.

    Exit code 2 for settings that are refused.
    """
    from streams.runtime.environment import PREFIX, setting_sources
    from streams.runtime.shown_settings import shown_value

    values, sources = _values(), setting_sources()
    for name in sorted(sources.keys() - values.keys()):
        values[name] = sources[name].value
    rows = []
    for name, value in values.items():
        shown = shown_value(name.removeprefix(PREFIX), value) if value else None
        told = sources.get(name)
        rows.append(
            SettingRow(name, shown, "default", "")
            if told is None
            else SettingRow(name, shown, told.kind, told.shown)
        )
    return rows


def _values() -> dict[str, str]:
    """Return the settings as texts; a folder that no setting names is the one that is used."""
    from gateway.settings import GatewaySettings
    from streams.runtime.environment import PREFIX

    pipeline = load_settings()
    folders = {
        "model_dir": pipeline.models,
        "results_url": pipeline.results,
        "archive_url": pipeline.archive,
    }
    values: dict[str, str] = {}
    for settings in (pipeline, validate(GatewaySettings, {})):
        for name in type(settings).model_fields:
            value = getattr(settings, name)
            text = _text(folders.get(name) if value is None else value)
            values.setdefault(f"{PREFIX}{name.upper()}", text)
    return values


def _text(value: Any) -> str:
    if value is None or value == {}:
        return ""
    return ",".join(value) if isinstance(value, tuple) else str(value)
