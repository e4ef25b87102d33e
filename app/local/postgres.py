"""An embedded PostgreSQL server on a Unix socket in the data folder."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from app.errors import StartupError
from app.local.folders import (
    hold_lock,
    open_log,
    prepare_data_folder,
    prepare_server_folder,
    socket_folder,
)
from app.local.processes import Account, server_account, spawn, stop
from app.local.programs import POSTGRES, find_program, make_reachable

__all__ = ["Server", "run_postgres", "serve_postgres"]

PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
ROLE = DATABASE = "llm_monitor"
START_SECONDS = 60.0
STOP_SECONDS = 8.0
PREDECESSOR_SECONDS = 10.0
BUILTIN_LOCALE_SINCE = 17

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "wal_compression": "on",
    "temp_file_limit": "1GB",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "logging_collector": "off",
    "cluster_name": "llm-monitor",
}


@dataclass(frozen=True)
class Server:
    """A running embedded server: how to reach it, and its process."""

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def run_postgres(data_dir: Path, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run PostgreSQL on `data_dir` and yield its URL, `postgresql://…?host=<socket folder>`.

    `settings` are server parameters that replace ours. Raises StartupError, with one line that says
    what to do, when there is no server program or the folder cannot be used.
    """
    with serve_postgres(data_dir, settings) as server:
        yield server.url


@contextmanager
def serve_postgres(
    data_dir: Path, settings: Mapping[str, str] | None = None, executable: Path | None = None
) -> Iterator[Server]:
    """Run PostgreSQL as `run_postgres` does, yielding the process too, for those who watch it."""
    program = executable or find_program(POSTGRES)
    account = server_account(data_dir)
    folder = prepare_data_folder(data_dir, account)
    program = make_reachable(POSTGRES, program, account, folder)
    refusal = (
        f"PostgreSQL is already running on {folder}: stop it, or set LLM_MONITOR_DATA_DIR to another folder"
    )
    log_path = open_log(folder, "postgres.log")
    with (
        socket_folder(folder, SOCKET_NAME, account) as sockets,
        hold_lock(folder / "locks" / "postgres", timeout=PREDECESSOR_SECONDS, refusal=refusal) as lock,
        log_path.open("ab") as log,
    ):
        cluster = _prepare_cluster(program, folder, account, log)
        # The lock is ours, so no server of this folder lives: the file is left over from a kill -9.
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        process = spawn(
            [program, "-D", cluster, "-k", sockets, "-p", str(PORT), *_options(settings or {})],
            env=_environment(),
            death_signal=signal.SIGINT,
            account=account,
            log=log,
            pass_fds=(lock,),
        )
        try:
            _wait_until_ready(process, cluster, log_path)
            yield Server(_url(sockets), process)
        finally:
            stop(process, signal.SIGINT, STOP_SECONDS)


def _url(sockets: Path) -> str:
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(sockets), safe='/')}&port={PORT}"


def _options(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in {**SETTINGS, **settings}.items() for part in ("-c", f"{name}={value}")]


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}


def _prepare_cluster(program: Path, data_dir: Path, account: Account | None, log: IO[bytes]) -> Path:
    """Return the cluster's folder, made by initdb at the first start; refuses another major version."""
    cluster = data_dir / "postgres"
    major = _major_version(program)
    version_file = cluster / "PG_VERSION"
    if version_file.exists():
        prepare_server_folder(cluster, account)
        if (made_by := version_file.read_text().strip()) != major:
            raise StartupError(
                f"{cluster} was made by PostgreSQL {made_by}, and this is {major}: set LLM_MONITOR_DATA_DIR to "
                f"another folder, or DATABASE_URL to a server of version {made_by}"
            )
        return cluster
    staging = data_dir / "postgres.new"
    shutil.rmtree(staging, ignore_errors=True)
    prepare_server_folder(staging, account)
    locale = ["--locale=C"]
    if int(major) >= BUILTIN_LOCALE_SINCE:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    _run(
        [program.with_name("initdb"), "-D", staging, "-U", ROLE, "-E", "UTF8", *locale,
         "--auth-local=trust", "--auth-host=reject", "--no-instructions"],
        account,
        log,
    )  # fmt: skip
    _run([program, "--single", "-D", staging, "postgres"], account, log, f"CREATE DATABASE {DATABASE}\n")
    if cluster.exists():
        cluster.rmdir()
    staging.rename(cluster)
    return cluster


def _major_version(program: Path) -> str:
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 a program that we chose
    match = re.search(r"(\d+)", output.stdout)
    if match is None:
        raise StartupError(f"{program} does not tell its version: put another postgres first on PATH")
    return match.group(1)


def _run(command: list[str | Path], account: Account | None, log: IO[bytes], stdin: str = "") -> None:
    result = subprocess.run(  # noqa: S603 the wheel's own programs
        command,
        input=stdin,
        text=True,
        capture_output=True,
        check=False,
        env=_environment(),
        cwd="/",
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    log.write((result.stdout + result.stderr).encode())
    log.flush()
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines() or ["no message"]
        raise StartupError(
            f"{Path(command[0]).name} could not make the database folder: {lines[0]} (see {log.name})"
        )


def _wait_until_ready(process: subprocess.Popen[bytes], cluster: Path, log_path: Path) -> None:
    """Wait for the line that PostgreSQL writes into its pid file once it takes connections."""
    pid_file = cluster / "postmaster.pid"
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            lines = pid_file.read_text().splitlines()
        except FileNotFoundError:
            lines = []
        if lines and lines[-1].strip() == "ready":
            return
        time.sleep(0.01)
    last = log_path.read_text(errors="replace").strip().splitlines()[-1:]
    raise StartupError(f"PostgreSQL did not start: {' '.join(last) or 'no message'} (see {log_path})")
