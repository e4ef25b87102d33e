"""One running stack, started by `python main.py` as a user does, and ways to look at it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx
import psutil

__all__ = [
    "ROOT",
    "Stack",
    "data_folder",
    "free_ports",
    "left_over",
    "process_runs",
    "running_stack",
    "wait_for",
]

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 10.0
OTHER_NAMES = {"redis-server": "valkey-server"}
LEDGER = ("accepted", "stored", "duplicate", "dead", "in_flight", "unaccounted")
_TICK = 0.1

T = TypeVar("T")


class Stack:
    """One `python main.py` and everything it started."""

    def __init__(
        self,
        data_dir: Path,
        ports: tuple[int, int],
        *arguments: str,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.api, self.dashboard = (f"http://127.0.0.1:{port}" for port in ports)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.endswith("_URL")},
            "LLM_MONITOR_DATA_DIR": str(data_dir),
            "LLM_MONITOR_API_PORT": str(ports[0]),
            "LLM_MONITOR_DASHBOARD_PORT": str(ports[1]),
            "LLM_MONITOR_WORKERS": "1",
            "LLM_MONITOR_REDIS_MAXMEMORY_MB": "128",
            **(settings or {}),
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
            start_new_session=True,  # a process group of its own, as a shell gives to what it runs
        )
        self.announced: list[str] = []
        self.seconds = 0.0

    def wait(self) -> Stack:
        """Return when the stack has announced itself."""
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

    def interrupt(self) -> None:
        """Press Ctrl-C, which a terminal sends to the whole process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def family(self) -> list[psutil.Process]:
        """Return every process of this stack: its descendants, and users of its data folder."""
        own = psutil.Process(self.process.pid)
        found = {process.pid: process for process in [own, *own.children(recursive=True)]}
        for process in psutil.process_iter():
            try:
                if any(str(self.data_dir) in part for part in process.cmdline()):
                    found |= {each.pid: each for each in [process, *process.children(recursive=True)]}
            except psutil.NoSuchProcess:
                continue
        return list(found.values())

    def workers(self) -> list[psutil.Process]:
        """The processes that score, without the parent that forks them."""
        parents = [
            each
            for each in psutil.Process(self.process.pid).children(recursive=True)
            if "workers.main" in each.cmdline()
        ]
        return [each for each in parents if any(each.ppid() == other.pid for other in parents)]

    def server(self, name: str) -> psutil.Process:
        """Return the embedded `postgres` or `redis-server`.

        If there are several processes, it is the one from which all others come.
        """
        found = [each for each in self.family() if each.name() in {name, OTHER_NAMES.get(name)}]
        pids = {each.pid for each in found}
        (first,) = [each for each in found if each.ppid() not in pids]
        return first

    def holder(self) -> psutil.Process:
        """Return the process that owns the embedded servers.

        While it is halted, it starts no server again.
        """
        (found,) = [each for each in self.family() if "app.local.holder" in each.cmdline()]
        return found

    def command(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run `llm-monitor` with these arguments and this input.

        The terminal is wide enough for its tables.
        """
        return subprocess.run(
            [sys.executable, "-m", "app.cli.main", *arguments],
            env={**self.environment, "COLUMNS": "200"},
            cwd=ROOT,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )

    def rows(self, statement: str, *parameters: Any) -> list[asyncpg.Record]:
        """Ask the stack's Postgres, at the address that `llm-monitor urls` prints."""
        printed = self.command("urls")
        assert printed.returncode == 0, printed.stderr
        url = dict(line.split("=", 1) for line in printed.stdout.splitlines())["DATABASE_URL"]

        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(url)
            try:
                return list(await connection.fetch(statement, *parameters))
            finally:
                await connection.close()

        return asyncio.run(ask())

    def value(self, statement: str, *parameters: Any) -> Any:
        return self.rows(statement, *parameters)[0][0]

    def pipeline(self) -> dict[str, int]:
        """Return the ledger of the default project, in records; all zero before the first one."""
        projects = httpx.get(f"{self.api}/pipeline", timeout=10).raise_for_status().json()["projects"]
        ledger: dict[str, Any] = next((each for each in projects if each["project_id"] == "default"), {})
        return {name: ledger.get(name, 0) for name in LEDGER}

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.api}/health/ready", timeout=10).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def post_many(self, records: Sequence[Mapping[str, Any]], **parameters: str) -> dict[str, Any]:
        """Send records in bulk; returns the answer."""
        body = "\n".join(json.dumps(record) for record in records)
        answer = httpx.post(
            f"{self.api}/monitor/inferences",
            params=parameters,
            content=body.encode(),
            headers={"Content-Type": "application/x-ndjson"},
            timeout=30,
        )
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait_until_settled(self, seconds: float) -> dict[str, int]:
        """Return the ledger when nothing is in flight any more."""
        return wait_for(
            lambda: _at_rest(self.pipeline()), seconds, "every accepted record to have an outcome"
        )

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(15)
        if self.process.stdout:
            self.process.stdout.close()
        self.log.close()


def _at_rest(ledger: dict[str, int]) -> dict[str, int] | None:
    return None if ledger["in_flight"] or ledger["unaccounted"] else ledger


def wait_for(found: Callable[[], T | None], seconds: float, what: str) -> T:
    """Return what `found` returns as soon as that is truthy; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if value := found():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}")
        time.sleep(_TICK)


@contextmanager
def data_folder() -> Iterator[Path]:
    """A data folder that does not exist yet, below a short path that other users may enter."""
    folder = Path(tempfile.mkdtemp(prefix="llmt-"))
    folder.chmod(0o755)
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


@contextmanager
def running_stack(
    *arguments: str, workers: int = 2, settings: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """A stack on servers and ports of its own.

    Ctrl-C at the end stops it and leaves no process.
    """
    with data_folder() as data_dir:
        configured = {"LLM_MONITOR_WORKERS": str(workers), **(settings or {})}
        stack = Stack(data_dir, free_ports(), *arguments, settings=configured)
        try:
            yield stack.wait()
            family = stack.family()
            stack.interrupt()
            assert stack.process.wait(STOP_SECONDS) == 0, stack.errors()
            assert left_over(family, seconds=0.5) == []
        finally:
            stack.close()


def left_over(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Return those of `processes` that still run after `seconds`."""
    deadline = time.monotonic() + seconds
    alive = processes
    while alive and time.monotonic() < deadline:
        _, alive = psutil.wait_procs(alive, timeout=0.1)
        alive = [process for process in alive if process_runs(process)]
    return alive


def process_runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
