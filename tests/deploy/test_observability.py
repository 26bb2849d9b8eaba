"""Alert rules and dashboards ask only for metrics and labels that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, Histogram

from gateway.metrics import GatewayMetrics
from schemas import telemetry
from streams.runtime.metrics import ProcessMetrics

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARDS = {
    path.stem: json.loads(path.read_text()) for path in (DEPLOY / "grafana/dashboards").glob("*")
}
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"]
    for dashboard in DASHBOARDS.values()
    for panel in dashboard["panels"]
    if panel["type"] != "row"  # a heading
    for target in panel["targets"]
]

CONTRACT = {
    value for name, value in vars(telemetry).items() if name.isupper() and "HEADER" not in name
}
# Prometheus' own, the Python client's default collectors, and the GPU exporter's.
DOCUMENTED = {
    "up",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "nvidia_smi_utilization_gpu_ratio",
}
LANGUAGE = {"sum", "max", "rate", "increase", "histogram_quantile", "by"}


def metrics_of(expression):
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby\s*\([^)]*\)", " ", expression)
    return set(re.findall(r"[a-zA-Z_:][\w:]*", bare)) - LANGUAGE


def labels_of(expression):
    grouped = re.findall(r"\bby\s*\(([^)]*)\)", expression)
    selected = re.findall(r"\{([^}]*)\}", expression)
    names = {name.strip() for group in grouped for name in group.split(",")}
    return names | {name for part in selected for name in re.findall(r"(\w+)\s*[=!]", part)}


def declared_metrics():
    registries = (CollectorRegistry(), GatewayMetrics().registry)
    ProcessMetrics(registries[0])
    collectors = [each for registry in registries for each in registry._collector_to_names]
    return [each for each in collectors if hasattr(each, "_labelnames")]  # not the process's own


def declared_labels():
    return {label for metric in declared_metrics() for label in metric._labelnames}


def declared_histograms():
    return {metric._name for metric in declared_metrics() if isinstance(metric, Histogram)}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_only_metrics_that_exist_are_asked_for(expression):
    histograms = declared_histograms()
    known = CONTRACT | DOCUMENTED | {f"{name}_bucket" for name in histograms}

    names = metrics_of(expression)

    assert names
    assert names <= known - histograms


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_only_labels_that_exist_are_asked_for(expression):
    assert labels_of(expression) <= declared_labels() | {"job", "process", "le"}


def test_a_metric_that_does_not_exist_is_found():
    wrong = 'sum by (consumer) (rate(regimeflow_record_in_total{topic="x"}[1m])) > 3'

    assert metrics_of(wrong) == {"regimeflow_record_in_total"}
    assert labels_of(wrong) == {"consumer", "topic"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_is_wrong_and_what_to_do(rule):
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["action"]
    assert set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))) <= (
        labels_of(rule["expr"]) | {"process"}
    )


def test_the_rules_are_loaded():
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())

    assert all((DEPLOY / "prometheus" / name).exists() for name in config["rule_files"])


def test_promtool_finds_that_each_state_sets_off_its_alert():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool comes with Prometheus, which no package of the lock file brings")

    done = subprocess.run(
        [promtool, "test", "rules", "alerts_test.yml"],
        cwd=DEPLOY / "prometheus",
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_inference_dashboard_has_the_five_documented_panels():
    panels = {panel["title"]: panel for panel in DASHBOARDS["inference"]["panels"]}
    queries = {title: str(panel.get("targets")) for title, panel in panels.items()}

    assert telemetry.PREDICTIONS_TOTAL in queries["Prediction throughput"]
    latency = panels["Prediction latency P50 / P95 / P99"]
    assert [target["legendFormat"] for target in latency["targets"]] == ["P50", "P95", "P99"]
    assert "by (status)" in queries["Success and error rate"]
    assert telemetry.ACTIONS_TOTAL in queries["Action distribution"]
    assert "gpu" in queries["GPU utilization"]


def test_every_metric_of_the_contract_is_shown():
    shown = {name for expression in EXPRESSIONS for name in metrics_of(expression)}

    assert {name.removesuffix("_bucket") for name in shown} >= CONTRACT


def test_dashboards_are_provisioned_and_read_the_provisioned_source():
    sources = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text()
    )
    uids = {source["uid"] for source in sources["datasources"]}

    for dashboard in DASHBOARDS.values():
        places = [panel["gridPos"] for panel in dashboard["panels"]]
        shown = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
        assert dashboard["editable"] is False
        assert {panel["datasource"]["uid"] for panel in shown} <= uids
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
        assert all(place["x"] + place["w"] <= 24 for place in places)
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)
