"""One class name for one thing, over the tree and its tests."""

from __future__ import annotations

import ast
import functools
from collections import defaultdict

from tests.architecture.sources import SOURCES, source_files

# Names that two classes may share, each with its reason.
SHARED: dict[str, str] = {}


@functools.cache
def class_homes() -> dict[str, list[str]]:
    """Return the files that define each class name."""
    homes: dict[str, list[str]] = defaultdict(list)
    for source in (*SOURCES, *source_files(("tests",))):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(source.name)
    return homes


def test_no_name_is_defined_by_two_classes():
    twice = {name: files for name, files in class_homes().items() if len(files) > 1}

    assert twice.keys() <= SHARED.keys(), twice


def test_every_shared_name_is_still_shared():
    homes = class_homes()

    assert [name for name in SHARED if len(homes[name]) < 2] == []
