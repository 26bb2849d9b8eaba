"""A search as it is written on the command line: a file, a strategy's config, ranges."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.backtest_request import Exit, Fields, parse_exits, request_fields
from deploy.cli.console import fail, parse_symbol, parse_time_ms


@dataclass(frozen=True)
class TuningOptions:
    """The request of a search."""

    strategy: Annotated[
        str | None,
        typer.Argument(help="e.g. ema_cross; one with an ACTIVE config; that of --config."),
    ] = None
    symbol: Annotated[str | None, typer.Option(help="In any spelling [BTCUSDT].")] = None
    timeframe: Annotated[str | None, typer.Option(help="A multiple of the stored bars.")] = None
    since: Annotated[str | None, typer.Option("--from", help="First open.")] = None
    until: Annotated[str | None, typer.Option("--to", help="Last close.")] = None
    n_trials: Annotated[
        int | None, typer.Option("--trials", "--epochs", min=1, help="[the preset's, or 100]")
    ] = None
    preset: Annotated[
        str | None, typer.Option(help="quick, standard, production, or one of --config.")
    ] = None
    config: Annotated[
        Path | None, typer.Option(help="tradai.yaml of the strategy: what it runs, its search.")
    ] = None
    sampler: Annotated[
        str | None, typer.Option(help="TPESampler, RandomSampler, CmaEsSampler, NSGAIISampler.")
    ] = None
    loss: Annotated[
        list[str] | None, typer.Option(help="sharpe, sortino, calmar, total_return.")
    ] = None
    spaces: Annotated[list[str] | None, typer.Option(help="Group of parameters.")] = None
    param: Annotated[
        list[str] | None,
        typer.Option(help="NAME=LOW:HIGH, NAME=LOW:HIGH:STEP, NAME=LOW:HIGH:log or NAME=A,B."),
    ] = None
    exit: Exit = None
    windows: Annotated[int | None, typer.Option(min=1, help="Of each trial, at most [4].")] = None
    pruning: Annotated[bool, typer.Option("--pruning", help="Stop poor trials early.")] = False
    batch: Annotated[int | None, typer.Option(min=1, help="Trials at a time [1].")] = None
    seed: Annotated[int | None, typer.Option(min=0, help="[0]")] = None
    timeout_s: Annotated[float | None, typer.Option("--timeout", help="Seconds.")] = None
    log: Annotated[bool, typer.Option("--log", help="Also as a run of MLflow.")] = False
    spec: Annotated[
        Path | None, typer.Option(help="JSON of a request; options replace its fields.")
    ] = None

    def fields(self) -> Fields:
        """Return the fields of the request: those of the file, replaced by the options."""
        param_space = dict(map(parse_parameter, self.param or ()))
        config = read_config(self.config) if self.config else {}
        options = {
            "strategy_name": _what_runs(config, self.strategy),
            "symbol": parse_symbol(self.symbol) if self.symbol else None,
            "timeframe": self.timeframe,
            "from_ms": parse_time_ms(self.since) if self.since else None,
            "to_ms": parse_time_ms(self.until) if self.until else None,
            "n_trials": self.n_trials,
            "preset": self.preset,
            "optimization": config.get("optimization"),
            "exits": parse_exits(self.exit or ()) or config.get("exits"),
            "sampler": self.sampler,
            "loss_function": self.loss or None,
            "spaces": self.spaces or None,
            "param_space": param_space or None,
            "windows": self.windows,
            "pruning": self.pruning or None,
            "batch": self.batch,
            "seed": self.seed,
            "timeout_s": self.timeout_s,
            "log": self.log or None,
        }
        return request_fields(self.spec, options)


def read_config(path: Path) -> Fields:
    """Return what a search takes of a config: who the strategy is, its search, its exits."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise fail(f"--config {path}: {' '.join(str(error).split())}", 2) from None
    parts = content if isinstance(content, dict) else {}
    if not isinstance(parts.get("optimization"), dict):
        raise fail(f"--config {path} has no optimization part", 2)
    return {name: parts[name] for name in ("strategy", "optimization", "exits") if name in parts}


def _what_runs(config: Fields, asked: str | None) -> str | None:
    """Return the strategy of a search; the one that a config names is what the config runs."""
    said = config.get("strategy")
    part = said if isinstance(said, dict) else {}
    if asked not in (None, part.get("name")):
        return asked
    return part.get("entry_point") or part.get("name") or asked


def parse_parameter(text: str) -> tuple[str, Fields]:
    """Return name and range of ``NAME=LOW:HIGH``, with a step or ``log``, or ``NAME=A,B``."""
    name, mark, values = text.partition("=")
    parts = values.split(":")
    if not mark or not name or not 1 <= len(parts) <= 3 or not values:
        raise fail(f"--param {text!r}, expected NAME=LOW:HIGH, with :STEP or :log, or NAME=A,B", 2)
    if len(parts) == 1:
        return name, {"type": "categorical", "choices": [_value(v) for v in values.split(",")]}
    log = parts[-1] == "log"
    numbers = [_value(part) for part in parts if part != "log"]
    if not all(isinstance(number, int | float) for number in numbers) or len(numbers) < 2:
        raise fail(f"--param {text!r}, expected numbers in LOW:HIGH:STEP", 2)
    kind = "int" if all(isinstance(number, int) for number in numbers) else "float"
    bounds = {"type": kind, "low": numbers[0], "high": numbers[1], "log": log}
    return name, bounds | ({"step": numbers[2]} if len(numbers) == 3 else {})


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
