"""Child processes that never outlive their parent, and the account servers run under."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

__all__ = ["Account", "end_group", "python_environment", "server_account", "spawn", "stop"]

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Account:
    """An unprivileged system account that a server started by root runs under."""

    name: str
    uid: int
    gid: int


def server_account(data_dir: Path) -> Account | None:
    """Return the account for the embedded servers of `data_dir`; None means the caller's own.

    PostgreSQL refuses to run as root. So root uses the account that owns the data already, else
    `nobody`, the one account that every distribution has.
    """
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    for folder in (data_dir / "postgres", data_dir / "redis"):
        if folder.exists() and (owner := folder.stat().st_uid) != 0:
            with suppress(KeyError):
                entry = pwd.getpwuid(owner)
            break
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def spawn(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    death_signal: signal.Signals | None = signal.SIGTERM,
    account: Account | None = None,
    log: IO[bytes] | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `command` in its own session, to be ended with `death_signal` when this process dies.

    Call it from the main thread, because Linux delivers the signal when the *thread* that forked
    ends. With `log`, standard output and error go there, else to where this process writes. A
    `death_signal` of None lets the child outlive this process. Raises OSError when the program
    cannot be executed.
    """
    return subprocess.Popen(  # noqa: S603 the programs are ours, never a user's text
        [os.fspath(part) for part in command],
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT if log else None,
        start_new_session=True,
        pass_fds=pass_fds,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=_die_with_parent(death_signal) if death_signal else None,  # noqa: PLW1509 no threads here
    )


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def arm() -> None:
        # This runs after setuid, which would clear the request, and before exec, which keeps it.
        prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), death_signal)

    return arm


def python_environment() -> dict[str, str]:
    """Return this process's environment, so that this checkout is importable from any folder."""
    root = str(Path(__file__).resolve().parents[2])
    path = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def stop(process: subprocess.Popen[bytes], signum: signal.Signals, timeout: float) -> bool:
    """Ask `process` to end with `signum`; after `timeout` seconds kill it.

    True if it was not killed.
    """
    if process.poll() is None:
        process.send_signal(signum)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        end_group(process)
        return False
    return True


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the rest of the session that `process` leads, and reap `process`."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
