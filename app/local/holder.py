"""The process that owns the embedded servers of a data folder until its last member is gone."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypedDict

from app.errors import StartupError
from app.local.folders import hold_lock
from app.local.postgres import Server, serve_postgres
from app.local.redis_server import Fsync, serve_redis
from app.local.reserve import give_up_reserve, keep_reserve
from app.local.servers import Addresses, withdraw_addresses, write_addresses

__all__ = ["hold"]

POLL_SECONDS = 0.2
PREDECESSOR_SECONDS = 15.0
RESERVE_SECONDS = 5.0


class Request(TypedDict):
    """Which servers to run, and how."""

    data_dir: str
    postgres: bool
    redis: bool
    fsync: Fsync
    maxmemory_mb: int


def hold(request: Request, answer: int) -> None:
    """Run the servers of `request` until no member holds a lease or one of the servers dies.

    One line goes to the descriptor `answer`: empty once they run, else why they cannot, which is raised
    as StartupError too.
    """
    folder = Path(request["data_dir"])
    with ExitStack() as stack:
        try:
            withdraw_addresses(folder)
            leases = stack.enter_context(_open_leases(folder))
            give_up_reserve(folder)
            servers = _start(stack, request, folder)
        except (StartupError, OSError) as error:
            reason = error.detail if isinstance(error, StartupError) else f"{folder}: {error.strerror}"
            os.write(answer, f"{reason}\n".encode())
            raise StartupError(reason) from error
        os.write(answer, b"\n")
        os.close(answer)
        _wait_for_last_member(leases, servers, folder)


def _start(stack: ExitStack, request: Request, folder: Path) -> list[Server]:
    # Left in reverse order: the addresses go first, then Redis, and Postgres last.
    postgres = stack.enter_context(serve_postgres(folder)) if request["postgres"] else None
    redis = (
        stack.enter_context(serve_redis(folder, request["fsync"], request["maxmemory_mb"]))
        if request["redis"]
        else None
    )
    write_addresses(folder, Addresses(postgres.url if postgres else None, redis.url if redis else None))
    stack.callback(withdraw_addresses, folder)
    return [server for server in (postgres, redis) if server]


@contextmanager
def _open_leases(folder: Path) -> Iterator[int]:
    # Closed after the servers have stopped: who comes meanwhile waits, and then starts new ones.
    descriptor = os.open(folder / "locks" / "leases", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_for_last_member(leases: int, servers: list[Server], folder: Path) -> None:
    looked = float("-inf")
    while all(server.process.poll() is None for server in servers):
        if time.monotonic() - looked > RESERVE_SECONDS:
            looked = time.monotonic()
            keep_reserve(folder)
        try:
            fcntl.flock(leases, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(POLL_SECONDS)
        else:
            return
    dead = [server.url for server in servers if server.process.poll() is not None]
    raise StartupError(f"a server ended unexpectedly, stopping the rest: {', '.join(dead)}")


def main() -> None:
    """Run as `python -m app.local.holder <descriptor> <request as JSON>`."""
    if os.fork():
        os._exit(0)  # the holder is nobody's child: it may outlive the member that started it
    # Members end it by leaving; a signal sent to every process of a service must not come before they left.
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    request: Request = json.loads(sys.argv[2])
    folder = Path(request["data_dir"])
    refusal = f"the servers of {folder} are run by another process: stop it"
    with hold_lock(folder / "locks" / "servers", timeout=PREDECESSOR_SECONDS, refusal=refusal):
        try:
            hold(request, int(sys.argv[1]))
        except StartupError as error:
            with suppress(OSError):  # the disk of the log may be full
                sys.stderr.write(f"{error.detail}\n")
                sys.stderr.flush()
        os._exit(0)  # the lock is free only when this process is gone: who waits for it sees no leftover


if __name__ == "__main__":
    main()
