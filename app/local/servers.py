"""Sharing the embedded servers of a data folder among processes.

The first process starts the servers, and they stop when the last one ends. A member holds a shared
lock on `locks/leases` while it needs the servers. They belong to a holder process
(app.local.holder), which ends them as soon as it gets that lock exclusively. The kernel frees a
lock when its process dies in any way, so nothing has to be counted or cleaned up.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from app.config import Settings
from app.errors import StartupError
from app.local.folders import hold_lock, prepare_data_folder
from app.local.processes import python_environment, server_account, spawn

__all__ = ["Addresses", "Servers", "join_servers", "read_addresses", "running_addresses"]

LEASE_SECONDS = 15.0
START_SECONDS = 90.0
STOP_SECONDS = 6.0


@dataclass(frozen=True)
class Addresses:
    """The addresses of Postgres and Redis; None for a server that is not embedded."""

    database_url: str | None
    redis_url: str | None


class Servers:
    """The membership of a process in the servers of its data folder; made by `join_servers`."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._folder = folder
        self._request = {
            "data_dir": str(folder),
            "postgres": settings.database_url is None,
            "redis": settings.redis_url is None,
            "fsync": settings.redis_fsync,
            "maxmemory_mb": settings.redis_maxmemory_mb,
        }
        self.addresses = Addresses(None, None)

    def lost(self) -> bool:
        """Tell whether the holder has ended although we are a member; then call `ensure`."""
        return not _is_held(self._folder / "locks" / "servers")

    def ensure(
        self, prepare: Callable[[Addresses], None], meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        """Make sure that the servers run, with a new holder if needed, and call `prepare` on them.

        `meanwhile` is called while a new holder starts its servers.

        One member at a time does this, so that two members that start together migrate one after
        the other.
        """
        refusal = f"another process is still starting on {self._folder}: wait for it, or stop it"
        with hold_lock(self._folder / "locks" / "start", timeout=START_SECONDS, refusal=refusal):
            self._wait_while_stopping()
            if self.lost():
                _start_holder(self._request, self._folder, meanwhile)
            self.addresses = _wanted(read_addresses(self._folder), self._request)
            prepare(self.addresses)

    def _wait_while_stopping(self) -> None:
        # No process can be starting servers now, so a holder without published addresses is about
        # to end.
        deadline = time.monotonic() + LEASE_SECONDS
        while not (self._folder / "stack.json").exists() and not self.lost():
            if time.monotonic() > deadline:
                raise StartupError(f"the servers of {self._folder} are still stopping: try again in a moment")
            time.sleep(0.02)

    def wait_for_end(self) -> None:
        """Return when the holder has stopped both servers, or after six seconds."""
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and not self.lost():
            time.sleep(0.02)


@contextmanager
def join_servers(settings: Settings) -> Iterator[Servers]:
    """Be a member of the data folder's servers during the block.

    Raises StartupError when the folder cannot be used or the previous servers do not end.
    """
    folder = prepare_data_folder(settings.data_dir, server_account(settings.data_dir))
    servers = Servers(settings, folder)
    lease = os.open(folder / "locks" / "leases", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _try_lock(lease, fcntl.LOCK_SH, timeout=LEASE_SECONDS):
            raise StartupError(f"the servers of {folder} are still stopping: try again in a moment")
        yield servers
    finally:
        last = _try_lock(lease, fcntl.LOCK_EX, timeout=0)
        os.close(lease)
        if last:
            servers.wait_for_end()


def read_addresses(data_dir: Path) -> Addresses:
    """Return the addresses of the servers that run on `data_dir`.

    Raises StartupError without any.
    """
    folder = data_dir.absolute()
    try:
        if (folder / "stack.json").exists() and _is_held(folder / "locks" / "servers"):
            state = json.loads((folder / "stack.json").read_bytes())
            return Addresses(state["database_url"], state["redis_url"])
    except PermissionError as error:
        raise StartupError(
            f"{error.filename} belongs to another user: run this as the user that started the stack"
        ) from error
    raise StartupError(
        f"no stack runs on {folder}: start one with python main.py, "
        "or set LLM_MONITOR_DATA_DIR to the data folder of a stack that runs"
    )


def running_addresses(settings: Settings) -> Addresses:
    """Return the addresses of Postgres and Redis of the running stack.

    They are the set ones, else those in its data folder.


    Raises StartupError when there are none.
    """
    if settings.database_url and settings.redis_url:
        return Addresses(settings.database_url, settings.redis_url)
    found = read_addresses(settings.data_dir)
    return Addresses(settings.database_url or found.database_url, settings.redis_url or found.redis_url)


def write_addresses(folder: Path, addresses: Addresses) -> None:
    """Publish the addresses of running servers in a file that only their user can read."""
    staging = folder / ".stack.json"
    staging.touch(mode=0o600)
    staging.write_text(json.dumps({"pid": os.getpid(), **asdict(addresses)}))
    staging.replace(folder / "stack.json")


def withdraw_addresses(folder: Path) -> None:
    """Delete the addresses of servers that stop, or that were killed before they could do it."""
    (folder / "stack.json").unlink(missing_ok=True)


def _wanted(found: Addresses, request: dict[str, object]) -> Addresses:
    missing = [
        setting
        for setting, part, url in (
            ("DATABASE_URL", "postgres", found.database_url),
            ("REDIS_URL", "redis", found.redis_url),
        )
        if request[part] and url is None
    ]
    if missing:
        raise StartupError(
            f"the running stack of {request['data_dir']} was given {' and '.join(missing)}: "
            "give this process the same, or another LLM_MONITOR_DATA_DIR"
        )
    return found


def _start_holder(request: dict[str, object], folder: Path, meanwhile: Callable[[], object]) -> None:
    """Start the holder and wait for its answer: an empty line, or why the servers cannot start."""
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "app.local.holder", str(writer), json.dumps(request)]
    with os.fdopen(reader, "rb") as answer, (folder / "logs" / "holder.log").open("ab") as log:
        try:
            starter = spawn(
                command,
                env=python_environment(),
                death_signal=None,
                log=log,
                pass_fds=(writer,),
            )
        finally:
            os.close(writer)
        starter.wait()
        meanwhile()
        line = answer.readline().decode()
    if line != "\n":
        raise StartupError(line.strip() or f"the servers' process ended at once: see {log.name}")


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH, timeout=0)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, kind: int, *, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        else:
            return True
