"""Deployment files: valid, complete against the topology, hardened, without a secret."""

from __future__ import annotations

import copy
import importlib.metadata
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from deploy.local.broker_files import PROPERTIES
from deploy.local.process_names import process_names
from streams.runtime.environment import (
    PREFIX,
    STARTUP_NAMES,
    GatewayFields,
    read_environment,
    setting_names,
)
from workers.settings import Settings
from workers.venue.exchange import VenueAccess

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.kafka.yml").read_text())
SCRAPES = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
SERVICES = COMPOSE["services"]
PROFILES = [
    *((market, device) for market in ("simulated", "binanceusdm") for device in ("cpu", "gpu")),
    ("binanceusdm", "cpu", "account"),
]
DEPLOYMENT_FILES = [
    ROOT / "docker-compose.kafka.yml",
    *(
        path
        for folder in ("docker", "prometheus", "grafana")
        for path in sorted((ROOT / "deploy" / folder).rglob("*"))
        if path.is_file()
    ),
]


def active(compose, profiles):
    """Return the services of some profiles, and those without one."""
    return {
        name: service
        for name, service in compose["services"].items()
        if set(service.get("profiles", profiles)) & set(profiles)
    }


def process_of(service):
    match service.get("command"):
        case ["regimeflow", "run", name]:
            return name
        case _:
            return None


def gaps(compose, scrapes, profiles):
    """Return what is missing of the topology: services that run a process, targets that see it."""
    services, known = active(compose, profiles), process_names(profiles[0])
    processes = [name for name in known if name != "account" or name in profiles]
    runners: dict[str, list[str]] = {}
    for name, service in services.items():
        if process := process_of(service):
            runners.setdefault(process, []).append(name)
    jobs = {"regimeflow", "gateway", *profiles}  # two have a job of their own
    jobs |= {"simulator"} if "simulated" in profiles else set()
    jobs |= {"account"} & set(profiles)
    targets = {
        entry["labels"]["process"]: target
        for job in scrapes["scrape_configs"]
        if job["job_name"] in jobs - {"gpu"}
        for entry in job["static_configs"]
        for target in entry["targets"]
    }
    missing = [f"{p} runs in {runners.get(p)}" for p in processes if len(runners.get(p, ())) != 1]
    missing += [f"{p} is no process" for p in (runners.keys() | targets.keys()) - set(processes)]
    for process in processes:
        expected = {a for name in runners.get(process, ()) for a in addresses(services, name)}
        if targets.get(process) not in expected:
            missing.append(f"{process} is scraped at {targets.get(process)}, not at {expected}")
    return missing


def addresses(services, name):
    """Return where a service answers with its metrics on the network: by its name and aliases."""
    service = services[name]
    shared = service.get("network_mode", "").removeprefix("service:")
    host = shared or name
    aliases = services.get(host, {}).get("networks", {}).get("default", {}).get("aliases", [])
    environment = service["environment"]
    is_gateway = process_of(service) == "gateway"
    port = environment["REGIMEFLOW_PORT" if is_gateway else "REGIMEFLOW_METRICS_PORT"]
    return {f"{each}:{port}" for each in (host, *aliases)}


def test_the_compose_file_is_valid_by_the_specification():
    package = importlib.metadata.distribution("check-jsonschema")
    path = package.locate_file("check_jsonschema/builtin_schemas/vendor/compose-spec.json")
    schema = json.loads(Path(str(path)).read_text())

    jsonschema.validators.validator_for(schema)(schema).validate(COMPOSE)


@pytest.mark.parametrize("profiles", PROFILES)
def test_every_process_of_the_topology_runs_once_and_is_scraped(profiles):
    assert gaps(COMPOSE, SCRAPES, profiles) == []


def test_on_the_real_venue_nothing_needs_the_simulator():
    services = active(COMPOSE, ("binanceusdm", "cpu"))

    assert "simulator" not in services
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= services.keys(), name
        assert service.get("network_mode") is None, name
        assert "simulated" not in str(service.get("environment")), name


@pytest.mark.parametrize("market", ["simulated", "binanceusdm"])
def test_a_market_of_a_profile_is_the_one_that_ingest_follows_and_its_home_is_bound_to(market):
    ingest = SERVICES[f"ingest-{market}"]

    assert ingest["profiles"] == [market]
    assert ingest["environment"]["REGIMEFLOW_EXCHANGE"] == market
    assert ingest["volumes"] == ["ingest-home:/var/lib/regimeflow"]


def test_the_key_of_the_real_venue_comes_from_files_alone_and_is_needed_by_nobody(tmp_path):
    service = SERVICES["ingest-binanceusdm"]
    named = {
        name: Path(path).name
        for name, path in service["environment"].items()
        if name.endswith("_FILE")
    }
    values = dict(zip(sorted(named), ("key", "hush"), strict=True))
    for name, secret in named.items():
        (tmp_path / secret).write_text(values[name])
    with_key = {name: str(tmp_path / secret) for name, secret in named.items()}

    assert all(service["environment"][n] == f"/run/secrets/{named[n]}" for n in named)
    assert sorted(service["secrets"]) == sorted(named.values())
    assert {  # of the host, and of the container
        name: COMPOSE["secrets"][secret]["file"] for name, secret in named.items()
    } == {name: f"${{{name}:-/dev/null}}" for name in named}
    assert read_environment(with_key, tmp_path) == {
        "REGIMEFLOW_BINANCE_API_KEY": "key",
        "REGIMEFLOW_BINANCE_API_SECRET": "hush",
    }
    without = read_environment(dict.fromkeys(named, "/dev/null"), tmp_path)
    assert set(without.values()) == {""}


def test_a_secret_is_of_few_services_and_comes_from_a_file_that_may_be_left_out():
    holders = {name: s["secrets"] for name, s in SERVICES.items() if s.get("secrets")}
    files = [secret["file"] for secret in COMPOSE["secrets"].values()]

    assert set(holders) == {"ingest-binanceusdm", "account", "prometheus"}
    assert holders["account"] == holders["ingest-binanceusdm"]  # which checks it and forgets it
    assert {secret for each in holders.values() for secret in each} == {*COMPOSE["secrets"]}
    assert all(re.fullmatch(r"\$\{[A-Z_]+_FILE:-/dev/null\}", file) for file in files)


def test_prometheus_shows_its_key_to_the_gateway_alone():
    shown = {
        target: job["authorization"]["credentials_file"]
        for job in SCRAPES["scrape_configs"]
        if "authorization" in job
        for entry in job["static_configs"]
        for target in entry["targets"]
    }

    assert shown == {"gateway:8080": "/run/secrets/prometheus_api_key"}
    assert "prometheus_api_key" in SERVICES["prometheus"]["secrets"]


def test_one_alert_tells_of_every_process_that_is_down():
    jobs = {
        entry["labels"]["process"]: relabelled_job(job)
        for job in SCRAPES["scrape_configs"]
        for entry in job["static_configs"]
        if "labels" in entry
    }

    assert {name for name, job in jobs.items() if job != "regimeflow"} == {"simulator", "account"}


def relabelled_job(job):
    rules = job.get("relabel_configs", ())
    [name] = [r["replacement"] for r in rules if r["target_label"] == "job"] or [job["job_name"]]
    return name


def test_an_empty_key_is_no_key(monkeypatch):
    for name in ("KEY", "SECRET"):
        monkeypatch.setenv(f"REGIMEFLOW_BINANCE_API_{name}_FILE", "/dev/null")

    access = VenueAccess.from_settings(Settings(exchange="binanceusdm"))

    assert (access.api_key, access.api_secret) == (None, None)


@pytest.mark.parametrize("process", process_names("simulated"))
def test_a_missing_process_is_found(process):
    without_service, without_target = copy.deepcopy(COMPOSE), copy.deepcopy(SCRAPES)
    profiles = PROFILES[-1] if process == "account" else PROFILES[0]
    services = without_service["services"]
    for name in [name for name, row in services.items() if process_of(row) == process]:
        del services[name]
    for job in without_target["scrape_configs"]:
        entries = job["static_configs"]
        entries[:] = [e for e in entries if e.get("labels", {}).get("process") != process]

    assert gaps(without_service, SCRAPES, profiles)
    assert gaps(COMPOSE, without_target, profiles)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"]), "an ordinary user, by number"
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["stop_grace_period"]
    assert service["healthcheck"]
    assert service["restart"] == ("no" if name == "topics" else "unless-stopped")


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_by_a_version(name):
    assert re.fullmatch(r"[a-z/_-]+:v?\d+\.\d+\.\d+[\w.-]*", SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_is_known(name):
    known = setting_names(Settings) | setting_names(GatewayFields) | STARTUP_NAMES
    environment = SERVICES[name].get("environment", {})

    assert {key for key in environment if key.startswith(PREFIX)} <= known
    if process_of(SERVICES[name]):
        assert environment["REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS"] == "kafka:19092"


def test_processes_wait_for_the_broker_and_the_topics():
    for service in SERVICES.values():
        if process_of(service):
            waits = {name: row["condition"] for name, row in service["depends_on"].items()}
            assert waits["kafka"] == "service_healthy"
            assert waits["topics"] == "service_completed_successfully"


def test_a_gpu_is_asked_for_in_its_profile_only():
    with_gpu = {name for name, service in SERVICES.items() if "deploy" in service}

    assert with_gpu == {"inference-gpu", "gpu-exporter"}  # training computes on the CPU
    assert all(SERVICES[name]["profiles"] == ["gpu"] for name in with_gpu)


def test_named_volumes_are_declared_and_bound_folders_exist():
    used = {v.split(":")[0] for row in SERVICES.values() for v in row.get("volumes", ())}
    bound = {volume for volume in used if volume.startswith("./")}

    assert used - bound == set(COMPOSE["volumes"])
    assert all((ROOT / volume).is_dir() for volume in bound)


def test_the_broker_behaves_as_the_local_one():
    local = dict(line.split("=", 1) for line in PROPERTIES.splitlines())
    environment = SERVICES["kafka"]["environment"]
    # Settings of the machine, and those of a small broker that restarts fast.
    different = (
        *("broker.", "controller", "listeners", "log.dirs", "log.cleaner", "log.index"),
        *("log.segment", "num.io", "num.network", "process.roles", "node.id", "transaction.abort"),
    )
    shared = {name: value for name, value in local.items() if not name.startswith(different)}

    ours = {name: environment.get(f"KAFKA_{name.upper().replace('.', '_')}") for name in shared}

    assert ours == shared


@pytest.mark.parametrize("path", DEPLOYMENT_FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_file_holds_a_secret(path):
    text = path.read_text()
    if path.name == "docker-compose.kafka.yml":  # its secrets are names of files
        text = re.sub(
            r"(?m)^secrets:.*\n(  \w+:\n    file: \$\{\w+_FILE:-/dev/null\}\n)+", "", text
        )
        text = re.sub(r"(?m)^    secrets: \[[\w, ]+\]\n|\w+_FILE: /run/secrets/\w+\n", "", text)
        text = text.replace("REGIMEFLOW_API_KEYS: ${REGIMEFLOW_API_KEYS:-false}", "")

    assert not re.search(r"(?i)(password|passwd|secret|token|api_?key)\w*\s*[:=]", text)
    assert not re.search(r"://[^/\s:@]+:[^/\s@]+@", text)


class TestDockerfile:
    TEXT = (ROOT / "deploy/docker/Dockerfile").read_text()
    LINES = re.sub(r"\\\n\s*", " ", TEXT).splitlines()

    def test_what_is_copied_exists(self):
        for line in self.LINES:
            if line.startswith("COPY ") and "--from=" not in line:
                for source in line.split()[1:-1]:
                    assert (ROOT / source).exists(), f"{source} does not exist"

    def test_what_is_copied_is_not_ignored(self):
        ignored = (ROOT / "deploy/docker/Dockerfile.dockerignore").read_text().splitlines()
        included = {line[1:].rstrip("/") for line in ignored if line.startswith("!")}
        copied = {
            source.split("/")[0]
            for line in self.LINES
            if line.startswith("COPY ") and "--from=" not in line
            for source in line.split()[1:-1]
        }

        assert ignored[0] == "*"
        assert copied <= included

    def test_a_volume_of_ours_begins_as_a_folder_of_our_user(self):
        folders = re.search(
            r"install --directory --owner 10001 --group 10001 (.*)", "\n".join(self.LINES)
        )
        assert folders is not None
        ours = [s for s in SERVICES.values() if s["image"].startswith("regimeflow:")]
        places = {v.split(":")[1] for s in ours for v in s.get("volumes", ())}

        assert places <= set(folders[1].split())

    def test_it_runs_as_an_ordinary_user_on_pinned_images(self):
        final = self.LINES[max(i for i, line in enumerate(self.LINES) if line.startswith("FROM")) :]
        bases = [line.split()[1] for line in self.LINES if line.startswith("FROM")]

        assert "USER 10001:10001" in final
        assert all(re.fullmatch(r"(node|python):\d+\.\d+\.\d+-[\w-]+", base) for base in bases)
        assert bases[1] == bases[2]

    def test_the_environment_is_the_locked_one(self):
        installs = [line for line in self.LINES if line.startswith("RUN") and "sync" in line]

        assert installs
        assert all("--locked" in line and "--no-default-groups" in line for line in installs)
        assert any("--require-hashes" in line for line in self.LINES)

    def test_the_entry_point_runs(self):
        entry = ROOT / "deploy/docker/entrypoint"

        assert entry.stat().st_mode & 0o111
        assert 'ENTRYPOINT ["/app/deploy/docker/entrypoint"]' in self.TEXT
        assert "RUN .venv/bin/python -m deploy.local.kernels" in self.TEXT
