"""Requests that schemathesis makes up from the OpenAPI document: no answer is a 5xx."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.stack import running_stack

EXAMPLES = 20
SECONDS = 120
# Without keys every request is let in. With a secret, no random setting makes ingest refuse
# records.
SETTINGS = {"LLM_MONITOR_REQUIRE_KEYS": "never", "LLM_MONITOR_PRIVACY_KEY": "0123456789abcdef" * 2}


@pytest.mark.long
def test_no_request_that_the_schema_allows_or_forbids_breaks_the_server(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    summary = tmp_path / "run.json"
    with running_stack("--api-only", workers=1, settings=SETTINGS) as stack:
        ended = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "run",
                f"{stack.api}/openapi.json",
                "--checks=not_a_server_error",
                "--phases=examples,coverage,fuzzing",
                "--continue-on-failure",
                "--generation-deterministic",
                "--no-color",
                "--warnings=off",
                f"--max-examples={EXAMPLES}",
                f"--max-time={SECONDS}",
                "--request-timeout=20",
                f"--report-json-path={summary}",
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=2 * SECONDS,
            check=False,
        )
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    run = json.loads(summary.read_text())
    made, broken = run["test_cases"]["generated"], run["test_cases"]["with_failures"]
    report(f"schemathesis: {made} requests over the OpenAPI document, {broken} answered with a server error")
    assert made > EXAMPLES
    assert broken == 0
