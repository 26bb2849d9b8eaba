"""The source files behind the walls, each parsed once."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("schemas", "streams", "workers", "gateway", "deploy")


@dataclass(frozen=True)
class SourceFile:
    """One Python file; ``name`` is its path from the root."""

    name: str

    @cached_property
    def text(self) -> str:
        return (ROOT / self.name).read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @property
    def parts(self) -> tuple[str, ...]:
        return Path(self.name).parts

    @property
    def folder(self) -> str:
        return self.parts[0]

    @property
    def module(self) -> str:
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def imported(self) -> frozenset[str]:
        """Every dotted name that an import statement mentions, in functions too."""
        names: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names.add(node.module)
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
        return frozenset(names)

    @property
    def roots(self) -> set[str]:
        """First parts of the imported names."""
        return {name.split(".")[0] for name in self.imported}


def source_files(folders: Iterable[str]) -> list[SourceFile]:
    """Return the Python files of some folders, in order."""
    return [
        SourceFile(path.relative_to(ROOT).as_posix())
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "node_modules" not in path.parts
    ]


SOURCES = source_files(FOLDERS)
MODULES = {source.module: source for source in SOURCES}


def imported_modules(source: SourceFile) -> set[str]:
    """Return the modules of ours that a file imports, in functions too.

    ``from package import module`` needs the module, and of the package nothing.
    """
    modules: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                modules.add(inner if inner in MODULES else node.module)
    return modules & MODULES.keys()


def reachable(modules: Iterable[str], within: Collection[str]) -> set[str]:
    """Return some modules and those they import, directly or not, as far as ``within`` goes."""
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += imported_modules(MODULES[module]) & set(within)
    return seen
