"""What Kubernetes takes, by its schemas; what Strimzi and KEDA take, of what the chart uses."""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from typing import Any

import jsonschema
from referencing import Registry, Resource

TEXT = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}
NAME = {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "maxLength": 253}


def fields(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of an object with these fields and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {**required, **(optional or {})},
    }


OPERATIONS = ("Read", "Write", "Describe", "DescribeConfigs")
ACL = fields(
    {
        "resource": fields(
            {
                "type": {"enum": ["topic", "group", "transactionalId"]},
                "name": TEXT,
                "patternType": {"enum": ["literal", "prefix"]},
            }
        ),
        "operations": {"type": "array", "minItems": 1, "items": {"enum": OPERATIONS}},
    }
)
TOPIC = fields(
    {
        "partitions": {"type": "integer", "minimum": 1},
        "replicas": {"type": "integer", "minimum": 1, "maximum": 32767},
        "config": {"type": "object", "additionalProperties": TEXT},
    }
)
USER = fields(
    {
        "authentication": fields({"type": {"const": "scram-sha-512"}}),
        "authorization": fields(
            {"type": {"const": "simple"}, "acls": {"type": "array", "items": ACL}}
        ),
    }
)
# Every value of a trigger is a text.
TRIGGERS = {
    "type": "array",
    "minItems": 1,
    "items": fields(
        {
            "type": {"const": "kafka"},
            "metadata": fields(
                {
                    "bootstrapServers": TEXT,
                    "consumerGroup": TEXT,
                    "topic": TEXT,
                    "lagThreshold": {"type": "string", "pattern": "^[1-9][0-9]*$"},
                    "offsetResetPolicy": {"enum": ["latest", "earliest"]},
                },
                {"sasl": {"const": "scram_sha512"}, "tls": {"enum": ["enable", "disable"]}},
            ),
        },
        {"authenticationRef": fields({"name": NAME})},
    ),
}
SCALED_OBJECT = fields(
    {
        "scaleTargetRef": fields({"apiVersion": TEXT, "kind": TEXT, "name": NAME}),
        "minReplicaCount": COUNT,
        "maxReplicaCount": COUNT,
        "pollingInterval": COUNT,
        "cooldownPeriod": COUNT,
        "triggers": TRIGGERS,
    }
)
SCALED_JOB = fields(
    {
        "jobTargetRef": {"type": "object"},  # a JobSpec: checked as one of Kubernetes
        "maxReplicaCount": COUNT,
        "pollingInterval": COUNT,
        "successfulJobsHistoryLimit": COUNT,
        "failedJobsHistoryLimit": COUNT,
        "rollout": fields({"strategy": {"enum": ["default", "gradual"]}}),
        "triggers": TRIGGERS,
    }
)
PARAMETER = fields({"parameter": TEXT, "name": NAME, "key": TEXT})
AUTHENTICATION = fields(
    {
        "configMapTargetRef": {"type": "array", "items": PARAMETER},
        "secretTargetRef": {"type": "array", "items": PARAMETER},
    }
)
SPECS = {
    ("kafka.strimzi.io/v1", "KafkaTopic"): TOPIC,
    ("kafka.strimzi.io/v1", "KafkaUser"): USER,
    ("keda.sh/v1alpha1", "ScaledObject"): SCALED_OBJECT,
    ("keda.sh/v1alpha1", "ScaledJob"): SCALED_JOB,
    ("keda.sh/v1alpha1", "TriggerAuthentication"): AUTHENTICATION,
}


SCHEMAS = files("kubernetes_validate") / "kubernetes-json-schema" / "v1.30.0-local-strict"


@functools.cache
def definitions() -> Registry[Any]:
    """Return what the schemas of Kubernetes refer to."""
    shared = Resource.from_contents(json.loads((SCHEMAS / "_definitions.json").read_text()))
    registry: Registry[Any] = Registry().with_resource("_definitions.json", shared)
    return registry


@functools.cache
def validator(api: str, kind: str) -> jsonschema.Draft202012Validator:
    """Return the strict schema of a kind of Kubernetes."""
    group, _, version = api.rpartition("/")
    name = "-".join(filter(None, (kind.lower(), group.split(".")[0], version)))
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    return jsonschema.Draft202012Validator(schema, registry=definitions())


def check(resource: dict[str, Any]) -> None:
    """Raise ``jsonschema.ValidationError`` for what the cluster would not take."""
    api, kind = resource["apiVersion"], resource["kind"]
    spec = SPECS.get((api, kind))
    if spec is None:
        validator(api, kind).validate(resource)
        return
    jsonschema.Draft202012Validator(spec).validate(resource["spec"])
    job = resource["spec"].get("jobTargetRef")
    if job is not None:
        metadata = {"name": "job"}
        check({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": job})
