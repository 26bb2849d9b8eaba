"""Loads ccxt with one venue: its packages import all of 110, which takes seconds and 60 MB.

The packages run as they are. While they do, the module of any other venue is an empty one.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

PACKAGES = ("ccxt", "ccxt.async_support", "ccxt.pro")
VENUES = ("binance", "binanceusdm")  # the second is made of the first


class _EmptyVenues(MetaPathFinder, Loader):
    """Gives an empty module, with a class of its name, for every venue that is not wanted."""

    def __init__(self, venues: frozenset[str]) -> None:
        self._venues = venues

    def find_spec(self, fullname: str, *_where: object) -> ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        empty = package in PACKAGES and name in self._venues
        return ModuleSpec(fullname, self) if empty else None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__.rpartition(".")[2]
        setattr(module, name, type(name, (), {}))


@contextlib.contextmanager
def one_venue() -> Iterator[None]:
    """Import ccxt inside this block. Where it is loaded already, nothing is left to save."""
    spec = importlib.util.find_spec("ccxt")
    # Each venue has a description of its interface, and nothing else has.
    described = Path(str(spec.origin)).parent / "abstract" if spec else Path()
    finder = _EmptyVenues(frozenset(each.stem for each in described.glob("*.py")) - {*VENUES})
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [n for n, m in sys.modules.items() if getattr(m, "__loader__", None) is finder]:
            del sys.modules[name]
