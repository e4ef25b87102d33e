"""The programs that `make tools` installs, which check deployment files."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from tests.e2e.stack import ROOT

__all__ = ["TOOLS", "check", "render"]

TOOLS = ROOT / ".tools"
_RENDER = """
import json, sys
import helm_python as helm
given = json.load(sys.stdin)
with helm.Chart.load(given["chart"]) as chart:
    try:
        rendered = chart.render(given["values"], name="demo", namespace="prod")
    except helm.HelmError as error:
        rendered = {"error": str(error)}
report = helm.lint(given["chart"], given["values"])
print(json.dumps({"rendered": rendered, "lint": report}))
"""


def check(program: str, *arguments: str) -> None:
    """Run a program of `make tools` in the checkout; fails with what it prints if it finds any."""
    done = _run([_path(program), *arguments], "")
    assert done.returncode == 0, done.stdout + done.stderr


def render(values: dict[str, Any]) -> dict[str, Any]:
    """Return the files that Helm makes of the chart, by template, and what its lint says.

    `rendered` has the single key `error` where Helm refuses the values.
    """
    given = {"chart": str(ROOT / "deploy/helm/llm-monitor"), "values": values}
    done = _run([_path("python"), "-c", _RENDER], json.dumps(given))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _path(program: str) -> str:
    path = TOOLS / "venv" / "bin" / program
    if not path.exists():
        pytest.skip(f"{program} is not installed: make tools")
    return str(path)


def _run(command: Sequence[str], given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, check=False)
