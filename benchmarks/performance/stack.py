"""Servers, API and workers in a folder of their own, started as `python main.py` starts them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from app.config import Settings
from app.local.database import prepare_database
from app.local.postgres import serve_postgres
from app.local.processes import spawn, stop
from app.local.redis_server import Fsync, serve_redis
from app.local.servers import Addresses
from app.local.stack import child_specs

__all__ = ["Stack", "free_port", "running", "wait_until_answers"]

START_SECONDS = 180.0


@dataclass
class Stack:
    """A running stack: its addresses, and the process ids of its parts by name."""

    database_url: str
    redis_url: str
    port: int
    dashboard_port: int
    pids: dict[str, int] = field(default_factory=dict)


@contextmanager
def running(
    *,
    api: bool = True,
    dashboard: bool = False,
    workers: int = 0,
    fsync: Fsync = "always",
    postgres: Mapping[str, str] | None = None,
    maxmemory_mb: int = 1024,
) -> Iterator[Stack]:
    """Run a stack on fresh data for the length of the block, and then delete its folder."""
    folder = Path(tempfile.mkdtemp(prefix="llmb-"))
    try:
        with ExitStack() as stack:
            database = stack.enter_context(serve_postgres(folder, postgres))
            redis = stack.enter_context(serve_redis(folder, fsync, maxmemory_mb))
            prepare_database(database.url)
            found = Stack(database.url, redis.url, free_port(), free_port())
            found.pids |= {"postgres": database.process.pid, "redis": redis.process.pid}
            settings = Settings(
                data_dir=folder,
                api_port=found.port,
                dashboard_port=found.dashboard_port,
                workers=workers or 1,
            )
            log = stack.enter_context((folder / "processes.log").open("wb"))
            wanted = {"API": api, "workers": bool(workers), "dashboard": dashboard}
            for name, needed in wanted.items():
                if needed:
                    found.pids[name.lower()] = _start(stack, name, settings, found, log)
            if api:
                wait_until_answers(f"http://127.0.0.1:{found.port}/health")
            if dashboard:
                wait_until_answers(f"http://127.0.0.1:{found.dashboard_port}/")
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(stack: ExitStack, name: str, settings: Settings, found: Stack, log: IO[bytes]) -> int:
    addresses = Addresses(found.database_url, found.redis_url)
    (spec,) = (spec for spec in child_specs("all", settings, addresses) if spec.name == name)
    process = spawn(
        spec.command,
        env={**os.environ, **spec.env, "LLM_MONITOR_DASHBOARD_PORT": str(found.dashboard_port)},
        log=log,
    )
    stack.callback(stop, process, signal.SIGTERM, 10.0)
    return process.pid


def free_port() -> int:
    """Return a port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_answers(url: str) -> None:
    """Return once an address answers with 200; raises TimeoutError after three minutes."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 a local address
                if answer.status == 200:  # noqa: PLR2004 a status code of HTTP
                    return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(url)
