"""An embedded Redis server with an append-only file, on a Unix socket in the data folder."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from app.errors import StartupError
from app.local.append_only import cut, find_damage
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
from app.local.redis_versions import check_files, program_release

__all__ = ["EVERY_COMMAND", "hold_redis_files", "run_redis", "serve_redis"]

SOCKET_NAME = "redis.sock"
START_SECONDS = 60.0
STOP_SECONDS = 8.0
PREDECESSOR_SECONDS = 10.0

Fsync = Literal["always", "everysec"]

# What nothing here uses is off: no client may load modules, replace scripts, change settings or replicate.
_USED_COMMANDS: Final = (
    "default on nopass ~* &* +@all -@dangerous -@scripting +eval +evalsha +script|load +info +config|get"
)
EVERY_COMMAND: Final[Mapping[str, str]] = {"user": "default on nopass ~* &* +@all"}
"""Settings under which clients may do everything, for tests that change the server while it runs."""


@contextmanager
def run_redis(
    data_dir: Path,
    fsync: Fsync = "always",
    maxmemory_mb: int = 1024,
    settings: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Run Redis on `data_dir` and yield its URL, `unix://…/redis.sock`.

    `fsync` is its appendfsync, `maxmemory_mb` its memory limit in MiB, past which writes are refused;
    `settings` are server parameters that replace ours. Raises StartupError, with one line that says what to
    do, when there is no server program or the folder cannot be used.
    """
    with serve_redis(data_dir, fsync, maxmemory_mb, settings=settings) as server:
        yield server.url


@contextmanager
def serve_redis(
    data_dir: Path,
    fsync: Fsync = "always",
    maxmemory_mb: int = 1024,
    executable: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run Redis as `run_redis` does, yielding the process too, for those who watch it."""
    program = executable or find_program(REDIS)
    account = server_account(data_dir)
    folder = prepare_data_folder(data_dir, account)
    program = make_reachable(REDIS, program, account, folder)
    files = prepare_server_folder(folder / "redis", account)
    log_path = open_log(folder, "redis.log")
    with (
        socket_folder(folder, SOCKET_NAME, account) as sockets,
        hold_redis_files(folder) as lock,
        log_path.open("ab") as log,
    ):
        release = program_release(program)
        check_files(files, release)
        address = sockets / SOCKET_NAME

        def begin() -> subprocess.Popen[bytes]:
            return spawn(
                [program, *_options(files, address, fsync, maxmemory_mb, settings or {})],
                env={"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
                account=account,
                log=log,
                pass_fds=(lock,),
            )

        process = _start(begin, files, address, log_path)
        try:
            check_files(files, release, note=True)
            yield Server(f"unix://{quote(str(address), safe='/')}", process)
        finally:
            stop(process, signal.SIGTERM, STOP_SECONDS)


@contextmanager
def hold_redis_files(folder: Path) -> Iterator[int]:
    """Be the only one who uses the files of Redis in a data folder; StartupError while a server does."""
    refusal = f"Redis is already running on {folder}: stop it, or set LLM_MONITOR_DATA_DIR to another folder"
    with hold_lock(folder / "locks" / "redis", timeout=PREDECESSOR_SECONDS, refusal=refusal) as lock:
        yield lock


def _options(
    files: Path, address: Path, fsync: Fsync, maxmemory_mb: int, settings: Mapping[str, str]
) -> list[str]:
    chosen = {
        "port": "0",
        "unixsocket": str(address),
        "unixsocketperm": "700",
        "dir": str(files),
        "save": "",
        "appendonly": "yes",
        "appendfsync": fsync,
        "aof-load-truncated": "no",  # what is cut off is kept, and told: see _repair
        "maxmemory": f"{maxmemory_mb}mb",
        "maxmemory-policy": "noeviction",
        "user": _USED_COMMANDS,
        **settings,
    }
    return [part for name, value in chosen.items() for part in (f"--{name}", *_words(name, value))]


def _words(name: str, value: str) -> list[str]:
    return value.split() if name == "user" else [value]


def _start(
    begin: Callable[[], subprocess.Popen[bytes]], files: Path, address: Path, log_path: Path
) -> subprocess.Popen[bytes]:
    """Start the server; one that ends over a damaged file is started again when that could be repaired."""
    for last_try in (False, True):
        process = begin()
        if _waited_until_ready(process, address):
            return process
        ended = process.poll() is not None
        stop(process, signal.SIGTERM, STOP_SECONDS)
        if last_try or not ended or not _repair(files):
            break
    last = log_path.read_text(errors="replace").strip().splitlines()[-1:]
    raise StartupError(f"Redis did not start: {' '.join(last) or 'no message'} (see {log_path})")


def _repair(files: Path) -> bool:
    """Cut off an end that was never acknowledged; StartupError, naming the command, for any other damage."""
    damage = find_damage(files)
    if damage is None:
        return False
    if not damage.harmless:
        raise StartupError(
            f"the queue cannot be read: {damage}; `llm-monitor repair-queue` cuts them off, keeps a copy, and "
            "lets the ledger show what is missing then"
        )
    kept = cut(damage)
    with suppress(OSError):
        sys.stderr.write(f"cut off what a crash had left unfinished: {damage}; a copy is {kept}\n")
        sys.stderr.flush()
    return True


def _waited_until_ready(process: subprocess.Popen[bytes], address: Path) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(address):
            return True
        time.sleep(0.01)
    return False


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
