"""An embedded Redis server with an append-only file, on a Unix socket in the data folder."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from app.errors import StartupError
from app.local.folders import (
    hold_lock,
    open_log,
    prepare_data_folder,
    prepare_server_folder,
    socket_folder,
)
from app.local.postgres import Server
from app.local.processes import server_account, spawn, stop
from app.local.programs import REDIS, find_program, make_reachable

__all__ = ["run_redis", "serve_redis"]

SOCKET_NAME = "redis.sock"
START_SECONDS = 60.0
STOP_SECONDS = 8.0
PREDECESSOR_SECONDS = 10.0

Fsync = Literal["always", "everysec"]


@contextmanager
def run_redis(data_dir: Path, fsync: Fsync = "always", maxmemory_mb: int = 1024) -> Iterator[str]:
    """Run Redis on `data_dir` and yield its URL, `unix://…/redis.sock`.

    `fsync` is its appendfsync, `maxmemory_mb` its memory limit in MiB, past which writes are refused.
    Raises StartupError, with one line that says what to do, when there is no server program or the
    folder cannot be used.
    """
    with serve_redis(data_dir, fsync, maxmemory_mb) as server:
        yield server.url


@contextmanager
def serve_redis(
    data_dir: Path, fsync: Fsync = "always", maxmemory_mb: int = 1024, executable: Path | None = None
) -> Iterator[Server]:
    """Run Redis as `run_redis` does, yielding the process too, for those who watch it."""
    program = executable or find_program(REDIS)
    account = server_account(data_dir)
    folder = prepare_data_folder(data_dir, account)
    program = make_reachable(REDIS, program, account, folder)
    files = prepare_server_folder(folder / "redis", account)
    refusal = f"Redis is already running on {folder}: stop it, or set LLM_MONITOR_DATA_DIR to another folder"
    log_path = open_log(folder, "redis.log")
    with (
        socket_folder(folder, SOCKET_NAME, account) as sockets,
        hold_lock(folder / "locks" / "redis", timeout=PREDECESSOR_SECONDS, refusal=refusal) as lock,
        log_path.open("ab") as log,
    ):
        address = sockets / SOCKET_NAME
        process = spawn(
            [program, *_options(files, address, fsync, maxmemory_mb)],
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
            account=account,
            log=log,
            pass_fds=(lock,),
        )
        try:
            _wait_until_ready(process, address, log_path)
            yield Server(f"unix://{quote(str(address), safe='/')}", process)
        finally:
            stop(process, signal.SIGTERM, STOP_SECONDS)


def _options(files: Path, address: Path, fsync: Fsync, maxmemory_mb: int) -> list[str]:
    return [
        "--port", "0",
        "--unixsocket", str(address), "--unixsocketperm", "700",
        "--dir", str(files),
        "--save", "",
        "--appendonly", "yes", "--appendfsync", fsync,
        "--maxmemory", f"{maxmemory_mb}mb", "--maxmemory-policy", "noeviction",
    ]  # fmt: skip


def _wait_until_ready(process: subprocess.Popen[bytes], address: Path, log_path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(address):
            return
        time.sleep(0.01)
    last = log_path.read_text(errors="replace").strip().splitlines()[-1:]
    raise StartupError(f"Redis did not start: {' '.join(last) or 'no message'} (see {log_path})")


def _answers(address: Path) -> bool:
    """Tell whether Redis takes commands: PONG, and not LOADING while it reads its append-only file."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(address))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
