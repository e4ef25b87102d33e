"""The supervisor on small processes of its own: order, patience, restarts, and giving up."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SUPERVISE = """
import json, os, sys
from app.errors import StartupError
from app.local import supervisor
from app.local.supervisor import ChildSpec, Signals, Supervisor

if len(sys.argv) > 2:
    supervisor.IMMEDIATE_SECONDS, supervisor.FIRST_DELAY_SECONDS, supervisor.LONGEST_DELAY_SECONDS = (
        float(sys.argv[2]), 0.01, 0.1
    )

def say(line):
    os.write(1, f"{line}\\n".encode())

specs = [
    ChildSpec(name, (sys.executable, "-c", code), dict(os.environ), stop_rank=rank, grace_seconds=grace)
    for name, code, rank, grace in json.loads(sys.argv[1])
]
with Signals().installed() as signals:
    try:
        Supervisor(specs, signals, report=say).run(lambda: say("ready"))
    except StartupError as error:
        say(error.detail)
        sys.exit(2)
"""

# All processes share one pipe. With PYTHONUNBUFFERED, print() writes text and line end separately.
POLITE = """
import os, signal, sys
def leave(*_):
    os.write(1, b"NAME stops\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
os.write(1, b"NAME runs\\n")
while True:
    signal.pause()
"""
DEAF = POLITE.replace("leave)", r"lambda *_: os.write(1, b'NAME ignores\n'))")
BROKEN = "raise SystemExit(3)"
CLUMSY = """
import pathlib, sys
marker = pathlib.Path("MARKER")
if not marker.exists():
    marker.touch()
    sys.exit(4)
"""

# It runs for a moment, and then ends at once however often it is started.
FORLORN = """
import os, pathlib, signal, sys, time
marker = pathlib.Path("MARKER")
if marker.exists():
    os.write(1, b"NAME fails\\n")
    sys.exit(3)
marker.touch()
time.sleep(0.5)
"""

Start = Callable[..., "subprocess.Popen[str]"]


def child(name: str, code: str, rank: int = 0, grace: float = 3.0) -> tuple[str, str, int, float]:
    return name, code.replace("NAME", name), rank, grace


def hear_hangups() -> None:
    """Undo what nohup sets for its children, because these tests may run under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def supervise(
        *children: tuple[str, str, int, float], patience: float | None = None
    ) -> subprocess.Popen[str]:
        """Supervise; an end within `patience` seconds counts as one right after the start."""
        shortened = [] if patience is None else [str(patience)]
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, json.dumps(children), *shortened],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=hear_hangups,  # noqa: PLW1509 no threads here
        )
        started.append(process)
        return process

    yield supervise
    for process in started:
        with process:
            process.kill()


def read_until(process: subprocess.Popen[str], *awaited: str) -> list[str]:
    assert process.stdout
    lines: list[str] = []
    missing = set(awaited)
    while missing:
        line = process.stdout.readline()
        assert line, f"ended without {missing}: {lines}"
        lines.append(line.strip())
        missing.discard(line.strip())
    return lines


def read_to_end(process: subprocess.Popen[str]) -> list[str]:
    """Return every line until no process can write more, because the children share the pipe."""
    assert process.stdout
    lines = process.stdout.read().splitlines()
    process.wait(10)
    return lines


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_children_stop_in_the_order_of_their_ranks(start: Start, signum: signal.Signals) -> None:
    process = start(child("workers", POLITE, rank=1), child("api", POLITE))
    read_until(process, "workers runs", "api runs", "ready")
    process.send_signal(signum)
    assert read_to_end(process) == ["api stops", "workers stops"]
    assert process.returncode == 0


def test_a_child_that_ends_is_started_again(start: Start, tmp_path: Path) -> None:
    code = CLUMSY.replace("MARKER", str(tmp_path / "marker")) + POLITE
    process = start(child("clumsy", code))
    lines = read_until(process, "clumsy runs")
    assert any(line.startswith("clumsy ended with exit status 4; starting it again in") for line in lines)
    process.terminate()
    assert read_to_end(process) == ["clumsy stops"]


def test_a_child_that_cannot_start_stops_everything_with_a_line(start: Start) -> None:
    process = start(child("broken", BROKEN), child("api", POLITE, rank=1))
    lines = read_to_end(process)
    assert lines[-1].startswith("broken ended with exit status 3 5 times right after its start")
    assert lines.index("api stops") == len(lines) - 2
    assert process.returncode == 2


def test_a_child_that_has_run_before_is_tried_for_as_long_as_it_takes(start: Start, tmp_path: Path) -> None:
    code = FORLORN.replace("MARKER", str(tmp_path / "marker"))
    process = start(child("forlorn", code), child("api", POLITE, rank=1), patience=0.2)
    read_until(process, "api runs", "ready")
    for _ in range(8):
        read_until(process, "forlorn fails")
    process.terminate()
    assert read_to_end(process)[-1] == "api stops"
    assert process.returncode == 0


def test_a_child_that_does_not_stop_is_killed_after_its_grace(start: Start) -> None:
    process = start(child("deaf", DEAF, grace=0.2), child("late", POLITE, rank=1))
    read_until(process, "deaf runs", "late runs")
    process.terminate()
    assert read_to_end(process) == ["deaf ignores", "deaf did not stop in time and was killed", "late stops"]


def test_one_request_delivered_twice_is_one_request(start: Start) -> None:
    process = start(child("deaf", DEAF, grace=0.3), child("late", POLITE, rank=1))
    read_until(process, "deaf runs", "late runs")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    assert read_to_end(process)[-1] == "late stops"


def test_a_second_interrupt_does_not_wait_for_the_grace(start: Start) -> None:
    process = start(child("deaf", DEAF, grace=60.0))
    read_until(process, "deaf runs")
    process.send_signal(signal.SIGINT)
    read_until(process, "deaf ignores")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.6)
    process.send_signal(signal.SIGINT)
    assert read_to_end(process) == ["deaf did not stop in time and was killed"]


def test_children_end_when_the_supervisor_is_killed(start: Start) -> None:
    process = start(child("workers", POLITE, rank=1), child("api", POLITE))
    read_until(process, "workers runs", "api runs")
    process.kill()
    assert sorted(read_to_end(process)) == ["api stops", "workers stops"]
