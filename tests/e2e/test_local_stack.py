"""The stack as a user starts it by `python main.py`: read, stopped, killed, started again."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import Stack, data_folder, free_ports, left_over, process_runs

pytestmark = pytest.mark.long

START_SECONDS = 60.0

Start = Callable[..., Stack]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_ports()


@pytest.fixture
def start(data_dir: Path, ports: tuple[int, int]) -> Iterator[Start]:
    stacks: list[Stack] = []

    def run(*arguments: str, ports: tuple[int, int] = ports) -> Stack:
        stacks.append(Stack(data_dir, ports, *arguments))
        return stacks[-1]

    yield run
    for stack in stacks:
        stack.close()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_stack_answers_and_stops_without_leaving_a_process(
    start: Start, data_dir: Path, signum: signal.Signals
) -> None:
    stack = start().wait()
    assert any(stack.api in line for line in stack.announced)
    assert any(stack.dashboard in line for line in stack.announced)
    assert httpx.get(f"{stack.api}/health/ready").status_code == 200
    assert httpx.get(stack.dashboard).status_code == 200
    printed = stack.command("urls")
    assert printed.returncode == 0
    assert f"DATABASE_URL=postgresql://llm_monitor@/llm_monitor?host={data_dir}" in printed.stdout
    family = stack.family()
    assert {stack.server("postgres"), stack.server("redis-server")} <= set(family)
    asked = time.monotonic()
    stack.process.send_signal(signum)
    assert stack.process.wait(15) == 0, stack.errors()
    assert time.monotonic() - asked < 10
    assert left_over(family, seconds=0.5) == []
    assert stack.command("urls").returncode == 2


def restart_limit() -> float:
    """Return five seconds on an idle machine.

    The limit is longer in proportion if more processes than cores want to run.
    """
    return 5.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def test_a_killed_stack_leaves_nothing_and_starts_again_at_once(start: Start) -> None:
    stack = start().wait()
    starts: list[tuple[float, float]] = []
    for _ in range(3):  # the best of three: what else the machine does only ever adds
        family = stack.family()
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


def test_api_and_dashboard_share_servers_and_the_last_one_stops_them(start: Start) -> None:
    api = start("--api-only").wait()
    dashboard = start("--dashboard-only").wait()
    assert httpx.get(dashboard.dashboard).status_code == 200
    server = api.server("redis-server")
    api.process.terminate()
    assert api.process.wait(15) == 0
    assert process_runs(server)
    assert httpx.get(dashboard.dashboard).status_code == 200
    family = dashboard.family()
    dashboard.process.terminate()
    assert dashboard.process.wait(15) == 0
    assert left_over(family, seconds=0.5) == []
