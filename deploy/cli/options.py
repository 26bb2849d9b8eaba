"""Options that several commands share, and commands that take them as dataclasses."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from inspect import Parameter
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from deploy.cli.console import fail, parse_running_ms, parse_symbol, parse_time_ms

if TYPE_CHECKING:
    from workers.research.replay.recompute import Span

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing.")]
Url = Annotated[str | None, typer.Option(help="Of the gateway; default: that of this home's run.")]


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let Typer see the fields of a command's dataclass parameters as options of the command.

    The options stand in the place of their dataclass, so the help keeps the command's order.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    parameters = [
        option
        for parameter in inspect.signature(command).parameters.values()
        for option in (
            _options(groups[parameter.name])
            if parameter.name in groups
            else (_option(parameter.name, hints[parameter.name], parameter.default),)
        )
    ]

    @functools.wraps(command)
    def call(**values: Any) -> None:
        for name, kind in groups.items():
            values[name] = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
        command(**values)

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by Typer
    call.__annotations__ = {option.name: option.annotation for option in parameters}
    return call


def _options(kind: Any) -> Iterator[Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        default = Parameter.empty if field.default is MISSING else field.default
        yield _option(field.name, hints[field.name], default)


def _option(name: str, annotation: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


@dataclass(frozen=True)
class SpanOptions:
    """A span of bar closes, of one symbol or of all."""

    since: Annotated[
        str | None, typer.Option("--from", help="First close that counts: ISO 8601 (UTC) or ms.")
    ] = None
    until: Annotated[str | None, typer.Option("--to", help="Last close that counts.")] = None
    symbol: Annotated[str | None, typer.Option(help="Only this symbol, in any spelling.")] = None
    timeframe: Annotated[str | None, typer.Option(help="Only bars of this one, e.g. 15m.")] = None

    @property
    def canonical_symbol(self) -> str | None:
        """The symbol by its canonical name."""
        return parse_symbol(self.symbol) if self.symbol else None

    @property
    def timeframe_ms(self) -> int | None:
        """Length of the bars."""
        return parse_running_ms(self.timeframe) if self.timeframe is not None else None

    def span(self) -> Span:
        """Return the span; exit code 2 when it ends before it begins."""
        from workers.research.replay.recompute import Span

        from_ms = parse_time_ms(self.since) if self.since else 0
        to_ms = parse_time_ms(self.until) if self.until else None
        if to_ms is not None and to_ms < from_ms:
            raise fail(f"--to {self.until} lies before --from {self.since}", 2)
        return Span(from_ms, to_ms, self.canonical_symbol, self.timeframe_ms)
