"""The GitHub Action that evaluates: inputs reach the command, and none is read as code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / ".github" / "actions" / "evaluate"
ACTION = yaml.safe_load((FOLDER / "action.yml").read_text(encoding="utf-8"))
(STEP,) = ACTION["runs"]["steps"]
STUB = """#!/usr/bin/env bash
printf '%s\\n' "$@" > asked.txt
[ "$STUB_STATUS" = 2 ] || echo "# what was found" > "$4"
exit "$STUB_STATUS"
"""


def variables(**inputs: str) -> dict[str, str]:
    """Return the variables of the step, as GitHub fills them in."""
    given = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    return {
        name: given[value.removeprefix("${{ inputs.").removesuffix(" }}")]
        for name, value in STEP["env"].items()
    }


def run(folder: Path, status: int, **inputs: str) -> tuple[int, list[str], str]:
    stub = folder / "stub"
    stub.write_text(STUB)
    stub.chmod(0o755)
    summary = folder / "summary.md"
    told = {"GITHUB_STEP_SUMMARY": str(summary), "STUB_STATUS": str(status), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [FOLDER / "evaluate.sh"],
        cwd=folder,
        env=told | variables(command=str(stub), **inputs),
        check=False,
    )
    return done.returncode, (folder / "asked.txt").read_text().splitlines(), summary.read_text()


def test_every_input_is_a_variable_and_none_is_written_into_the_script() -> None:
    assert set(STEP["env"].values()) == {f"${{{{ inputs.{one} }}}}" for one in ACTION["inputs"]}
    assert "${{" not in STEP["run"]
    assert os.access(FOLDER / "evaluate.sh", os.X_OK)


@pytest.mark.parametrize("status", [0, 1])
def test_inputs_reach_the_command_and_its_summary_and_status_come_back(tmp_path: Path, status: int) -> None:
    found, asked, summary = run(
        tmp_path, status, file="new.jsonl", dataset="qa", baseline="approved", fail_on_regression="true",
        fail_if="pass_rate<0.95\n\nflags.pii_leak>0", url="http://api",
    )  # fmt: skip
    assert (found, summary) == (status, "# what was found\n")
    assert [*asked[:3], *asked[4:]] == [
        "evaluate", "new.jsonl", "--markdown", "--dataset", "qa", "--baseline", "approved", "--url", "http://api",
        "--fail-if", "pass_rate<0.95", "--fail-if", "flags.pii_leak>0", "--fail-on-regression",
    ]  # fmt: skip


def test_a_run_that_cannot_be_judged_fails_and_says_so(tmp_path: Path) -> None:
    found, _, summary = run(tmp_path, 2, file="new.jsonl")
    assert found == 2
    assert "could not be judged" in summary


def test_no_input_is_read_as_a_command(tmp_path: Path) -> None:
    hostile = "$(touch hacked) `touch hacked`; touch hacked"
    _, asked, _ = run(tmp_path, 0, file=hostile, name=hostile, fail_if=hostile)
    assert asked.count(hostile) == 3
    assert not (tmp_path / "hacked").exists()
