"""What assistants may ask: the one table of tools, its part of the API's document, short answers.

Every tool is a GET route that needs the scope read.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_CHARACTERS = 40_000  # of an answer, about 12,000 tokens
LIST_LENGTHS = (200, 50, 15, 5, 1)  # tried in turn until the answer is short enough
DRAWINGS = frozenset({"plots", "png"})  # for people, and most of a back-test's answer
OLDEST_FIRST = frozenset({"bars", "explanations", "history"})


@dataclass(frozen=True)
class Limit:
    """How many items a tool answers with.

    Attributes:
        parameter: Of the route.
        default: Where the assistant does not say.
        most: Less than the route allows.
    """

    parameter: str
    default: int
    most: int


@dataclass(frozen=True)
class ReadTool:
    """A question that an assistant may ask, and the route that answers it."""

    name: str
    path: str
    description: str
    limit: Limit | None = None


TOOLS = (
    ReadTool(
        "get_health",
        "/api/system/health",
        "How the pipeline is: status, every reason why it is degraded, how fresh each market is, "
        "which models serve. Ask this first when an answer looks old or is missing.",
    ),
    ReadTool(
        "list_models",
        "/api/v1/models",
        "Models that are loaded and those that serve, with their gates and out-of-sample metrics.",
    ),
    ReadTool(
        "list_signals",
        "/api/signals",
        "Graded signals, newest first, by market, timeframe, grade or direction. scored=true: "
        "expired ones with their result, and the track record by group. A signal is analysis, "
        "never an order.",
        Limit("limit", 10, 50),
    ),
    ReadTool(
        "get_signal",
        "/api/signals/{signal_id}",
        "One signal with its explanation, its score once it has expired, and who has seen it.",
    ),
    ReadTool(
        "analyse_market",
        "/api/analysis",
        "A market on all timeframes: regime, trend, newest signal, what each indicator says, "
        "support and resistance, and how far the timeframes agree.",
    ),
    ReadTool(
        "get_regime",
        "/api/analysis/{ticker}/regime",
        "Filtered bull, bear and sideways probabilities of a market, and how they were before.",
        Limit("history", 0, 200),
    ),
    ReadTool(
        "get_indicators",
        "/api/analysis/{ticker}/indicators",
        "Every feature of a market at its newest close, and the history of the named ones.",
        Limit("history", 0, 200),
    ),
    ReadTool(
        "explain_market",
        "/api/explain/{ticker}",
        "Why the newest signal of a market is what it is: its strongest drivers, and the SHAP "
        "value of every feature.",
    ),
    ReadTool(
        "list_explanations",
        "/api/explain/{ticker}/history",
        "Explanations of the newest signals of a market, oldest first.",
        Limit("limit", 3, 20),
    ),
    ReadTool(
        "list_bars",
        "/api/bars/{ticker}",
        "Prices and volumes of a market, oldest first.",
        Limit("limit", 50, 200),
    ),
    ReadTool(
        "trace_origin",
        "/api/v1/trace/{id}",
        "What a signal, score, job, model or config was made of, and what it made.",
        Limit("newest", 5, 50),
    ),
    ReadTool(
        "list_research_strategies",
        "/backtest/strategies",
        "Strategies that back-tests and searches know, with the bounds of their parameters.",
    ),
    ReadTool(
        "list_backtests",
        "/backtest/jobs",
        "Back-tests, optimisations and walk-forwards, newest first, with the verdict of each.",
        Limit("limit", 10, 50),
    ),
    ReadTool(
        "get_backtest",
        "/backtest/jobs/{job_id}",
        "One back-test, optimisation or walk-forward: request, metrics, benchmarks, verdict.",
    ),
    ReadTool(
        "list_searches",
        "/api/v1/hyperopt",
        "Searches for parameters, newest first, with the verdict of each.",
    ),
    ReadTool(
        "get_search",
        "/api/v1/hyperopt/{job_id}",
        "One search for parameters: trials, best parameters, holdout, verdict.",
    ),
)
BY_NAME: Mapping[str, ReadTool] = {tool.name: tool for tool in TOOLS}


def read_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an OpenAPI document that the tools are made of; nothing else is in it."""
    paths = {tool.path: {"get": _operation(document, tool)} for tool in TOOLS}
    return {"openapi": document["openapi"], "info": document["info"], "paths": paths}


def _operation(document: Mapping[str, Any], tool: ReadTool) -> dict[str, Any]:
    parameters = copy.deepcopy(document["paths"][tool.path]["get"].get("parameters", []))
    for parameter in parameters:
        schema = parameter["schema"]
        schema["examples"] = [parameter.pop("example")]
        if tool.limit is not None and parameter["name"] == tool.limit.parameter:
            schema |= {"default": tool.limit.default, "maximum": tool.limit.most}
    return {
        "operationId": tool.name,
        "description": tool.description,
        "parameters": parameters,
        "responses": {"200": {"description": "JSON"}},
    }


def call_arguments(tool: ReadTool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call, with the default of its limit.

    Raises:
        ValueError: More is asked for than the tool answers with.
    """
    limit = tool.limit
    if limit is None:
        return dict(arguments)
    asked = arguments.get(limit.parameter, limit.default)
    if isinstance(asked, int) and asked > limit.most:
        raise ValueError(f"{limit.parameter}: {asked}, expected at most {limit.most}")
    return {**arguments, limit.parameter: asked}


def bounded(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer of about ``MAX_CHARACTERS`` at most; ``cut`` says what of it is missing.

    Drawings are left out. Of records the newest stay, of a series of numbers every n-th.
    """
    shorter: dict[str, Any] = {}
    for most in LIST_LENGTHS:
        cut: list[str] = []
        shorter = _shortened(dict(answer), most, (), cut)
        if cut:
            shorter["cut"] = cut
        if len(json.dumps(shorter)) <= MAX_CHARACTERS:
            break
    return shorter


def _shortened(value: Any, most: int, place: tuple[str, ...], cut: list[str]) -> Any:
    if isinstance(value, dict):
        return {
            name: _shortened(item, most, (*place, name), cut)
            for name, item in value.items()
            if name not in DRAWINGS
        }
    if not isinstance(value, list):
        return value
    kept = value
    if len(value) > most:
        cut.append(f"{'.'.join(place)}: {most} of {len(value)}")
        kept = _chosen(value, most, place[-1] if place else "")
    return [_shortened(item, most, place, cut) for item in kept]


def _chosen(items: list[Any], most: int, name: str) -> list[Any]:
    if isinstance(items[0], int | float):
        return items[:: math.ceil(len(items) / most)]
    return items[-most:] if name in OLDEST_FIRST else items[:most]
