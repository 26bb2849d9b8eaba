"""What a run tells its processes of its settings, and where each of them comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import SecretStr, ValidationError

from streams.runtime.environment import PREFIX, GatewayFields, SourceKind, setting_sources
from workers.settings import Settings


def setting_variables(settings: Settings) -> dict[str, str]:
    """Return the settings as environment variables, without secrets (children inherit those)."""
    values: dict[str, str] = {}
    for name, value in settings.model_dump(mode="json", exclude_none=True).items():
        if isinstance(getattr(settings, name), SecretStr):
            continue
        listed = isinstance(value, list)
        text = ",".join(map(str, value)) if listed else value
        values[f"{PREFIX}{name.upper()}"] = text if isinstance(text, str) else json.dumps(text)
    return values


def told_sources(settings: Settings, told: Mapping[str, str]) -> str:
    """Return what the variable ``SOURCES`` says beside the settings that a run tells.

    Args:
        settings: Those of the run, options over the environment.
        told: What its processes are told, by ``REGIMEFLOW_<NAME>``.
    """
    named, variables = setting_sources(), setting_variables(settings)
    without_options = _without_options()
    port = f"{PREFIX}PORT", str(GatewayFields.model_fields["port"].default)

    def source(name: str, value: str) -> tuple[SourceKind, str]:
        if name not in variables:  # decided by the run, but for what it left as it was
            same = name in named and named[name].value == value
            default = (name, value) == port and name not in named
        else:
            same = value == without_options.get(name, value)
            default = same and name not in named
        if same and name in named:
            return named[name].kind, named[name].shown
        return ("default" if default else "run"), ""

    return json.dumps({name: source(name, value) for name, value in told.items()})


def _without_options() -> dict[str, str]:
    """Return what the surroundings alone say; nothing where only an option made them usable."""
    try:
        return setting_variables(Settings())
    except ValidationError:
        return {}
