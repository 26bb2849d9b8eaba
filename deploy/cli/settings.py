"""``regimeflow config``: every setting as a start here would take it, and where it is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from deploy.cli.console import Json, fail, load_settings, show, validate

if TYPE_CHECKING:
    from deploy.environments import SettingsInForce
    from workers.settings import Settings


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


def settings_in_force(settings: Settings) -> SettingsInForce:
    """Return all settings with their sources; exit code 2 for those that are refused."""
    from deploy.environments import SettingsInForce
    from gateway.settings import GatewaySettings
    from streams.runtime.environment import setting_sources

    return SettingsInForce(settings, validate(GatewaySettings, {}), setting_sources())


def refuse_unexpected(settings: Settings, *, gateway: bool) -> None:
    """Refuse what the environment does not allow, before anything starts; exit code 2."""
    from deploy.local.doctor import examine_settings

    checks = examine_settings(settings_in_force(settings), gateway=gateway)
    missing = [f"{check.detail}: {check.mend}" for check in checks if check.state == "missing"]
    if missing:
        raise fail(f"{'; '.join(missing)}. `regimeflow doctor` checks all of it", 2)


def _values() -> dict[str, str]:
    """Return the settings as texts; what no setting names is what is used in its place."""
    from deploy.environments import deletion_protected, log_retention_days
    from gateway.settings import GatewaySettings
    from streams.runtime.environment import PREFIX

    pipeline = load_settings()
    used = {
        "log_retention_days": log_retention_days(pipeline),
        "deletion_protection": deletion_protected(pipeline),
        "model_dir": pipeline.models,
        "results_url": pipeline.results,
        "archive_url": pipeline.archive,
    }
    values: dict[str, str] = {}
    for settings in (pipeline, validate(GatewaySettings, {})):
        for name in type(settings).model_fields:
            value = getattr(settings, name)
            text = _text(used.get(name) if value is None else value)
            values.setdefault(f"{PREFIX}{name.upper()}", text)
    return values


def _text(value: Any) -> str:
    if value is None or value == {}:
        return ""
    return ",".join(value) if isinstance(value, tuple) else str(value)
