"""The Helm chart, rendered by Helm's own engine and held against the schemas of Kubernetes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployment.services import read_services
from tests.deployment.tools import check, render

pytestmark = pytest.mark.long

SERVERS = {"database": {"existingSecret": "servers"}, "redis": {"existingSecret": "servers"}}
ADDRESSES = {"database": {"url": "postgresql://me:secret@db/monitor"}, "redis": {"url": "redis://cache"}}
EVERYTHING = {
    **SERVERS,
    "api": {"autoscaling": {"enabled": True}},
    "worker": {"keda": {"enabled": True}},
    "serviceMonitor": {"enabled": True, "keySecret": {"name": "prometheus-key"}},
    "privacyKey": {"existingSecret": "privacy"},
    "imagePullSecrets": [{"name": "registry"}],
    "settings": {"LOG_LEVEL": "debug", "RETENTION_DAYS": 30},
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "extraEnvFrom": [{"configMapRef": {"name": "more"}}],
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
}
SMALL = {
    **ADDRESSES,
    "allowAnonymous": True,
    "dashboard": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "worker": {"autoscaling": {"enabled": True}, "podDisruptionBudget": {"enabled": False}},
    "image": {"digest": "sha256:" + "a" * 64},
}
CUSTOM = {"ScaledObject", "ServiceMonitor"}
"""Kinds that are no part of Kubernetes, for which it has no schemas."""


def objects(values: dict[str, Any]) -> list[dict[str, Any]]:
    made = render(values)
    assert "error" not in made["rendered"], made["rendered"]
    assert [one for one in made["lint"]["messages"] if one["severity"] > 1] == []
    files = {name: text for name, text in made["rendered"].items() if not name.endswith("NOTES.txt")}
    return [one for text in files.values() for one in yaml.safe_load_all(text) if one]


def kinds(found: list[dict[str, Any]]) -> list[str]:
    return sorted(
        f"{one['kind']}/{one['metadata']['name'].removeprefix('demo-llm-monitor')}" for one in found
    )


@pytest.mark.parametrize("version", ["1.29", "1.35"])
@pytest.mark.parametrize("values", [SERVERS, EVERYTHING, SMALL], ids=["default", "everything", "small"])
def test_what_is_rendered_follows_the_schemas_of_kubernetes(
    values: dict[str, Any], version: str, tmp_path: Path
) -> None:
    for number, one in enumerate(objects(values)):
        if one["kind"] not in CUSTOM:
            file = tmp_path / f"{number}-{one['kind']}.yaml"
            file.write_text(yaml.safe_dump(one))
    check("kubernetes-validate", "--strict", "-k", version, *sorted(map(str, tmp_path.iterdir())))


def test_an_object_that_does_not_follow_is_found(tmp_path: Path) -> None:
    (deployment,) = [
        one
        for one in objects(SERVERS)
        if one["metadata"]["name"].endswith("-api") and one["kind"] == "Deployment"
    ]
    deployment["spec"]["replica"] = 2
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(deployment))
    with pytest.raises(AssertionError, match="replica"):
        check("kubernetes-validate", "--strict", str(tmp_path / "wrong.yaml"))


def test_the_default_brings_what_is_promised_and_no_servers_or_definitions() -> None:
    assert kinds(objects(SERVERS)) == [
        "Deployment/-api", "Deployment/-dashboard", "Deployment/-worker", "Job/-migrate",
        "NetworkPolicy/-api", "NetworkPolicy/-dashboard", "NetworkPolicy/-migrate", "NetworkPolicy/-worker",
        "PodDisruptionBudget/-api", "PodDisruptionBudget/-worker", "Service/-api", "Service/-dashboard",
    ]  # fmt: skip
    more = set(kinds(objects(EVERYTHING))) - set(kinds(objects(SERVERS)))
    assert more == {"HorizontalPodAutoscaler/-api", "ScaledObject/-worker", "ServiceMonitor/"}
    fewer = kinds(objects(SMALL))
    assert "Secret/" in fewer
    assert not [name for name in fewer if "dashboard" in name or "NetworkPolicy" in name]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "set database.url or database.existingSecret"),
        ({"database": {"url": "postgresql:///a"}}, "set redis.url or redis.existingSecret"),
        (SERVERS | {"serviceMonitor": {"enabled": True}}, "set serviceMonitor.keySecret.name"),
        (
            SERVERS | {"worker": {"keda": {"enabled": True}, "autoscaling": {"enabled": True}}},
            "enable one of them",
        ),
    ],
)
def test_values_that_cannot_work_are_refused_with_advice(values: dict[str, Any], said: str) -> None:
    assert said in render(values)["rendered"]["error"]


def pods(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    owners = [one for one in found if one["kind"] in {"Deployment", "Job"}]
    specs = [one["spec"]["template"]["spec"] for one in owners]
    return {spec["containers"][0]["name"]: spec for spec in specs}


@pytest.mark.parametrize("values", [SERVERS, EVERYTHING, SMALL], ids=["default", "everything", "small"])
def test_containers_have_no_rights_and_start_what_compose_starts(values: dict[str, Any]) -> None:
    secrets = {"POSTGRES_PASSWORD": "a", "REDIS_PASSWORD": "b"}
    services = read_services(secrets)
    for name, spec in pods(objects(values)).items():
        (container,) = spec["containers"]
        assert container["args"] == services[f"llm-monitor-{name}"]["command"]
        assert "command" not in container, "the image's own start comes first"
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/data", "/tmp"}  # noqa: S108 a pod's own
        assert spec["automountServiceAccountToken"] is spec["enableServiceLinks"] is False
        probes = {"startupProbe", "livenessProbe"} if name == "worker" else set()
        probes = (
            {"startupProbe", "readinessProbe", "livenessProbe"} if name in {"api", "dashboard"} else probes
        )
        assert {key for key in container if key.endswith("Probe")} == probes


def test_no_address_is_written_into_a_pod() -> None:
    for spec in pods(objects(SMALL)).values():
        variables = {one["name"]: one for one in spec["containers"][0]["env"]}
        for name in ("DATABASE_URL", "REDIS_URL"):
            assert variables[name]["valueFrom"]["secretKeyRef"] == {"name": "demo-llm-monitor", "key": name}
        assert "secret@" not in yaml.safe_dump(spec)
        assert spec["containers"][0]["image"].endswith("@sha256:" + "a" * 64)
    found = pods(objects(EVERYTHING))
    variables = {one["name"]: one for one in found["worker"]["containers"][0]["env"]}
    assert variables["LLM_MONITOR_RETENTION_DAYS"]["value"] == "30"
    assert variables["LLM_MONITOR_PRIVACY_KEY"]["valueFrom"]["secretKeyRef"]["name"] == "privacy"
    assert "LLM_MONITOR_ALLOW_ANONYMOUS" not in variables


def test_the_migration_comes_before_everything_else() -> None:
    (job,) = [one for one in objects(SMALL) if one["kind"] == "Job"]
    (secret,) = [one for one in objects(SMALL) if one["kind"] == "Secret"]
    hooks = [one["metadata"]["annotations"] for one in (secret, job)]
    assert {hook["helm.sh/hook"] for hook in hooks} == {"pre-install,pre-upgrade"}
    weights = [int(hook["helm.sh/hook-weight"]) for hook in hooks]
    assert weights[0] < weights[1]
