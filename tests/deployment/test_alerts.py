"""Alerts and the Grafana dashboard on a real Prometheus that reads a real API."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.deployment.composed import Composed
from tests.e2e.stack import ROOT, data_folder, free_ports, wait_for

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

MONITORING = ROOT / "deploy" / "monitoring"
DASHBOARD = json.loads((MONITORING / "grafana/dashboards/llm-monitor.json").read_text())
CALL = {"prompt": "What is the capital of France?", "response": "The capital of France is Paris."}
EMPTY = {"Failures of background tasks in a row"}
"""Panels that show nothing while everything is well."""


def need(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed: apt-get install prometheus")
    return path


def test_every_alert_has_series_that_raise_it_beside_some_that_do_not(tmp_path: Path) -> None:
    program = need("promtool")
    shutil.copy(MONITORING / "rules.yml", tmp_path)
    cases = Path(__file__).with_name("alerts.test.yml")
    shutil.copy(cases, tmp_path)
    command = [program, "test", "rules", cases.name]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    groups = yaml.safe_load((MONITORING / "rules.yml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    asked = [one for case in yaml.safe_load(cases.read_text())["tests"] for one in case["alert_rule_test"]]
    assert {one["alertname"] for one in asked if one["exp_alerts"]} == alerts


@contextmanager
def running_prometheus(folder: Path, target: str, key_file: Path) -> Iterator[httpx.Client]:
    """Prometheus with the configuration of deploy/monitoring, which looks every second here."""
    program = need("prometheus")
    text = (MONITORING / "prometheus.yml").read_text()
    for ours, here in (
        ("llm-monitor-api:8000", target),
        ("/run/llm-monitor/admin-key", str(key_file)),
        ("15s", "1s"),
    ):
        assert ours in text
        text = text.replace(ours, here)
    folder.mkdir()
    (folder / "prometheus.yml").write_text(text)
    shutil.copy(MONITORING / "rules.yml", folder)
    address = f"127.0.0.1:{free_ports()[0]}"
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [program, *options, f"--web.listen-address={address}"], stdout=log, stderr=log
        )
    try:
        with httpx.Client(base_url=f"http://{address}/api/v1", timeout=10) as client:
            yield client
    finally:
        process.terminate()
        process.wait(20)


def ask(prometheus: httpx.Client, expression: str) -> list[dict[str, Any]]:
    answer = prometheus.get("/query", params={"query": expression})
    assert answer.status_code == httpx.codes.OK, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def is_up(prometheus: httpx.Client) -> bool:
    try:
        if prometheus.get("/status/runtimeinfo").status_code != httpx.codes.OK:
            return False  # it still starts
        return [one["value"][1] for one in ask(prometheus, 'up{job="llm-monitor"}')] == ["1"]
    except httpx.TransportError:
        return False


def firing(prometheus: httpx.Client) -> set[str]:
    alerts = prometheus.get("/alerts").raise_for_status().json()["data"]["alerts"]
    return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}


def test_the_end_of_the_workers_raises_the_alert_and_the_dashboard_has_figures() -> None:
    need("prometheus")
    with data_folder() as folder, ExitStack() as stack:
        composed = Composed(folder, stack)
        key = composed.migrate()
        composed.start("api")
        worker = composed.start("worker")
        wait_for(worker.healthy, 120, "a worker")
        headers = {"X-API-Key": key}
        with httpx.Client(base_url=composed.api, headers=headers, timeout=30) as client:
            assert client.post("/monitor/inference", json=CALL).status_code == httpx.codes.OK
        target = composed.api.removeprefix("http://")
        with running_prometheus(folder / "prometheus", target, composed.key_file) as prometheus:
            wait_for(lambda: is_up(prometheus), 30, "Prometheus to read the API")
            wait_for(lambda: ask(prometheus, "rate(llm_monitor_records_stored[5m])"), 30, "two readings")
            for panel in DASHBOARD["panels"]:
                found = [ask(prometheus, one["expr"]) for one in panel["targets"]]
                assert all(found) or panel["title"] in EMPTY, panel["title"]
            assert firing(prometheus) == set()
            worker.kill()
            wait_for(lambda: "LlmMonitorNoWorkers" in firing(prometheus), 60, "the alert")
            second = composed.start("worker", 2)
            wait_for(second.healthy, 60, "another worker")
            wait_for(lambda: "LlmMonitorNoWorkers" not in firing(prometheus), 30, "the end of the alert")


def test_panels_lie_beside_each_other_and_name_what_the_api_measures() -> None:
    covered: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + row)
            for column in range(place["w"])
            for row in range(place["h"])
        }
        assert not cells & covered, panel["title"]
        assert max(column for column, _ in cells) < 24
        covered |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {"${datasource}"}
