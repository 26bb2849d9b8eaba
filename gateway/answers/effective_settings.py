"""Every setting that is in force here, with its source; what may be a secret is masked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr

from gateway.settings import GatewaySettings
from streams.runtime.environment import PREFIX, setting_sources
from streams.runtime.shown_settings import shown_value


def effective_settings(settings: GatewaySettings) -> Iterator[dict[str, Any]]:
    """Yield the settings of the gateway, then those of the pipeline that it was told, by name.

    A setting of the pipeline that nobody named has a default which only its processes know; a run
    tells the gateway all of them.
    """
    sources = setting_sources()
    own = {
        f"{PREFIX}{name}".upper(): getattr(settings, name) for name in type(settings).model_fields
    }
    for name in sorted(own):
        yield _row(name, "gateway", _text(own[name]), sources)
    for name in sorted(sources.keys() - own.keys()):
        yield _row(name, "pipeline", sources[name].value, sources)


def _row(name: str, part: str, value: str | None, sources: Any) -> dict[str, Any]:
    setting = name.removeprefix(PREFIX)
    source = sources.get(name)
    shown = None if value is None else shown_value(setting, value)
    return {
        "name": name,
        "part": part,
        "value": shown,
        "masked": shown != value,
        "source": "default" if source is None else source.kind,
        "named": source.shown if source is not None and source.shown else None,
    }


def _text(value: Any) -> str | None:
    """Return a value as the variable would say it; None where it is not set."""
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
