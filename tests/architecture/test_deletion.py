"""Whatever deletes what is kept asks one function first."""

from __future__ import annotations

import ast

from tests.architecture.sources import SOURCES

# What removes topics, groups, records or a whole home; the first three have no caller but tests.
DELETES = {"delete_topics", "delete_groups", "delete_consumer_groups", "delete_records"}
DELETES |= {"delete_home", "mend_topics"}
CLIENT = {"deploy/topics/admin.py"}  # defines the first ones by the calls of the Kafka client
# Folders that hold nothing that is kept: of a broker's start, of a restore that failed, of a
# model half written or not converted, of a training that is registered, of a cache.
REMOVES_FOLDERS = {
    "deploy/local/backup.py",
    "deploy/local/broker.py",
    "deploy/local/home_parts.py",
    "workers/importing/convert.py",
    "workers/models/artifact.py",
    "workers/models/bundle_store.py",
    "workers/training/kept_files.py",
}


def called(node: ast.AST) -> list[str]:
    """Return the names of what a piece of code calls, in order of its lines."""
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
    calls.sort(key=lambda call: call.lineno)
    return [ast.unparse(call.func).rpartition(".")[2] for call in calls]


def test_what_deletes_asks_whether_it_may():
    callers = set()
    for source in SOURCES:
        if source.name in CLIENT or not any(name in source.text for name in DELETES):
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef) and (names := called(node)):
                first = next((at for at, name in enumerate(names) if name in DELETES), None)
                if first is not None:
                    callers.add(node.name)
                    assert "require_deletable" in names[:first], f"{source.name}: {node.name}"

    assert callers == {"home_delete", "topics_apply"}


def test_folders_are_removed_in_few_places():
    users = {source.name for source in SOURCES if "rmtree" in called(source.tree)}

    assert users <= REMOVES_FOLDERS
