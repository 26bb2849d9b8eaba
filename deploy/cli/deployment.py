"""``regimeflow deploy``: put a strategy's config into effect in one environment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from deploy.cli.config_commands import next_steps, outcome_lines, send, strategy_path
from deploy.cli.config_file import ConfigFile, config_path, read_config
from deploy.cli.console import Json, fail, note, show
from deploy.cli.gateway_client import Answer, GatewayFailed, gateway_url, request_json
from deploy.cli.options import DryRun, Url
from deploy.cli.strategy import effective_lines

app = typer.Typer(
    help="Put strategies into effect, one environment at a time.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Environment = Annotated[
    Literal["dev", "staging", "prod"],
    typer.Option(
        "--env",
        help="Its settings are those of .env.ENV, where that file exists; its Helm values are "
        "those of deploy/helm/values-ENV.yaml.",
    ),
]


@app.command()
def strategy(
    path: Annotated[Path, typer.Argument(help="Folder with tradai.yaml, or the file itself.")],
    *,
    env: Environment,
    description: Annotated[str, typer.Option(help="Kept with the version.")] = "",
    helm_values: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write deployment.ecs there, as values of the chart."),
    ] = None,
    dry_run: DryRun = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Store a strategy's config and make it ACTIVE; the same call again changes nothing."""
    config = read_config(config_path(path))
    if "name" not in config.strategy:
        raise fail(f"{config.path} names no strategy: add strategy.name")
    values = chart_values(config)
    if helm_values is not None and not dry_run:
        write_values(helm_values, values)
    with environment_file(env) as file, next_steps():
        rollout = ConfigRollout(gateway_url(url), config, description, dry_run=dry_run)
        if not as_json:
            note(f"{env}: settings of {file or _usual_file(env)}, gateway {rollout.address}")
        answers = rollout.run()
    document = {
        "env": env,
        "settings_file": None if file is None else str(file),
        "gateway": rollout.address,
        "strategy": rollout.name,
        "helm": {"files": chart_files(env, helm_values), "values": values},
        **answers,
    }
    lines = [] if helm_values is None else [_helm_line(env, helm_values)]
    show(document, lambda: [*_lines(answers), *lines], as_json=as_json)


def chart_values(config: ConfigFile) -> dict[str, Any]:
    """Return what a config says to the Helm chart: the size of what serves its models."""
    from streams.configs.content import parse_config

    size = parse_config(config.content).deployment.ecs
    name = config.strategy["name"]
    return {"strategy": {"name": name, "cpu": size.cpu, "memory": size.memory}}


def write_values(file: Path, values: dict[str, Any]) -> None:
    """Write values of the chart; exit code 2 where the file cannot be written."""
    import yaml

    try:
        file.write_text(yaml.safe_dump(values, sort_keys=False))
    except OSError as error:
        raise fail(f"{file}: {error.strerror or error}; expected a file to write to", 2) from None


def chart_files(env: str, own: Path | None) -> list[str]:
    """Return the files of values of an environment, the one that counts most last."""
    files = [f"deploy/helm/values-{env}.yaml"]
    return files if own is None else [*files, str(own)]


def _helm_line(env: str, own: Path) -> str:
    named = " ".join(f"--values {file}" for file in chart_files(env, own))
    return f"next: helm upgrade --install regimeflow deploy/helm {named}"


@contextmanager
def environment_file(env: str) -> Iterator[Path | None]:
    """Let the settings be those of an environment's file; yields it, None where there is none."""
    from streams.runtime.environment import ENV, ENV_FILE

    file = Path(f".env.{env}")
    own_file = file if file.is_file() else None
    before = {name: os.environ.get(name) for name in (ENV, ENV_FILE)}
    os.environ[ENV] = env
    if own_file is not None:
        os.environ[ENV_FILE] = str(own_file)
    try:
        yield own_file
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _usual_file(env: str) -> str:
    from streams.runtime.environment import ENV_FILE

    usual, missing = os.environ.get(ENV_FILE, ".env"), f"for there is no .env.{env} here"
    return f"{usual}, {missing}" if Path(usual).is_file() else f"the variables alone, {missing}"


@dataclass(frozen=True)
class ConfigRollout:
    """Two commands that put a config into effect, or say what they would do."""

    address: str
    config: ConfigFile
    description: str
    dry_run: bool

    @property
    def name(self) -> str:
        """Of the strategy."""
        return str(self.config.strategy["name"])

    def run(self) -> dict[str, Any]:
        """Return how each command was decided; a version that is to be made is not activated."""
        content = {"config_data": self.config.content, "description": self.description}
        created = self._send(("configs",), content, self._revision())
        if created["config"] is None:
            return {"create": created["outcome"], "activate": None, "config": None}
        config_id = created["config"]["config_id"]
        revision = created["outcome"]["revision"]
        activated = self._send(("configs", config_id, "activate"), {}, revision)
        return {
            "create": created["outcome"],
            "activate": activated["outcome"],
            "config": activated["config"],
        }

    def _revision(self) -> int:
        try:
            listed = request_json(self.address, strategy_path(self.name, "configs"))
        except GatewayFailed as failed:
            if failed.status == 404:  # its first config
                return 0
            raise
        return int(listed["revision"])

    def _send(self, parts: tuple[str, ...], body: dict[str, Any], revision: int) -> Answer:
        path = strategy_path(self.name, *parts)
        body = {**body, "dry_run": self.dry_run}
        # The revision makes the key of a later deployment of the same content another one.
        written = json.dumps([path, body, revision], sort_keys=True)
        return send(self.address, path, body, sha256(written.encode()).hexdigest())


def _lines(answers: dict[str, Any]) -> list[str]:
    lines = outcome_lines(answers["create"])
    if answers["activate"] is None:
        return [*lines, "would make it ACTIVE", "next: the same without --dry-run"]
    lines += outcome_lines(answers["activate"])
    if answers["activate"]["dry_run"]:
        return [*lines, "next: the same without --dry-run"]
    return [*dict.fromkeys(lines), *effective_lines(answers["config"])]
