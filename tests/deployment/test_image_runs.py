"""The image, built and run: what README promises of `docker run`, without Docker."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.deployment.builder import IMAGE, Working, build_image, describe_image, make_base, why_not, working
from tests.deployment.container import Container
from tests.e2e.stack import ROOT, data_folder, free_ports, wait_for
from tests.unit.dockerfile import read_images

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]

START_SECONDS, SCORE_SECONDS, STOP_SECONDS = 120.0, 60.0, 10.0
"""Longest times for a start, for the first record's scores, and for what `docker stop` allows."""

CALL = {"prompt": "What is the capital of France?", "response": "The capital of France is Paris."}
MANY = 400
KEY = re.compile(r"\blm_[\w-]{56}(?![\w-])")


class Built(NamedTuple):
    """The image: what it runs, and a working container of it."""

    config: dict[str, Any]
    working: Working


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    if reason := why_not():
        pytest.skip(reason)
    make_base()
    build_image(tmp_path_factory.mktemp("pip"))
    with working(IMAGE) as container:
        yield Built(describe_image(), container)


def size_of(folder: Path) -> int:
    """Return the MiB that a folder takes on disk."""
    printed = subprocess.run(
        ["du", "--summarize", "--block-size=1M", str(folder)], check=True, capture_output=True, text=True
    ).stdout
    return int(printed.split()[0])


def test_the_image_is_small_and_has_only_what_runs(built: Built, report: Callable[[str], None]) -> None:
    root = built.working.root
    parts = {name: size_of(root / name) for name in ("opt/venv", "opt/kernels", "app")}
    report(f"image: {size_of(root)} MiB, of which " + ", ".join(f"/{k} {v}" for k, v in parts.items()))
    assert parts["opt/venv"] < 900
    assert parts["app"] < 60
    assert 5 < parts["opt/kernels"] < 60
    assert not list((root / "app").rglob("test_*.py"))
    assert not list(root.glob("root/.cache/*"))
    assert not (root / "etc/pip.conf").exists() or not (root / "etc/pip.conf").read_text()


class Running(NamedTuple):
    """A container that has announced itself, and clients of its API and dashboard."""

    container: Container
    api: str
    dashboard: str


def start(built: Built, volume: Path) -> Running:
    ports = free_ports()
    settings = {
        "LLM_MONITOR_API_PORT": str(ports[0]),
        "LLM_MONITOR_DASHBOARD_PORT": str(ports[1]),
        "LLM_MONITOR_WORKERS": "1",
        "LLM_MONITOR_REDIS_MAXMEMORY_MB": "128",
    }
    container = Container(built.working, built.config, volume, settings)
    api, dashboard = (f"http://127.0.0.1:{port}" for port in ports)

    def announced() -> bool:
        assert container.process.poll() is None, container.printed()
        return "LLM Monitor is running" in container.printed()

    try:
        wait_for(announced, START_SECONDS, "the container to start")
    except BaseException:
        container.close()
        raise
    return Running(container, api, dashboard)


def in_flight(client: httpx.Client) -> dict[str, int] | None:
    (ledger,) = client.get("/pipeline").raise_for_status().json()["projects"]
    return None if ledger["in_flight"] or ledger["unaccounted"] else ledger


def test_docker_run_as_in_the_readme(built: Built, report: Callable[[str], None]) -> None:
    with data_folder() as folder:
        folder.parent.chmod(0o755)
        began = time.monotonic()
        first = start(built, folder)
        started = time.monotonic() - began
        try:
            key, scored, identity = use(first)
            report(f"container: started after {started:.1f} s, first record scored in {scored:.2f} s")
            with httpx.Client(base_url=first.api, headers={"X-API-Key": key}, timeout=30) as client:
                lines = [{**CALL, "id": f"record-{number}"} for number in range(MANY)]
                answer = client.post("/monitor/inferences", json=lines)
                assert answer.json()["accepted"] == MANY
            began = time.monotonic()
            assert first.container.stop(STOP_SECONDS) == 0, first.container.printed()
            report(f"container: stopped {time.monotonic() - began:.1f} s after SIGTERM")
        finally:
            first.container.close()
        second = start(built, folder)
        try:
            assert not KEY.search(second.container.printed()), "a key is printed once"
            with httpx.Client(base_url=second.api, headers={"X-API-Key": key}, timeout=30) as client:
                wait_for(lambda: in_flight(client), 60, "the records from before the stop")
                assert client.get(f"/traces/{identity}").json()["trace_id"] == identity
                counted = client.get("/metrics/quality").json()["total_evaluations"]
                assert counted == MANY + 1
            assert second.container.stop(STOP_SECONDS) == 0
        finally:
            second.container.close()


def use(running: Running) -> tuple[str, float, str]:
    """Do what a first user does; returns the key, how long the first score took, and the trace."""
    container = running.container
    assert container.user_ids() == {"10001"}
    printed = container.printed()
    assert len(KEY.findall(printed)) == 1, printed
    (key,) = KEY.findall(printed)
    assert container.run(["cat", "/data/admin-key"]).stdout.strip() == key
    assert container.run(["touch", "/app/x"]).returncode != 0, "the root of the file system is read-only"
    with httpx.Client(base_url=running.api, timeout=30) as stranger:
        assert stranger.post("/monitor/inference", json=CALL).status_code == 401
        assert stranger.get("/health").status_code == 200
        began = time.monotonic()
        answer = stranger.post("/monitor/inference", json=CALL, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code in {httpx.codes.OK, httpx.codes.ACCEPTED}, answer.text
        identity = answer.json()["trace_id"]
        stored = partial(stranger.get, f"/traces/{identity}", headers={"X-API-Key": key})
        # A worker that still loads answers later than the five seconds for which the API waits.
        wait_for(lambda: stored().status_code == httpx.codes.OK, SCORE_SECONDS, "the first score")
        seconds = time.monotonic() - began
        trace = stored().json()
        assert trace["response"] == CALL["response"]
        assert trace["quality_score"] > 0
    health = container.run(read_images((ROOT / "Dockerfile").read_text())["runtime"].health_command())
    assert health.returncode == 0, health.stderr
    compiled = functions(container, "/opt/kernels")
    assert len(compiled) > 50
    assert functions(container, "/data/cache/numba") - compiled == set(), "compiled at run time"
    open_dashboard(running.dashboard, key)
    return key, seconds, identity


def functions(container: Container, folder: str) -> set[str]:
    """Return the files of compiled functions below a folder of the container."""
    found = container.run(["find", folder, "-name", "*.nbc"]).stdout.splitlines()
    return {file.removeprefix(folder) for file in found}


def open_dashboard(address: str, key: str) -> None:
    """Sign in with the key in the form that the dashboard shows, and see a page of it."""
    with httpx.Client(base_url=address, follow_redirects=True, timeout=30) as visitor:
        form = visitor.get("/")
        (token,) = set(re.findall(r'name="form" value="([^"]+)"', form.text))
        fields = {"form": token, "next": "/", "by": "key", "key": key}
        page = visitor.post(form.url, data=fields)
        assert page.status_code == 200, page.text
        assert "react-entry-point" in page.text
