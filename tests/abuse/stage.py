"""One whole stack as `python main.py` runs it.

It has the projects, keys and processes that the suite needs.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import psutil
import redis

from app.access.administration import KeyRequest, Line, issue_key, make_project, set_password
from app.local.redis_server import EVERY_COMMAND, run_redis
from app.schemas.keys import Scope
from app.schemas.projects import DEFAULT_PROJECT, ProjectSettings
from app.storage.engine import create_engine, writing
from tests.abuse.attacks import Attack, Target
from tests.abuse.tenant import Tenant
from tests.e2e.stack import ROOT, Stack, data_folder, free_ports, left_over, wait_for

__all__ = ["Keys", "Stage", "running_stage"]

TENANT, CROWD, ADMINS, LIMITED = "tenant", "crowd", "admins", "limited"
WORKERS = 2
STOP_SECONDS = 20.0
_READY_SECONDS = 60.0
_MIB = 1024 * 1024
_MEMORY_SHARE = 0.6  # of maxmemory, above which the product takes no more records


class Keys(NamedTuple):
    """The keys by what they may do; `operator` is an admin of the project `default`."""

    operator: str
    tenant: str
    password: str
    crowd: str
    admins: str
    limited: str


class Stage:
    """The running stack, its tenant, and what attackers know."""

    def __init__(self, stack: Stack, keys: Keys, addresses: dict[str, str]) -> None:
        self.stack = stack
        self.keys = keys
        self.database_url = addresses["DATABASE_URL"]
        self.redis: Any = redis.Redis.from_url(addresses["REDIS_URL"])
        self.client = httpx.Client(base_url=stack.api, headers=bearer(keys.operator), timeout=10)
        self.tenant = Tenant(stack.api, TENANT, keys.tenant, keys.password)
        api, dashboard = (urlsplit(address).port or 0 for address in (stack.api, stack.dashboard))
        self.target = Target(api, dashboard, TENANT, ADMINS, keys.crowd, keys.admins, keys.limited)
        self._processes = self._find_processes()

    def listening(self, port: int) -> psutil.Process:
        """Return the process of the stack that listens on a port."""

        def find() -> psutil.Process | None:
            for process in psutil.Process(self.stack.process.pid).children(recursive=True):
                try:
                    places = process.net_connections("tcp")
                except psutil.Error:
                    continue
                if any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in places):
                    return process
            return None

        return wait_for(find, _READY_SECONDS, f"a process to listen on port {port}")

    def close(self) -> None:
        """Close what the suite itself has opened; the stack continues."""
        self.redis.close()
        self.client.close()

    def _find_processes(self) -> dict[str, list[psutil.Process]]:
        return {
            "API": [self.listening(self.target.port)],
            "dashboard": [self.listening(self.target.dashboard_port)],
            "worker": self.stack.workers(),
        }

    def memory(self) -> dict[str, float]:
        """Return the resident memory, in MiB, of API and dashboard, and of the largest worker."""
        return {name: max(map(_resident, found), default=0.0) for name, found in self._processes.items()}

    def processor_seconds(self) -> float:
        """Return the processor time used so far by the stack, this process and ended attackers."""
        return sum(map(_used, [*self.stack.family(), psutil.Process()]))

    def is_the_same(self) -> bool:
        """Tell whether API, dashboard and workers are the same processes as at the last call."""
        if all(process.is_running() for found in self._processes.values() for process in found):
            return True
        self._processes = self._find_processes()
        return False

    def ledgers(self) -> dict[str, dict[str, int]] | None:
        """Return the ledger of every project by its id, or None if /pipeline does not answer."""
        try:
            answer = self.client.get("/pipeline")
        except httpx.TransportError:
            return None
        if not answer.is_success:
            return None
        return {project.pop("project_id"): project for project in answer.json()["projects"]}

    def is_at_rest(self) -> bool:
        """Tell whether nothing of any project waits or is being scored."""
        found = self.ledgers()
        others = {name: ledger for name, ledger in (found or {}).items() if name != TENANT}
        return found is not None and not any(ledger["in_flight"] for ledger in others.values())

    def log(self, begin: int = 0) -> str:
        """Return what the stack wrote from a place on.

        The file is opened anew, because reading would move the position of the stack's own file.
        """
        with open(self.stack.log.name, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 seek needs it
            file.seek(begin)
            return file.read()

    def log_size(self) -> int:
        return os.stat(self.stack.log.name).st_size  # noqa: PTH116 as above

    @contextmanager
    def narrowed(self, headroom_mib: float | None) -> Iterator[None]:
        """Leave Redis little memory until it refuses, as a small machine or a long attack would."""
        if headroom_mib is None:
            yield
            return
        before = self.redis.config_get("maxmemory")["maxmemory"]
        used = self.redis.info("memory")["used_memory"]
        self.redis.config_set("maxmemory", int((used + headroom_mib * _MIB) / _MEMORY_SHARE))
        try:
            yield
        finally:
            self.redis.config_set("maxmemory", before)


class Attacker:
    """The process of one round; its bodies are ready when the constructor returns."""

    def __init__(self, attack: Attack, target: Target) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.abuse.attacker", attack.name, str(attack.seconds)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._write(json.dumps(target._asdict()))
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n", f"{attack.name} could not prepare its bodies"

    def begin(self) -> None:
        self._write("go")

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def result(self) -> dict[str, dict[str, int]]:
        """Return the answers and the wrongs that it counted; it must have ended."""
        assert self._process.stdout
        printed = self._process.stdout.read()
        assert self._process.returncode == 0, "the attacker itself failed"
        found: dict[str, dict[str, int]] = json.loads(printed)
        return found

    def close(self) -> None:
        """End the process, whatever it still does."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _write(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / _MIB
    except psutil.Error:  # it has ended
        return 0.0


def _used(process: psutil.Process) -> float:
    """Return the processor seconds of a process and of those of its children that ended."""
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@contextmanager
def running_stage() -> Iterator[Stage]:
    """Start everything, including the tenant, and stop it at the end without leaving a process.

    Redis is the embedded one with all its commands, because some attacks get less memory.
    """
    settings = {
        "LLM_MONITOR_WORKERS": str(WORKERS),
        "LLM_MONITOR_REQUIRE_KEYS": "always",
        "LLM_MONITOR_LOG_LEVEL": "warning",
    }
    with (
        data_folder() as folder,
        data_folder() as queue,
        run_redis(queue, maxmemory_mb=1024, settings=EVERY_COMMAND) as redis_url,
    ):
        stack = Stack(folder, free_ports(), settings=settings | {"REDIS_URL": redis_url})
        try:
            stack.wait()
            printed = stack.command("urls").stdout.splitlines()
            addresses = dict(line.split("=", 1) for line in printed)
            stage = Stage(stack, asyncio.run(make_keys(addresses["DATABASE_URL"])), addresses)
            with stage.tenant.running():
                yield stage
            stage.close()
            stop(stack)
        finally:
            kill(stack)


async def make_keys(database_url: str) -> Keys:
    """Make the projects and keys, as an operator of the machine does."""
    engine = create_engine(database_url, pool_size=1, application="abuse")
    password = secrets.token_urlsafe(12)
    try:
        async with writing(engine) as connection:

            async def make(project: str, *scopes: Scope, **limits: Any) -> str:
                line = Line(project, "the suite", datetime.now(UTC))
                if project != DEFAULT_PROJECT:
                    await make_project(connection, line, project, ProjectSettings())
                return (await issue_key(connection, line, KeyRequest(name=project, scopes=scopes, **limits)))[
                    1
                ]

            keys = Keys(
                operator=await make(DEFAULT_PROJECT, "admin"),
                tenant=await make(TENANT, "ingest", "read"),
                password=password,
                crowd=await make(CROWD, "ingest"),
                admins=await make(ADMINS, "admin"),
                limited=await make(LIMITED, "ingest", requests_per_minute=2),
            )
            await set_password(connection, Line(TENANT, "the suite", datetime.now(UTC)), password)
    finally:
        await engine.dispose()
    return keys


def stop(stack: Stack) -> None:
    """Press Ctrl-C; everything must end by itself."""
    family = stack.family()
    stack.interrupt()
    assert stack.process.wait(STOP_SECONDS) == 0, stack.errors()
    assert left_over(family, seconds=1.0) == []


def kill(stack: Stack) -> None:
    """End the processes that a failure has left."""
    family = stack.family() if stack.process.poll() is None else []
    if stack.process.poll() is None:
        stack.process.send_signal(signal.SIGTERM)
        try:
            stack.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            stack.process.kill()
    for process in left_over(family, seconds=1.0):
        process.kill()
    stack.close()
