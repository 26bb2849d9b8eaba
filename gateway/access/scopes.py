"""What each route needs: the one table. What is not in it needs the most."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from gateway.access.principal import ScopeName

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})

# Open to everybody: the state in short, how to sign in, and the document of the API. The files of
# the dashboard and of the document join them; they hold nothing of the market.
OPEN = frozenset({"/health", "/api/access/sign-in", "/openapi.json"})


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """Some methods on the paths that match need a scope."""

    methods: frozenset[str]
    path: re.Pattern[str]
    scope: ScopeName


def _rule(methods: frozenset[str], path: str, scope: ScopeName) -> ScopeRule:
    return ScopeRule(methods, re.compile(path), scope)


# The first that fits counts.
RULES: tuple[ScopeRule, ...] = (
    _rule(SAFE, r"/api/(system/(config|audit)|access/keys)", "admin"),
    _rule(SAFE, r"/api/portfolio/.*", "operate"),  # what somebody owns is not for every reader
    _rule(SAFE, r"/.*", "read"),
    _rule(WRITES, r"/api/realtime/ticket", "read"),
    _rule(WRITES, r"/api/v1/predict", "operate"),
    _rule(WRITES, r"/api/signals/[^/]+/acknowledge", "operate"),
    _rule(WRITES, r"/api/trades(/[^/]+)?", "operate"),
    _rule(WRITES, r"/api/v1/challenges/[^/]+/trades", "operate"),
    _rule(WRITES, r"/backtest/.*", "operate"),
    _rule(WRITES, r"/api/v1/hyperopt(/.*)?", "operate"),
    # A check or a merge of a config stores nothing.
    _rule(WRITES, r"/api/v1/strategies/(validate|merge)", "operate"),
)
STRICTEST: ScopeName = "admin"  # reference data, configs, models, and whatever no rule names


def needed_scope(method: str, path: str) -> ScopeName:
    """Return the scope that a request needs, unless its path is open."""
    for rule in RULES:
        if method in rule.methods and rule.path.fullmatch(path):
            return rule.scope
    return STRICTEST


SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token, or an API key"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def document_access(openapi: dict[str, Any], open_paths: Collection[str]) -> None:
    """Say in the document of the API what each operation needs."""
    openapi.setdefault("components", {})["securitySchemes"] = SCHEMES
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            if path in open_paths:
                operation["security"] = []
                continue
            scope = needed_scope(method.upper(), re.sub(r"\{[^}]*\}", "x", path))
            operation["security"] = [{name: []} for name in SCHEMES]
            operation["x-required-scope"] = scope
            said = operation.get("description", "")
            operation["description"] = f"{said}\n\nNeeds the scope `{scope}`.".strip()
