"""A home belongs to one environment; what an environment protects is never deleted."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.environments import deletion_protected
from streams.runtime.environment import ENVIRONMENTS, EnvironmentName
from workers.settings import Settings
from workers.storage import whole_file

FILE_NAME = "environment.json"


class EnvironmentForbids(ValueError):
    """The home belongs to another environment, or is protected; the message names the way out."""


def home_environment(home: Path) -> EnvironmentName | None:
    """Return the environment that a home belongs to; None before its first run.

    Raises:
        EnvironmentForbids: The file that says so cannot be read.
    """
    path = home / FILE_NAME
    try:
        name = json.loads(path.read_text())["environment"]
        return ENVIRONMENTS[ENVIRONMENTS.index(name)]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise EnvironmentForbids(
            f'{path} cannot be read, expected {{"environment": "dev"}}, or staging or prod: '
            "write it anew"
        ) from None


def require_environment(settings: Settings) -> None:
    """Raise EnvironmentForbids where the home belongs to another environment than the settings."""
    name = home_environment(settings.home)
    if name not in (None, settings.env):
        raise EnvironmentForbids(
            f"{settings.home} belongs to the environment {name}, not {settings.env}: set "
            f"REGIMEFLOW_ENV={name}, or choose another home with REGIMEFLOW_HOME"
        )


def bind_environment(settings: Settings) -> None:
    """Let a new home belong to the environment of the settings; raises EnvironmentForbids."""
    require_environment(settings)
    path = settings.home / FILE_NAME
    if not path.exists():
        with whole_file(path) as fresh:
            fresh.write_text(json.dumps({"environment": settings.env}))


def require_deletable(settings: Settings, what: str) -> None:
    """Raise EnvironmentForbids unless what is kept may be deleted; whatever deletes asks this.

    Args:
        settings: Of the command.
        what: Would be deleted.
    """
    require_environment(settings)
    if deletion_protected(settings):
        raise EnvironmentForbids(
            f"{settings.env} protects {what} from deletion: set "
            "REGIMEFLOW_DELETION_PROTECTION=false for the one command that may delete it"
        )
