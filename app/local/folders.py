"""The data folder of embedded servers: who may enter it, where its sockets lie, who holds it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.errors import StartupError
from app.local.processes import Account

__all__ = ["hold_lock", "open_log", "prepare_data_folder", "prepare_server_folder", "socket_folder"]

SOCKET_PATH_LIMIT = 100
"""Bytes of a socket's path; the kernel's limits are 107 on Linux and 103 on macOS."""

LOG_LIMIT = 8 * 1024 * 1024
OUR_FOLDERS = frozenset({"postgres", "redis", "run", "locks", "logs", "programs", "reserve"})


def prepare_data_folder(data_dir: Path, account: Account | None) -> Path:
    """Make `data_dir` usable for this process and for `account`; returns its absolute path.

    Raises StartupError when it cannot be written or when `account` cannot reach it. Nothing above the
    folder is changed.
    """
    folder = data_dir.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("locks", "logs"):
            (folder / name).mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        if account:
            _open_to(folder, account)
    except OSError as error:
        raise StartupError(
            f"data folder {folder} is not writable ({error.strerror}): "
            "set LLM_MONITOR_DATA_DIR to a folder that you may write to"
        ) from error
    return folder


def _open_to(folder: Path, account: Account) -> None:
    for parent in folder.resolve().parents:
        if not _may_enter(parent, account):
            raise StartupError(
                f"servers started by root run as user {account.name}, who cannot enter {parent}: "
                "set LLM_MONITOR_DATA_DIR to a folder outside it, such as /var/lib/llm-monitor"
            )
    if _may_enter(folder, account):
        return
    if {entry.name for entry in folder.iterdir()} - OUR_FOLDERS:
        raise StartupError(
            f"servers started by root run as user {account.name}, who cannot enter {folder}, and other files "
            "lie there: set LLM_MONITOR_DATA_DIR to an empty folder"
        )
    folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXGRP | stat.S_IXOTH)


def _may_enter(folder: Path, account: Account) -> bool:
    status = folder.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def prepare_server_folder(folder: Path, account: Account | None) -> Path:
    """Create `folder` for one server alone (mode 0700), owned by `account` where one is given.

    Raises StartupError when it exists and belongs to somebody else.
    """
    owner = account.uid if account else os.geteuid()
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            if account:
                os.chown(folder, account.uid, account.gid)
        status = folder.lstat()
    except OSError as error:
        raise StartupError(
            f"{folder} cannot be created ({error.strerror}): "
            "set LLM_MONITOR_DATA_DIR to a folder that you may write to"
        ) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner:
        raise StartupError(
            f"{folder} belongs to another user (id {status.st_uid}): "
            "start as that user or as root, or set LLM_MONITOR_DATA_DIR to another folder"
        )
    return folder


@contextmanager
def socket_folder(data_dir: Path, socket_name: str, account: Account | None) -> Iterator[Path]:
    """Yield a private folder in which the path of `socket_name` stays within 100 bytes.

    It is `run` in the data folder, or a folder named by a hash of it under the runtime or temporary
    folder of the system, removed again when empty: with a longer path Redis starts without its socket
    and says nothing.
    """
    folder = _choose_socket_folder(data_dir, socket_name, account)
    try:
        yield prepare_server_folder(folder, account)
    finally:
        with suppress(OSError):
            folder.rmdir()


def _choose_socket_folder(data_dir: Path, socket_name: str, account: Account | None) -> Path:
    name = f"llm-monitor-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}"
    parents = (tempfile.gettempdir(), "/tmp")  # noqa: S108 made private and checked for its owner
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    candidates = [data_dir / "run", *(Path(parent) / name for parent in parents)]
    if runtime and account is None:
        candidates.insert(1, Path(runtime) / name)
    for candidate in candidates:
        if len(os.fsencode(candidate / socket_name)) <= SOCKET_PATH_LIMIT:
            return candidate
    raise StartupError(f"no short folder for sockets: set LLM_MONITOR_DATA_DIR shorter than {data_dir}")


def open_log(data_dir: Path, name: str) -> Path:
    """Return the path of log `name`; one that passed 8 MiB is set aside as `<name>.1` first."""
    path = data_dir / "logs" / name
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_name(f"{name}.1"))
    return path


@contextmanager
def hold_lock(path: Path, *, timeout: float, refusal: str) -> Iterator[int]:
    """Hold an exclusive lock on `path`; yields its descriptor, to be passed on to a server.

    The kernel frees it when the last process that holds the descriptor is gone, however it ended.
    Raises StartupError with `refusal` when somebody else holds it for longer than `timeout` seconds.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StartupError(refusal) from None
                time.sleep(0.02)
        yield descriptor
    finally:
        os.close(descriptor)
