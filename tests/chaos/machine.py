"""One machine of real processes, each of which can be killed.

They are Redis, PostgreSQL, the API and the workers.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil

from app.local.postgres import Server, serve_postgres
from app.local.redis_server import serve_redis
from tests.e2e.stack import ROOT, free_ports, wait_for

RECOVERY_SECONDS = 60.0


class KillableServer:
    """A server that comes back on its folder and address whenever it is killed."""

    def __init__(self, start: Callable[[], AbstractContextManager[Server]]) -> None:
        self._start = start
        self._context = start()
        self._server = self._context.__enter__()
        self.url = self._server.url

    def kill(self) -> None:
        self._server.process.kill()
        self._server.process.wait()

    def revive(self) -> None:
        self.close()
        self._context = self._start()
        self._server = self._context.__enter__()
        assert self._server.url == self.url

    def close(self) -> None:
        self._context.__exit__(None, None, None)


class Machine:
    """The running processes, by the names under which they are killed."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.redis = KillableServer(lambda: serve_redis(folder, "always", 256))
        self.postgres = KillableServer(lambda: serve_postgres(folder))
        self.killed: dict[str, int] = {}
        port = free_ports()[0]
        self.api = f"http://127.0.0.1:{port}"
        self.log = (folder.parent / "supervised.log").open("w+")
        self._supervised = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.supervised"],
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": self.postgres.url,
                "REDIS_URL": self.redis.url,
                "LLM_MONITOR_API_PORT": str(port),
                "LLM_MONITOR_WORKERS": "2",
                "LLM_MONITOR_LOG_LEVEL": "warning",
                **settings,
            },
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        assert self._supervised.stdout
        if not self._supervised.stdout.readline():
            self.log.seek(0)
            raise AssertionError(f"API and workers did not start: {self.log.read()}")

    def kill(self, victim: str, choose: random.Random) -> None:
        """Kill -9 one of `api`, `worker`, `workers` (their parent), `redis`, `postgres`.

        Servers come back.
        """
        self.killed[victim] = self.killed.get(victim, 0) + 1
        if victim in {"redis", "postgres"}:
            server = self.redis if victim == "redis" else self.postgres
            server.kill()
            server.revive()
            return
        found = wait_for(lambda: self.processes(victim), RECOVERY_SECONDS, f"a process of {victim}")
        choose.choice(found).kill()

    def processes(self, name: str) -> list[psutil.Process]:
        children = psutil.Process(self._supervised.pid).children(recursive=True)
        if name == "api":
            return [each for each in children if "uvicorn" in _command(each)]
        workers = [each for each in children if "workers.main" in _command(each)]
        parents = [each for each in workers if each.ppid() == self._supervised.pid]
        if name == "workers":
            return parents
        return [each for each in workers if each not in parents]

    def close(self) -> None:
        self._supervised.terminate()
        self._supervised.wait(30)
        assert self._supervised.stdout
        self._supervised.stdout.close()
        self.log.close()
        self.redis.close()
        self.postgres.close()


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@contextmanager
def running_machine(folder: Path, **settings: str) -> Iterator[Machine]:
    machine = Machine(folder, settings)
    try:
        yield machine
    finally:
        machine.close()
