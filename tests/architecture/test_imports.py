"""Imports point one way, and each edge library is imported in its one place."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from graphlib import TopologicalSorter

import pytest

from tests.architecture.sources import (
    FOLDERS,
    MODULES,
    ROOT,
    SOURCES,
    SourceFile,
    imported_modules,
)

ONLY_HERE = {
    "ccxt": {"workers/venue/exchange.py"},
    "apprise": {"workers/notify/sinks.py"},
    "fastmcp": {"deploy/cli/mcp_server.py"},
    "httpx2": {"deploy/cli/mcp_server.py"},
    "mlflow": {"workers/training/mlflow_mirror.py", "workers/training/mlflow_schema.py"},
    "faust": {"streams/monitor/app.py"},
    "aiokafka": {"gateway/kafka/bus.py"},
    "jwt": {"gateway/access/jwks.py", "gateway/access/tokens.py"},
    "limits": {"gateway/access/limits.py", "gateway/settings.py"},
    "secure": {"gateway/access/headers.py"},
    "redis": {"gateway/cache.py"},
    "confluent_kafka": {
        "streams/runtime/client.py",
        "streams/runtime/consumer.py",
        "deploy/topics/admin.py",
    },
    "matplotlib": {"workers/research/charts/png.py"},
    "plotly": {"workers/research/charts/plotly_json.py"},
    "shap": {"workers/explain/interactions.py", "workers/training/report.py"},
    "cmaes": {"workers/studies/samplers.py"},
    "fsspec": {"workers/storage.py"},
    "joblib": {"workers/importing/unpickle.py"},
    "sklearn": {"workers/importing/unpickle.py"},
    "pickle": {"workers/importing/unpickle.py"},
    "optuna": {
        "workers/research/optuna_sampler.py",
        "workers/tuning/job.py",
        "workers/tuning/search_report.py",
        "workers/studies/samplers.py",
        "workers/studies/storage.py",
        "workers/studies/study.py",
    },
}

ALLOWED_OURS = {
    "schemas": {"schemas"},
    "streams": {"schemas", "streams"},
    "workers": {"schemas", "streams", "workers"},
    "gateway": {"schemas", "streams", "gateway"},  # of streams only GATEWAY_MATHS
    "deploy": set(FOLDERS),
}

# What the gateway may use: pure domain maths and the names of settings, never a driver, a processor
# or a worker.
GATEWAY_MATHS = (
    "streams.confidence",
    "streams.evaluation.alpha_ledger",
    "streams.account_risk",
    "streams.evaluation.calibration",
    "streams.evaluation.confidence_sequence",
    "streams.evaluation.decisions",
    "streams.evaluation.fixed_sample",
    "streams.evaluation.hit_rate",
    "streams.evaluation.interval",
    "streams.evaluation.trade_outcome",
    "streams.evaluation.trade_summary",
    "streams.ideas.result",
    "streams.signals.grading",
    "streams.signals.risk",
    "streams.configs.content",
    "streams.configs.job_defaults",
    "streams.configs.merge",
    "streams.configs.yaml_text",
    "streams.trace",
)
SETTINGS = ("streams.runtime.environment", "streams.runtime.shown_settings")
GATEWAY_MAY_USE = (*GATEWAY_MATHS, *SETTINGS, "streams.runtime.garbage")

# The processes by their names, and strategies of the packages that an operator has allowed.
COMPUTED_IMPORTS = {"deploy/process.py", "workers/research/strategies/packages.py"}

CLOCKS = {"time", "datetime", "random", "uuid", "os", "socket", "secrets"}
OUTSIDE = {"asyncio", "http", "multiprocessing", "pathlib", "subprocess", "threading", "urllib"}
# What runs in a replay, although it lies with the workers: the processors that need a model.
REPLAYED_WORKERS = (
    "workers/serving/processor.py",
    "workers/serving/pairing.py",
    "workers/serving/predict.py",
    "workers/serving/selection.py",
    "workers/serving/shadows.py",
    "workers/explain/processor.py",
    "workers/explain/attribution.py",
    "workers/explain/history.py",
)
SEEDED = {"streams/evaluation/resampling.py"}  # the seed of a resampling is made of its data
# Drivers meet the world: the runtime on Kafka, and the monitor, which only watches.
DRIVERS = ("streams/runtime/", "streams/monitor/")
# The part of the runtime that a replay in memory uses too.
PURE_RUNTIME = ("batch", "codec", "memory_driver")
# What a library may use of the runtime: no Kafka client, no driver.
LIBRARY_RUNTIME = (*PURE_RUNTIME, "wall_clock")


def lies_in(name: str, packages: Iterable[str]) -> bool:
    """Whether a dotted name is one of some modules or packages, or lies below one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def in_folder(*parts: str) -> list[SourceFile]:
    """Return the files below a folder, named part by part."""
    return [source for source in SOURCES if source.parts[: len(parts)] == parts]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_packages_import_in_one_direction(source: SourceFile):
    ours = source.roots & {*FOLDERS, "tests"}

    assert ours <= ALLOWED_OURS[source.folder], f"{source.name} imports {ours}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_every_import_names_its_module_in_full(source: SourceFile):
    """What is imported by a relative name, or by a computed one, no wall sees."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.name}:{node.lineno} imports by a relative name"
        if isinstance(node, ast.Call) and source.name not in COMPUTED_IMPORTS:
            called = ast.unparse(node.func).rpartition(".")[2]
            assert called not in {"import_module", "__import__", "run_module"}, (
                f"{source.name}:{node.lineno} imports by a computed name"
            )


# From the lowest up: a room, which is a folder or a file beside the folders, imports only rooms of
# lower lines.
LAYERS = {
    "gateway": (
        {"envelope", "client_options", "cache", "loopback", "memo"},
        {"errors", "examples", "protocols", "settings"},
        {"views"},
        {"access"},
        {"kafka", "stream", "metrics"},
        {"context"},
        {"answers", "middleware"},
        {"routes"},
        {"app"},
    ),
    "deploy": (
        {"environments", "time_text"},
        {"topics"},
        {"generate"},
        {"local"},
        {"cli", "process"},
    ),
}


def room_name(module: str) -> str:
    """Return the folder or file of a package that holds a module; empty for the package itself."""
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("folder", sorted(LAYERS))
def test_rooms_import_only_rooms_below_them(folder: str):
    height = {room: line for line, rooms in enumerate(LAYERS[folder]) for room in rooms}
    for source in in_folder(folder):
        room = room_name(source.module)
        for module in imported_modules(source):
            other = room_name(module)
            if not module.startswith(f"{folder}.") or other == room:
                continue

            assert height[other] < height[room], f"{source.name} imports {module}"


@pytest.mark.parametrize("folder", sorted(LAYERS))
def test_every_room_has_its_layer(folder: str):
    rooms = {room_name(source.module) for source in in_folder(folder)} - {""}

    assert rooms == set[str]().union(*LAYERS[folder])


def test_no_import_runs_in_a_circle():
    graph = {source.module: imported_modules(source) for source in SOURCES}

    order = list(TopologicalSorter(graph).static_order())  # raises CycleError on a circle

    assert set(order) == graph.keys()


def test_the_gateway_uses_pure_domain_maths_only():
    for source in in_folder("gateway"):
        streams = {name for name in source.imported if name.startswith("streams")}

        assert all(lies_in(name, GATEWAY_MAY_USE) for name in streams), f"{source.name}: {streams}"


@pytest.mark.parametrize("library", sorted(ONLY_HERE))
def test_each_edge_library_is_imported_in_its_one_place(library: str):
    users = {source.name for source in SOURCES if library in source.roots}

    assert users <= ONLY_HERE[library]


def test_no_file_but_one_reads_what_could_run_code():
    """Tensors alone are read there too; pickle, joblib and sklearn are imported nowhere else."""
    for source in SOURCES:
        calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
        for call in calls:
            said = ast.unparse(call)
            if ast.unparse(call.func) in {"torch.load", "pickle.load", "pickle.loads"}:
                assert source.name == "workers/importing/unpickle.py", said
                assert "weights_only=True" in said
            assert "allow_pickle=True" not in said, f"{source.name}: {said}"


def test_back_tests_meet_optuna_in_one_place():
    users = {source.name for source in SOURCES if "optuna" in source.roots}

    outside = {n for n in users if not n.startswith(("workers/tuning/", "workers/studies/"))}
    assert outside == {"workers/research/optuna_sampler.py"}


def test_schemas_import_pydantic_only():
    roots = set[str]().union(*(source.roots for source in in_folder("schemas")))

    standard = {
        "__future__",
        "collections",
        "dataclasses",
        "decimal",
        "hashlib",
        "math",
        "re",
        "typing",
        "unicodedata",
        "uuid",
    }
    assert roots <= {"schemas", "pydantic", *standard}


def test_no_processor_imports_another_or_a_driver():
    rooms = {path.name for path in (ROOT / "streams").iterdir() if path.is_dir()} - {"evaluation"}
    for source in in_folder("streams"):
        room = source.parts[1]
        if room not in rooms:
            continue
        imported = {name.split(".")[1] for name in source.imported if name.startswith("streams.")}
        allowed = {room, "runtime"} if room == "monitor" else {room}

        assert imported & rooms <= allowed, f"{source.name} imports {imported}"


@pytest.mark.parametrize("module", PURE_RUNTIME)
def test_what_runs_a_replay_in_memory_knows_no_kafka_client(module: str):
    source = MODULES[f"streams.runtime.{module}"]

    runtime = {name for name in source.imported if name.startswith("streams.runtime.")}

    assert {name.split(".")[2] for name in runtime} <= {*PURE_RUNTIME, "settings"}
    assert not source.roots & CLOCKS


WORKERS = ROOT / "workers"
PROCESSES = {path.parent.name for path in WORKERS.glob("*/worker.py")}
LIBRARIES = {path.parent.name for path in WORKERS.glob("*/__init__.py")} - PROCESSES
KAFKA_CLIENTS = {"confluent_kafka", "aiokafka", "faust"}


def imported_workers(source: SourceFile) -> set[str]:
    """Return the rooms of ``workers/`` that a file imports."""
    return {name.split(".")[1] for name in source.imported if name.startswith("workers.")}


@pytest.mark.parametrize("library", sorted(LIBRARIES - {"jobs"}))  # jobs publishes progress
def test_a_folder_of_workers_without_a_worker_is_a_library(library: str):
    for source in in_folder("workers", library):
        runtime = {name for name in source.imported if lies_in(name, ("streams.runtime",))}
        allowed = [f"streams.runtime.{module}" for module in LIBRARY_RUNTIME]
        drivers = {name for name in runtime if not lies_in(name, allowed)}

        assert not source.roots & KAFKA_CLIENTS, f"{source.name} imports a Kafka client"
        assert not drivers, f"{source.name} imports {drivers}"
        assert not imported_workers(source) & PROCESSES, f"{source.name} imports a process"


@pytest.mark.parametrize("process", sorted(PROCESSES))
def test_no_process_imports_another(process: str):
    for source in in_folder("workers", process):
        others = imported_workers(source) & (PROCESSES - {process})

        assert not others, f"{source.name} imports {others}"


def test_what_lies_beside_the_rooms_of_workers_imports_no_process():
    for source in in_folder("workers"):
        if len(source.parts) == 2:
            processes = imported_workers(source) & PROCESSES

            assert not processes, f"{source.name} imports {processes}"


def replayed() -> list[SourceFile]:
    """Return the files that a replay runs."""
    streams = [source for source in in_folder("streams") if not source.name.startswith(DRIVERS)]
    workers = [s for s in in_folder("workers") if s.name.startswith(REPLAYED_WORKERS)]
    return [*streams, *workers]


def test_what_a_replay_must_reproduce_sees_no_clock_and_no_outside():
    for source in replayed():
        seen = source.roots & (CLOCKS | OUTSIDE)

        assert not seen, f"{source.name} imports {seen}"


def test_what_a_replay_must_reproduce_draws_no_random_numbers_and_opens_no_file():
    for source in replayed():
        for node in ast.walk(source.tree):
            drawn = isinstance(node, ast.Attribute) and node.attr == "random"
            opened = isinstance(node, ast.Call) and ast.unparse(node.func) == "open"

            assert not opened, f"{source.name}: {ast.unparse(node)}"
            assert not drawn or source.name in SEEDED, f"{source.name}: {ast.unparse(node)}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_no_module_grows_beyond_400_lines(source: SourceFile):
    assert len(source.text.splitlines()) <= 400


def test_every_folder_of_code_is_a_package():
    for source in SOURCES:
        folder = (ROOT / source.name).parent

        assert (folder / "__init__.py").exists(), f"{folder} has no __init__.py"
