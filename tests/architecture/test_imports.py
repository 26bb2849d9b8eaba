"""Imports point one way, and each edge library is imported in its one place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("schemas", "streams", "workers", "gateway", "deploy")
SOURCES = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "node_modules" not in path.parts
]

ONLY_HERE = {
    "ccxt": {"workers/ingest/exchange.py"},
    "mlflow": {"workers/training/registry.py"},
    "faust": {"streams/monitor/app.py"},
    "aiokafka": {"gateway/kafka/bus.py"},
    "redis": {"gateway/answers/cache.py"},
    "confluent_kafka": {"streams/runtime/client.py", "deploy/topics/admin.py"},
    "matplotlib": {"workers/research/charts/png.py"},
    "plotly": {"workers/research/charts/plotly_json.py"},
    "cmaes": {"workers/tuning/samplers.py"},
    "fsspec": {"workers/jobs/results.py"},
    "optuna": {
        "workers/research/optuna_sampler.py",
        "workers/tuning/job.py",
        "workers/tuning/report.py",
        "workers/tuning/samplers.py",
        "workers/tuning/storage.py",
        "workers/tuning/study.py",
    },
}

ALLOWED_OURS = {
    "schemas": {"schemas"},
    "streams": {"schemas", "streams"},
    "workers": {"schemas", "streams", "workers"},
    "gateway": {"schemas", "streams", "gateway"},  # of streams only GATEWAY_MATHS
    "deploy": set(FOLDERS),
}

# Domain maths that the gateway may use: pure modules, never a driver, a processor or a worker.
GATEWAY_MATHS = ("streams.evaluation.calibration", "streams.signals.grading")

CLOCKS = {"time", "datetime", "random", "uuid", "os", "socket", "secrets"}
# Drivers meet the world: the runtime on Kafka, and the monitor, which only watches.
DRIVERS = ("streams/runtime/", "streams/monitor/")
# The part of the runtime that a replay in memory uses too.
PURE_RUNTIME = ("batch", "codec", "memory_driver")
# What a library may use of the runtime: no Kafka client, no driver.
LIBRARY_RUNTIME = (*PURE_RUNTIME, "wall_clock")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_packages_import_in_one_direction(path):
    package = path.relative_to(ROOT).parts[0]

    ours = {name for name in roots(path) if name in FOLDERS or name == "tests"}

    assert ours <= ALLOWED_OURS[package], f"{name_of(path)} imports {ours}"


def test_the_gateway_uses_pure_domain_maths_only():
    for path in SOURCES:
        ours = {name for name in imported(path) if name.startswith("streams")}
        if path.relative_to(ROOT).parts[0] == "gateway":
            assert all(name.startswith(GATEWAY_MATHS) for name in ours), f"{name_of(path)}: {ours}"


@pytest.mark.parametrize("library", sorted(ONLY_HERE))
def test_each_edge_library_is_imported_in_its_one_place(library):
    users = {name_of(path) for path in SOURCES if library in roots(path)}

    assert users <= ONLY_HERE[library]


def test_back_tests_meet_optuna_in_one_place():
    users = {name_of(path) for path in SOURCES if "optuna" in roots(path)}

    outside = {name for name in users if not name.startswith("workers/tuning/")}
    assert outside == {"workers/research/optuna_sampler.py"}


def test_schemas_import_pydantic_only():
    outside = set()
    for path in SOURCES:
        if path.relative_to(ROOT).parts[0] == "schemas":
            outside |= roots(path) - {"schemas", "pydantic", "__future__"}

    assert outside <= {"dataclasses", "typing", "re", "math", "uuid", "collections"}


def test_no_processor_imports_another_or_a_driver():
    rooms = {path.name for path in (ROOT / "streams").iterdir() if path.is_dir()}
    for path in sorted((ROOT / "streams").glob("*/*.py")):
        own = path.parent.name
        others = {name.split(".")[1] for name in imported(path) if name.startswith("streams.")}
        allowed = {own, "runtime"} if own == "monitor" else {own}

        assert others & rooms <= allowed, f"{name_of(path)} imports {others}"


@pytest.mark.parametrize("module", PURE_RUNTIME)
def test_what_runs_a_replay_in_memory_knows_no_kafka_client(module):
    path = ROOT / "streams" / "runtime" / f"{module}.py"

    ours = {name for name in imported(path) if name.startswith("streams.runtime.")}

    assert {name.split(".")[2] for name in ours} <= {*PURE_RUNTIME, "settings"}
    assert not roots(path) & CLOCKS


WORKERS = ROOT / "workers"
PROCESSES = {path.parent.name for path in WORKERS.glob("*/worker.py")}
LIBRARIES = {path.parent.name for path in WORKERS.glob("*/__init__.py")} - PROCESSES
KAFKA_CLIENTS = {"confluent_kafka", "aiokafka", "faust"}


def workers_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported(path) if name.startswith("workers.")}


@pytest.mark.parametrize("library", sorted(LIBRARIES - {"jobs"}))  # jobs publishes progress
def test_a_folder_of_workers_without_a_worker_is_a_library(library):
    for path in sorted((WORKERS / library).rglob("*.py")):
        drivers = {
            name
            for name in imported(path)
            if name.startswith("streams.runtime.") and name.split(".")[2] not in LIBRARY_RUNTIME
        }

        assert not roots(path) & KAFKA_CLIENTS, f"{name_of(path)} imports a Kafka client"
        assert not drivers, f"{name_of(path)} imports {drivers}"
        assert not workers_imported(path) & PROCESSES, f"{name_of(path)} imports a process"


@pytest.mark.parametrize("process", sorted(PROCESSES))
def test_no_process_imports_another(process):
    for path in sorted((WORKERS / process).rglob("*.py")):
        others = workers_imported(path) & (PROCESSES - {process})

        assert not others, f"{name_of(path)} imports {others}"


def test_what_a_replay_must_reproduce_sees_no_clock_and_no_outside():
    for path in SOURCES:
        name = name_of(path)
        if not name.startswith("streams/") or name.startswith(DRIVERS):
            continue

        assert not roots(path) & CLOCKS, f"{name} imports {roots(path) & CLOCKS}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_module_grows_beyond_400_lines(path):
    assert len(path.read_text().splitlines()) <= 400


def test_every_folder_of_code_is_a_package():
    for path in SOURCES:
        assert (path.parent / "__init__.py").exists(), f"{path.parent} has no __init__.py"
