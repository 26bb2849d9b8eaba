"""A home belongs to one environment, and a protected one is not deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.home_environment import (
    FILE_NAME,
    EnvironmentForbids,
    bind_environment,
    home_environment,
    require_deletable,
    require_environment,
)
from workers.settings import Settings


def test_a_home_belongs_to_the_environment_of_its_first_run(tmp_path):
    prod, dev = (Settings(home=tmp_path, env=env) for env in ("prod", "dev"))
    require_environment(dev)
    bind_environment(prod)
    bind_environment(prod)

    assert home_environment(tmp_path) == "prod"
    with pytest.raises(
        EnvironmentForbids, match="belongs to the environment prod, not dev: set REGIME"
    ):
        bind_environment(dev)


@pytest.mark.parametrize("text", ["", "{}", '{"environment": "production"}', "[]", "\xff"])
def test_a_home_whose_environment_cannot_be_read_is_refused(tmp_path: Path, text: str):
    (tmp_path / FILE_NAME).write_text(text, encoding="latin-1")

    with pytest.raises(EnvironmentForbids, match="cannot be read, expected"):
        require_deletable(Settings(home=tmp_path), "the home")


def test_what_is_protected_is_deletable_only_where_the_protection_is_lifted(tmp_path):
    bind_environment(Settings(home=tmp_path, env="prod"))

    require_deletable(Settings(home=tmp_path, env="prod", deletion_protection=False), "the home")
    with pytest.raises(EnvironmentForbids, match="prod protects the home from deletion"):
        require_deletable(Settings(home=tmp_path, env="prod"), "the home")
    with pytest.raises(EnvironmentForbids, match="belongs to the environment prod, not dev"):
        require_deletable(Settings(home=tmp_path, env="dev"), "the home")
