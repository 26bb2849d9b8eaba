"""The Helm chart by Helm's own engine: valid, least privileged, one workload a process."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python as helm
import jsonschema
import pytest
import yaml

from deploy.environments import LOG_RETENTION_DAYS
from deploy.generate import helm as generator
from deploy.topics.plan import planned_topics
from streams.runtime.environment import PREFIX, SECRETS, setting_names
from streams.topology import CHAINS, OPERATOR, WORKERS, Chain, Worker
from tests.deploy.helm.custom_resources import SPECS, check
from workers.settings import Settings

CHART = Path(generator.FILE).parent
TOPOLOGY = json.loads(generator.FILE.read_text())
ROOT = CHART.parents[1]
HEARTBEAT = "/tmp/heartbeat"  # noqa: S108 - a volume of the pod alone
Resource = dict[str, Any]

ENVIRONMENTS = ("default", "dev", "staging", "prod")
every_environment = pytest.mark.parametrize("environment", ENVIRONMENTS)
ROWS: tuple[Chain | Worker, ...] = (*CHAINS, *WORKERS)
PROCESSES = {row.name for row in ROWS}


def values_of(environment: str) -> dict[str, Any]:
    """Return the values of an environment, beside those of the chart."""
    if environment == "default":
        return {}
    loaded: dict[str, Any] = yaml.safe_load((CHART / f"values-{environment}.yaml").read_text())
    return loaded


def render(values: dict[str, Any]) -> list[Resource]:
    """Return the resources of a release; raises ``helm.HelmError``."""
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name="rf", namespace="trading")
    texts = (text for name, text in sorted(files.items()) if name.endswith(".yaml"))
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


@functools.cache
def resources(environment: str) -> tuple[Resource, ...]:
    """Return the resources of an environment."""
    return tuple(render(values_of(environment)))


def of_kind(environment: str, *kinds: str) -> dict[str, Resource]:
    """Return resources of some kinds by their names."""
    return {r["metadata"]["name"]: r for r in resources(environment) if r["kind"] in kinds}


def pods(environment: str) -> Iterator[tuple[str, Resource]]:
    """Yield the name of each workload, and its pod's template."""
    for name, each in of_kind(environment, "Deployment", "StatefulSet", "Job").items():
        yield name, each["spec"]["template"]
    for name, each in of_kind(environment, "ScaledJob").items():
        yield name, each["spec"]["jobTargetRef"]["template"]


def containers(environment: str) -> dict[str, Resource]:
    """Return every container by its name."""
    return {c["name"]: c for _, pod in pods(environment) for c in pod["spec"]["containers"]}


def policies(environment: str) -> dict[str, Resource]:
    """Return the spec of each network policy by its name."""
    return {n: r["spec"] for n, r in of_kind(environment, "NetworkPolicy").items()}


def test_what_the_chart_knows_of_the_code_is_current():
    assert generator.FILE.read_text() == generator.text(), "run python -m deploy.generate.helm"


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_helm_finds_nothing_to_mend(environment):
    report = helm.lint(CHART, values_of(environment), strict=True)

    worse = [each for each in report["messages"] if each["severity"] > 1]  # above advice
    assert (worse, report["errors"]) == ([], [])


@every_environment
def test_every_resource_is_one_that_kubernetes_strimzi_or_keda_takes(environment):
    for each in resources(environment):
        check(each)


def test_a_field_that_kubernetes_or_strimzi_does_not_know_is_refused():
    for kind, place in (("StatefulSet", "spec"), ("KafkaUser", "spec"), ("ScaledObject", "spec")):
        each = copy.deepcopy(next(r for r in resources("prod") if r["kind"] == kind))
        each[place]["replicaz"] = 1
        with pytest.raises(jsonschema.ValidationError, match="replicaz"):
            check(each)


@every_environment
def test_names_are_unique_and_every_reference_has_its_resource(environment):
    names = [(r["kind"], r["metadata"]["name"]) for r in resources(environment)]
    assert len(set(names)) == len(names)
    claims, maps = of_kind(environment, "PersistentVolumeClaim"), of_kind(environment, "ConfigMap")
    users = of_kind(environment, "KafkaUser")
    for _, pod in pods(environment):
        for volume in pod["spec"]["volumes"]:
            claim = volume.get("persistentVolumeClaim")
            assert claim is None or claim["claimName"] in claims
        for container in pod["spec"]["containers"]:
            assert container["envFrom"][0]["configMapRef"]["name"] in maps
            if container["name"] == "simulator":  # knows no Kafka
                continue
            password = env(container)["KAFKA_USER_PASSWORD"]["valueFrom"]["secretKeyRef"]
            assert password["name"] in users  # whose operator makes a secret of that name


def env(container: Resource) -> dict[str, Resource]:
    return {each["name"]: each for each in container["env"]}


@pytest.mark.parametrize(
    ("environment", "beside"), [("staging", {"topics"}), ("prod", {"topics"}), ("dev", {"topics"})]
)
def test_every_process_of_the_topology_runs_once(environment, beside):
    expected = PROCESSES - {"account"} | beside
    if environment == "prod":
        expected -= {"simulator"}  # the real venue

    running = [c["name"] for _, pod in pods(environment) for c in pod["spec"]["containers"]]

    assert sorted(running) == sorted(expected)
    for name in PROCESSES & set(running):
        command = f"rm -f {HEARTBEAT} && exec python -m deploy.process {name}"
        assert containers(environment)[name]["args"] == ["sh", "-c", command]


def test_every_process_has_its_values():
    chart = yaml.safe_load((CHART / "values.yaml").read_text())

    assert set(chart["processes"]) == PROCESSES


@every_environment
def test_every_pod_is_unprivileged_and_every_container_has_its_bounds(environment):
    for name, pod in pods(environment):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        security = spec["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"]) == (True, 10001)
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"]
            assert not own["allowPrivilegeEscalation"]
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]


@every_environment
def test_every_process_is_probed_by_what_it_offers(environment):
    for name, container in containers(environment).items():
        if name == "topics":
            continue
        assert env(container)["REGIMEFLOW_HEARTBEAT"]["value"] == HEARTBEAT
        probe = container["readinessProbe"]["httpGet"]
        assert probe["port"] == container["ports"][0]["containerPort"]
        assert probe["path"] == ("/health" if name == "gateway" else "/metrics")
        assert HEARTBEAT in str(container["livenessProbe"]["exec"]["command"])


@every_environment
def test_no_manifest_holds_a_secret(environment):
    assert of_kind(environment, "Secret") == {}
    for _, pod in pods(environment):
        for container in pod["spec"]["containers"]:
            for name, each in env(container).items():
                bare = name.removeprefix(PREFIX)
                if bare == "KAFKA_CLIENT":
                    assert '"sasl.password":"$(KAFKA_USER_PASSWORD)"' in each["value"]
                elif bare in SECRETS:
                    assert "value" not in each, name


@every_environment
def test_the_kafka_client_of_each_container_is_one_that_the_processes_take(environment):
    for name, container in containers(environment).items():
        if name == "simulator":
            continue
        client = json.loads(env(container)["REGIMEFLOW_KAFKA_CLIENT"]["value"])
        user = "operator" if name == "topics" else name
        assert client["sasl.username"] == f"rf-{user}"
        assert client["ssl.ca.location"] == "/etc/kafka-ca/ca.crt"
        del client["ssl.ca.location"]  # not on this machine
        assert Settings(kafka_client=client).kafka_client == client


@every_environment
def test_every_variable_of_the_chart_is_a_setting(environment):
    data = next(iter(m["data"] for n, m in of_kind(environment, "ConfigMap").items() if "set" in n))
    named = {name for c in containers(environment).values() for name in env(c)} | set(data)
    started = {f"{PREFIX}{n}" for n in ("HEARTBEAT", "METRICS_HOST", "METRICS_PORT")}
    gateway = {f"{PREFIX}{n}" for n in ("HOST", "PORT", "API_KEYS", "INSECURE")}

    unknown = {n for n in named if n.startswith(PREFIX)} - setting_names(Settings)

    assert unknown <= started | gateway


def test_the_topics_are_those_of_the_code_with_their_settings():
    topics = of_kind("prod", "KafkaTopic")

    assert set(topics) == {plan.name for plan in planned_topics()}
    for plan in planned_topics(LOG_RETENTION_DAYS["prod"]):
        spec = topics[plan.name]["spec"]
        assert spec["partitions"] == (1 if plan.single else 8)
        assert spec["config"] == {**plan.config, "min.insync.replicas": "2"}
        assert topics[plan.name]["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def allowed(user: str, kind: str, operation: str) -> set[str]:
    """Return what a user may do something with."""
    return {
        rule["resource"]["name"] + ("*" if rule["resource"]["patternType"] == "prefix" else "")
        for rule in TOPOLOGY["users"][user]
        if rule["resource"]["type"] == kind and operation in rule["operations"]
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_process_writes_its_outputs_its_changelogs_and_its_dead_letters_alone(row):
    if row.name == "simulator":
        assert row.name not in TOPOLOGY["users"]
        return
    outputs = {topic.name for topic in row.writes}

    written = allowed(row.name, "topic", "Write")

    own = {n for n in written - outputs if n.endswith(".state.v1")}
    letters = written - outputs - own
    assert outputs <= written
    assert own == {n for n in allowed(row.name, "topic", "Read") if n.endswith(".state.v1")}
    assert all(name.endswith(".dlq") for name in letters)
    assert {topic.name for topic in row.reads} <= allowed(row.name, "topic", "Read")


def test_who_may_write_a_topic_is_who_the_topology_says():
    for topic in TOPOLOGY["topics"]:
        name = topic["name"]
        if name.endswith((".dlq", ".state.v1")):
            continue
        writers = {u for u in TOPOLOGY["users"] if name in allowed(u, "topic", "Write")}
        declared = {
            row.name for row in (*ROWS, OPERATOR) if any(t.name == name for t in row.writes)
        }
        assert writers == declared, name


def test_a_changelog_has_one_owner_and_nobody_joins_anothers_group_or_transaction():
    users = TOPOLOGY["users"]
    for plan in planned_topics():
        if plan.name.endswith(".state.v1"):
            assert sum(plan.name in allowed(user, "topic", "Write") for user in users) == 1
    for user in users:
        assert allowed(user, "group", "Read") <= {user, f"{user}-*"}
        assert allowed(user, "transactionalId", "Write") <= {user, f"{user}-*"}


def test_a_user_has_one_rule_for_each_resource():
    for rules in TOPOLOGY["users"].values():
        about = [json.dumps(rule["resource"]) for rule in rules]

        assert len(set(about)) == len(about)


def test_nobody_may_make_change_or_delete_a_topic():
    rules = [rule for rules in TOPOLOGY["users"].values() for rule in rules]

    granted = {operation for rule in rules for operation in rule["operations"]}

    assert granted == {"Read", "Write", "Describe", "DescribeConfigs"}
    assert {rule["resource"]["type"] for rule in rules} == {"topic", "group", "transactionalId"}


def test_members_are_counted_by_the_lag_of_what_they_read_and_never_beyond_the_partitions():
    scaled = of_kind("prod", "ScaledObject", "ScaledJob")

    assert set(scaled) == {f"rf-{name}" for name in (*generator.SCALED, *generator.JOBS)}
    for name, each in scaled.items():
        row = next(r for r in ROWS if f"rf-{r.name}" == name)
        reads = {topic.name for topic in row.reads}
        for trigger in each["spec"]["triggers"]:
            assert trigger["metadata"]["topic"] in reads
            assert trigger["metadata"]["consumerGroup"] == row.name
        assert each["spec"]["maxReplicaCount"] <= 8
        assert (each["kind"] == "ScaledJob") == (row.name in generator.JOBS)
        target = each["spec"].get("scaleTargetRef", {}).get("name")
        if target is not None:  # the scaler counts its members, not the chart
            assert "replicas" not in of_kind("prod", "StatefulSet")[target]["spec"]


def test_every_process_is_scaled_or_says_why_it_is_not():
    scaled = {*generator.SCALED, *generator.JOBS}

    assert scaled | set(generator.UNSCALED) == PROCESSES
    assert not scaled & set(generator.UNSCALED)
    with helm.Chart.load(CHART) as chart:
        notes = chart.render({}, name="rf", namespace="trading")["regimeflow/templates/NOTES.txt"]
    assert all(f"{name}: {reason}" in notes for name, reason in generator.UNSCALED.items())


def test_a_job_ends_when_nothing_waits_and_names_its_members():
    job = containers("prod")["backtest"]

    assert env(job)["REGIMEFLOW_JOB_IDLE_S"]["value"] == "60"
    assert env(job)["REGIMEFLOW_INSTANCE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    assert "REGIMEFLOW_JOB_IDLE_S" not in env(containers("dev")["backtest"])


@every_environment
def test_nothing_is_reached_but_what_a_policy_names(environment):
    specs = policies(environment)
    deny = specs.pop("rf-default-deny")

    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & deny.keys()
    assert deny["podSelector"]["matchLabels"].items() <= (
        {"app.kubernetes.io/name": "regimeflow", "app.kubernetes.io/instance": "rf"}.items()
    )
    ports = {p["port"] for rule in specs["rf-to-kafka"]["egress"] for p in rule["ports"]}
    assert ports == {53, 9093}
    for spec in specs.values():
        for rule in spec.get("ingress", ()):
            assert rule["from"], "an ingress rule without peers lets everybody in"


def test_ingest_alone_reaches_the_venue_and_only_where_it_is_a_real_one():
    outward = {
        name
        for name, spec in policies("prod").items()
        for rule in spec.get("egress", ())
        if any("ipBlock" in peer for peer in rule.get("to", ()))
    }

    assert outward == {"rf-ingest-egress"}
    rule = policies("prod")["rf-ingest-egress"]["egress"][0]
    assert rule["ports"] == [{"protocol": "TCP", "port": 443}]
    assert "10.0.0.0/8" in rule["to"][0]["ipBlock"]["except"]
    assert "rf-ingest-egress" not in policies("staging")


def test_the_gateway_is_reached_by_whom_the_values_name():
    [rule] = policies("prod")["rf-gateway"]["ingress"]

    assert rule["ports"] == [{"protocol": "TCP", "port": 8080}]
    assert "rf-gateway" not in policies("default")


@every_environment
def test_a_drain_of_a_node_takes_one_pod_of_a_process_at_a_time(environment):
    budgets = of_kind(environment, "PodDisruptionBudget")

    workloads = of_kind(environment, "Deployment", "StatefulSet")
    assert set(budgets) == set(workloads)
    assert all(each["spec"]["maxUnavailable"] == 1 for each in budgets.values())


def test_the_size_of_a_strategy_is_that_of_the_process_that_serves_its_models():
    rendered = render({"strategy": {"name": "MyStrategy", "cpu": 512, "memory": 1024}})

    [inference] = [
        r
        for r in rendered
        if r["metadata"]["name"] == "rf-inference" and "spec" in r and r["kind"] == "StatefulSet"
    ]
    [container] = inference["spec"]["template"]["spec"]["containers"]
    size = {"cpu": "512m", "memory": "1024Mi"}
    assert container["resources"] == {"requests": size, "limits": size}


def test_a_secret_is_named_never_written():
    named = {"name": "sinks", "key": "urls"}
    rendered = render({"processes": {"notify": {"secrets": {"REGIMEFLOW_NOTIFY_URLS": named}}}})

    [notify] = [
        r for r in rendered if r["kind"] == "StatefulSet" and "notify" in str(r["metadata"])
    ]
    container = notify["spec"]["template"]["spec"]["containers"][0]
    assert env(container)["REGIMEFLOW_NOTIFY_URLS"]["valueFrom"] == {"secretKeyRef": named}


def test_an_account_is_read_at_a_real_venue_whose_key_is_named_and_may_go_there_alone():
    key = {
        f"REGIMEFLOW_BINANCE_API_{name}": {"name": "venue", "key": name.lower()}
        for name in ("KEY", "SECRET")
    }
    with_key = {"processes": {"account": {"secrets": key}}}

    rendered = {
        exchange: {
            (r["kind"], r["metadata"]["name"])
            for r in render({"exchange": exchange, **with_key})
            if r["metadata"]["name"].startswith("rf-account")
        }
        for exchange in ("simulated", "binanceusdm")
    }

    users = {("KafkaUser", "rf-account")} & rendered["simulated"]
    assert rendered["simulated"] == users
    assert rendered["binanceusdm"] - users == {
        ("StatefulSet", "rf-account"),
        ("PodDisruptionBudget", "rf-account"),
        ("NetworkPolicy", "rf-account-egress"),
    }


def test_without_the_operators_nothing_of_theirs_is_made_and_the_client_comes_from_a_secret():
    rendered = render(
        {
            "strimzi": {"enabled": False},
            "keda": {"enabled": False},
            "kafka": {"bootstrap": "kafka-1:9093", "clientSecret": {"name": "mine"}},
        }
    )

    assert not {r["apiVersion"] for r in rendered} & {api for api, _ in SPECS}
    [gateway] = [r for r in rendered if r["kind"] == "Deployment"]
    client = env(gateway["spec"]["template"]["spec"]["containers"][0])["REGIMEFLOW_KAFKA_CLIENT"]
    assert client["valueFrom"]["secretKeyRef"] == {"name": "mine", "key": "kafka-client.json"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"exchange": "nyse"}, "exchange"),
        ({"kafka": {"partitions": 0}}, "partitions"),
        ({"kafka": {"bootstrap": "kafka"}}, "bootstrap"),
        ({"imagee": {}}, "imagee"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"processes": {"market": {"replicas": "2"}}}, "replicas"),
        ({"processes": {"market": {"home": "lots"}}}, "home"),
        ({"processes": {"market": {"resources": {"limits": {"memory": "1 GB"}}}}}, "memory"),
        ({"settings": {"UNIVERSE": "BTCUSDT"}}, "UNIVERSE"),
        ({"settings": {"REGIMEFLOW_NOTIFY_URLS": "slack://x"}}, "REGIMEFLOW_NOTIFY_URLS"),
        ({"settings": {"REGIMEFLOW_SPEED": 60}}, "REGIMEFLOW_SPEED"),
        ({"processes": {"notify": {"secrets": {"REGIMEFLOW_X": "plain"}}}}, "REGIMEFLOW_X"),
        (
            {
                "processes": {
                    "inferense": {"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}}
                }
            },
            "processes.inferense is no process; expected one of account",
        ),
        ({"processes": {"ingest": {"replicas": 2}}}, "processes.ingest.replicas is 2, expected 1"),
        ({"processes": {"market": {"maxReplicas": 9}}}, "expected at most kafka.partitions, 4"),
        ({"processes": {"market": {"replicas": 9}}}, "expected at most kafka.partitions, 4"),
        ({"processes": {"training": {"maxReplicas": 2}}}, "not scaled by lag: one model"),
        ({"processes": {"market": None}}, "processes.market is missing"),
        ({"environment": "production"}, "environment"),
        (
            {"environment": "prod", "gateway": {"apiKeys": True, "insecure": True}},
            "gateway.insecure: in prod somebody has to sign in",
        ),
        ({"gateway": {"apiKeys": False}}, "nobody has to sign in"),
        ({"gateway": {"oidc": {"issuer": "http://x"}}}, "issuer"),
        ({"gateway": {"oidc": {"issuer": "https://x"}}}, "need an audience or a clientId"),
        ({"gateway": {"ingress": {"enabled": True}}}, "gateway.ingress.host is empty"),
        ({"strimzi": {"enabled": False}}, "kafka.bootstrap is empty"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values, expected):
    with pytest.raises(helm.HelmError) as refused:
        render(values)

    assert expected in str(refused.value)


def test_the_schema_knows_every_secret():
    schema = json.loads((CHART / "values.schema.json").read_text())

    refused = set(schema["definitions"]["settings"]["propertyNames"]["not"]["enum"])

    assert {f"{PREFIX}{name}" for name in SECRETS} <= refused


def test_the_image_runs_as_the_user_of_the_chart():
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()

    assert "USER 10001:10001" in dockerfile
