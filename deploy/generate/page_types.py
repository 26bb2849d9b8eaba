"""Writes the dashboard's types from the gateway's OpenAPI document and the stream's records.

``python -m deploy.generate.page_types`` writes ``gateway/dashboard/src/contract.ts``; a test fails
when it is out of date.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy.generate.api_document import api_document
from gateway.settings import GatewaySettings
from streams.evaluation.report import Metrics

FILE = Path(__file__).resolve().parents[2] / "gateway" / "dashboard" / "src" / "contract.ts"
HEAD = "// Written by deploy/generate/page_types.py from the gateway's OpenAPI document.\n"
PLAIN = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}
# Schemas that the dashboard reads; the schemas that they refer to are added.
ROOTS = (
    "Analysis",
    "AuditList",
    "BalanceView",
    "BarList",
    "ChallengeDetails",
    "ChallengeList",
    "CommandAnswer",
    "ConfigList",
    "DeadLetterList",
    "DriftList",
    "EvaluationView",
    "EventList",
    "ExposureView",
    "Health",
    "IdeaDetail",
    "IdeaList",
    "JobDetail",
    "JobList",
    "KeyList",
    "LedgerList",
    "LettersAnswer",
    "Metrics",
    "ModelList",
    "Performance",
    "PerformanceGroups",
    "PerformanceSummary",
    "PositionList",
    "PredictAnswer",
    "PrincipalView",
    "RegimeAnswer",
    "SettingList",
    "SignIn",
    "SignalDetail",
    "SignalList",
    "StrategyList",
    "SuppressedList",
    "TableView",
    "Ticket",
    "TradeDetails",
    "TradeList",
    "TradePerformance",
    "Validation",
    "VersionDetails",
    "VersionList",
)
FREE = "#/components/schemas/JsonValue"  # any JSON at all


def contract_text() -> str:
    """Return the whole file."""
    schemas: dict[str, Any] = api_document(GatewaySettings())["components"]["schemas"]
    # The gateway knows results of research jobs only as JSON; this is the record of their metrics.
    schemas["Metrics"] = Metrics.model_json_schema()
    wanted: dict[str, None] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted[name] = None
            waiting += _references(schemas[name])
    return HEAD + "".join(_interface(name, schemas[name]) for name in sorted(wanted))


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        reference = node.get("$ref", FREE)
        names = [] if reference == FREE else [reference.rsplit("/", 1)[1]]
        return names + [name for value in node.values() for name in _references(value)]
    return [name for item in node for name in _references(item)] if isinstance(node, list) else []


def _interface(name: str, schema: dict[str, Any]) -> str:
    lines = [f"\nexport interface {name} {{"]
    for field, described in schema["properties"].items():
        if text := described.get("description"):
            lines.append(f"  /** {text} */")
        lines.append(f"  {field}: {_type(described)}")
    return "\n".join([*lines, "}\n"])


def _type(node: dict[str, Any]) -> str:
    if "$ref" in node:
        return "unknown" if node["$ref"] == FREE else str(node["$ref"].rsplit("/", 1)[1])
    if "anyOf" in node:
        return " | ".join(_type(part) for part in node["anyOf"])
    if "enum" in node or "const" in node:
        words = node.get("enum", [node.get("const")])
        return " | ".join(repr(word).replace("True", "true") for word in words)
    if node.get("type") == "array":
        return _array(node)
    if node.get("type") == "object":
        return _record(node)
    return PLAIN.get(node.get("type", ""), "unknown")


def _array(node: dict[str, Any]) -> str:
    if "prefixItems" in node:
        return f"[{', '.join(_type(part) for part in node['prefixItems'])}]"
    item = _type(node["items"])
    return f"({item})[]" if " " in item else f"{item}[]"


def _record(node: dict[str, Any]) -> str:
    names = " | ".join(map(repr, node.get("propertyNames", {}).get("enum", ()))) or "string"
    more = node.get("additionalProperties")
    return f"Record<{names}, {_type(more) if isinstance(more, dict) else 'unknown'}>"


if __name__ == "__main__":
    FILE.write_text(contract_text())
