"""The stack as a user starts it: `python main.py`, looked at, stopped, killed, started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0

Start = Callable[..., "Stack"]


class Stack:
    """One `python main.py` and everything it started."""

    def __init__(self, data_dir: Path, ports: tuple[int, int], *arguments: str) -> None:
        self.api, self.dashboard = (f"http://127.0.0.1:{port}" for port in ports)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.endswith("_URL")},
            "LLM_MONITOR_DATA_DIR": str(data_dir),
            "LLM_MONITOR_API_PORT": str(ports[0]),
            "LLM_MONITOR_DASHBOARD_PORT": str(ports[1]),
            "LLM_MONITOR_WORKERS": "1",
            "LLM_MONITOR_REDIS_MAXMEMORY_MB": "128",
        }
        self.log = (data_dir.parent / f"{data_dir.name}.{time.monotonic_ns()}.log").open("w+")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), *arguments],
            env=self.environment,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.announced: list[str] = []
        self.seconds = 0.0

    def wait(self) -> Stack:
        """Return once the stack has announced itself."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.announced.append(line.strip())
            if line.strip() == "" and len(self.announced) > 1:
                self.seconds = time.monotonic() - self.started
                return self
        raise AssertionError(f"the stack did not start: {self.errors()}")

    def errors(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def family(self, data_dir: Path) -> list[psutil.Process]:
        """Every process of this stack: descendants, and whatever else works in its data folder."""
        own = psutil.Process(self.process.pid)
        found = {process.pid: process for process in [own, *own.children(recursive=True)]}
        for process in psutil.process_iter():
            try:
                if any(str(data_dir) in part for part in process.cmdline()):
                    found |= {each.pid: each for each in [process, *process.children(recursive=True)]}
            except psutil.NoSuchProcess:
                continue
        return list(found.values())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.log.close()


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="llmt-"))
    folder.chmod(0o755)
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


@pytest.fixture
def start(data_dir: Path, ports: tuple[int, int]) -> Iterator[Start]:
    stacks: list[Stack] = []

    def run(*arguments: str, ports: tuple[int, int] = ports) -> Stack:
        stacks.append(Stack(data_dir, ports, *arguments))
        return stacks[-1]

    yield run
    for stack in stacks:
        if stack.process.poll() is None:
            stack.process.terminate()
            stack.process.wait(15)
        stack.close()


def left_over(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those of `processes` that still run after `seconds`."""
    deadline = time.monotonic() + seconds
    alive = processes
    while alive and time.monotonic() < deadline:
        _, alive = psutil.wait_procs(alive, timeout=0.1)
        alive = [process for process in alive if _runs(process)]
    return alive


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def urls_of(stack: Stack) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli.main", "urls"],
        env=stack.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_stack_answers_and_stops_without_leaving_a_process(
    start: Start, data_dir: Path, signum: signal.Signals
) -> None:
    stack = start().wait()
    assert any(stack.api in line for line in stack.announced)
    assert any(stack.dashboard in line for line in stack.announced)
    assert httpx.get(f"{stack.api}/health/ready").status_code == 200
    assert httpx.get(stack.dashboard).status_code == 200
    printed = urls_of(stack)
    assert printed.returncode == 0
    assert f"DATABASE_URL=postgresql://llm_monitor@/llm_monitor?host={data_dir}" in printed.stdout
    family = stack.family(data_dir)
    assert {"postgres", "redis-server"} <= {process.name() for process in family}
    asked = time.monotonic()
    stack.process.send_signal(signum)
    assert stack.process.wait(15) == 0, stack.errors()
    assert time.monotonic() - asked < 10
    assert left_over(family, seconds=0.5) == []
    assert urls_of(stack).returncode == 2


def restart_limit() -> float:
    """Five seconds on a machine of its own, longer in proportion where more processes than cores want to run."""
    return 5.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def test_a_killed_stack_leaves_nothing_and_starts_again_at_once(start: Start, data_dir: Path) -> None:
    stack = start().wait()
    starts: list[tuple[float, float]] = []
    for _ in range(3):  # the best of three: what else the machine does only ever adds
        family = stack.family(data_dir)
        stack.process.kill()
        stack.process.wait()
        stack = start().wait()
        assert left_over(family, seconds=0.5) == []
        starts.append((stack.seconds, restart_limit()))
        if stack.seconds < 5:
            break
    assert any(seconds < limit for seconds, limit in starts), starts


def test_a_second_stack_on_the_same_folder_is_refused(start: Start) -> None:
    start().wait()
    second = start()
    assert second.process.wait(START_SECONDS) == 2
    assert "a stack already runs on" in second.errors()
    assert len(second.errors().splitlines()) == 1


def test_a_port_in_use_is_one_line(start: Start, ports: tuple[int, int]) -> None:
    with socket.create_server(("127.0.0.1", ports[0])):
        stack = start()
        assert stack.process.wait(START_SECONDS) == 2
    assert f"port {ports[0]} is in use" in stack.errors()
    assert len(stack.errors().splitlines()) == 1


def test_api_and_dashboard_share_servers_and_the_last_one_stops_them(start: Start, data_dir: Path) -> None:
    api = start("--api-only").wait()
    dashboard = start("--dashboard-only").wait()
    assert httpx.get(dashboard.dashboard).status_code == 200
    servers = [each for each in api.family(data_dir) if each.name() == "redis-server"]
    assert len(servers) == 1
    api.process.terminate()
    assert api.process.wait(15) == 0
    assert _runs(servers[0])
    assert httpx.get(dashboard.dashboard).status_code == 200
    family = dashboard.family(data_dir)
    dashboard.process.terminate()
    assert dashboard.process.wait(15) == 0
    assert left_over(family, seconds=0.5) == []
