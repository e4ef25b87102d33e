"""The whole application on one machine: servers, API, workers and dashboard, started together."""

from __future__ import annotations

import errno
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Literal

from app.config import Settings, is_loopback, load_settings
from app.errors import MonitorError, StartupError
from app.local.database import load_migrations, prepare_database
from app.local.first_key import make_first_key
from app.local.folders import hold_lock
from app.local.processes import python_environment
from app.local.programs import REDIS, find_program
from app.local.redis_versions import describe_weakness, program_release
from app.local.reviving import Reviving
from app.local.servers import Addresses, Servers, join_servers
from app.local.supervisor import ChildSpec, Signals, Supervisor

__all__ = ["Part", "check_ports", "child_specs", "run"]

Part = Literal["all", "api", "dashboard"]

PORT_SECONDS = 1.0
WORKER_GRACE_SECONDS = 4.0


def run(part: Part) -> int:
    """Run `part` of the stack until SIGINT or SIGTERM; returns the exit status.

    An error that prevents the start is one line on standard error and exit status 2.
    """
    try:
        settings = load_settings()
        if settings.rules:
            from app.rules import (
                read_rules,
            )  # imported here: it loads what evaluators need, and this process does not

            read_rules(settings.rules)
        with Signals().installed() as signals:
            _run(part, settings, signals)
    except MonitorError as error:
        sys.stderr.write(f"llm-monitor: {error.detail}\n")
        return 2
    return 0


def _run(part: Part, settings: Settings, signals: Signals) -> None:
    with ExitStack() as stack:
        addresses = Addresses(settings.database_url, settings.redis_url)
        servers: Servers | None = None
        made: list[str] = []
        if None in (settings.database_url, settings.redis_url):
            servers = stack.enter_context(join_servers(settings))
            if part != "dashboard":
                _claim_folder(stack, settings)
        check_ports(part, settings)

        def prepare(found: Addresses) -> None:
            nonlocal addresses
            addresses = Addresses(
                settings.database_url or found.database_url, settings.redis_url or found.redis_url
            )
            prepare_database(addresses.database_url or "")
            if key := make_first_key(settings, addresses.database_url or ""):
                made.append(key)

        if servers:
            servers.ensure(prepare, meanwhile=load_migrations)
            _warn_of_weakness(settings)
        else:
            prepare(addresses)
        specs = child_specs(part, settings, addresses)
        supervisor = Supervisor(specs, signals, report=_report, tend=_tend(servers, prepare))
        supervisor.run(lambda: _announce(part, settings, made))


def _tend(servers: Servers | None, prepare: Callable[[Addresses], None]) -> Callable[[], None]:
    """Return a function that restarts embedded servers, or does nothing without them."""
    if servers is None:
        return lambda: None
    found = servers
    return Reviving(found.lost, lambda: found.ensure(prepare), report=_report, clock=time.monotonic).tend


def _warn_of_weakness(settings: Settings) -> None:
    if settings.redis_url is None:
        program = find_program(REDIS)
        if weakness := describe_weakness(program_release(program), program):
            _report(f"WARNING: {weakness}")


def _claim_folder(stack: ExitStack, settings: Settings) -> None:
    folder = settings.data_dir.absolute()
    refusal = f"a stack already runs on {folder}: stop it, or set LLM_MONITOR_DATA_DIR to another folder"
    stack.enter_context(hold_lock(folder / "locks" / "stack", timeout=PORT_SECONDS, refusal=refusal))


def child_specs(part: Part, settings: Settings, addresses: Addresses) -> list[ChildSpec]:
    """Return the processes of `part`, in the order in which they are stopped."""
    python = sys.executable
    env = {
        **python_environment(),
        "DATABASE_URL": addresses.database_url or "",
        "REDIS_URL": addresses.redis_url or "",
        "API_BASE_URL": settings.api_url,
        "LLM_MONITOR_WORKERS": str(1 if part == "api" else settings.workers),
    }
    listen = ("--host", settings.host, "--port", str(settings.api_port))
    options = (
        *("--http", "app.serving.connections:BoundedConnection", "--no-proxy-headers"),
        *("--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "2"),
    )
    api = ChildSpec(
        "API",
        (python, "-m", "uvicorn", "--factory", "app.main:create_app_from_env", *listen, *options),
        env,
        ready_url=f"{_local_url(settings.host, settings.api_port)}/health/ready",
        death_signal=signal.SIGKILL,  # no record is lost, and the port is free for the next start
    )
    workers = ChildSpec(
        "workers",
        (python, "-m", "workers.main"),
        env,
        stop_rank=1,
        grace_seconds=WORKER_GRACE_SECONDS,
    )
    dashboard = ChildSpec(
        "dashboard",
        (python, "-m", "dashboard.app"),
        env,
        ready_url=f"{_local_url(settings.host, settings.dashboard_port)}/",
        death_signal=signal.SIGKILL,
    )
    return {"all": [api, dashboard, workers], "api": [api, workers], "dashboard": [dashboard]}[part]


def check_ports(part: Part, settings: Settings) -> None:
    """Raise StartupError, naming the setting to change, when a port of `part` is not free."""
    ports = {"LLM_MONITOR_API_PORT": settings.api_port, "LLM_MONITOR_DASHBOARD_PORT": settings.dashboard_port}
    if part == "all" and settings.api_port == settings.dashboard_port:
        raise StartupError(
            f"API and dashboard cannot share port {settings.api_port}: set {' or '.join(ports)}"
        )
    unused = {"all": "", "api": "LLM_MONITOR_DASHBOARD_PORT", "dashboard": "LLM_MONITOR_API_PORT"}[part]
    for setting, port in ports.items():
        if setting != unused:
            _check_port(settings.host, port, setting)


def _check_port(host: str, port: int, setting: str) -> None:
    # A process that was just killed may need a moment to free its ports.
    deadline = time.monotonic() + PORT_SECONDS
    while True:
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.create_server(address, family=family):
                return
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            if error.errno == errno.EADDRINUSE:
                advice = f"port {port} is in use: stop what listens there, or set {setting} to a free port"
            elif error.errno == errno.EACCES:
                advice = f"port {port} is reserved for root: set {setting} to a port above 1023"
            else:
                advice = f"cannot listen on {host} ({error.strerror}): set LLM_MONITOR_HOST to an address of this machine"
            raise StartupError(advice) from error


def _local_url(host: str, port: int) -> str:
    """Return the address at which a server bound to `host` answers on this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 compared, not bound
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"


def _announce(part: Part, settings: Settings, made: Sequence[str]) -> None:
    api, dashboard = settings.api_url, _local_url(settings.host, settings.dashboard_port)
    rows = [("API", api), ("API docs", f"{api}/docs")] if part != "dashboard" else []
    rows += [("Dashboard", dashboard)] if part != "api" else []
    rows += [("Admin key", f"{key}  shown only this once, kept in {settings.first_key}") for key in made]
    lines = "".join(f"  {name:<10} {url}\n" for name, url in rows)
    sys.stdout.write(f"\nLLM Monitor is running. Ctrl-C stops it.\n{lines}{_warning(settings)}\n")
    sys.stdout.flush()


def _warning(settings: Settings) -> str:
    if is_loopback(settings.host) or settings.require_keys == "always":
        return ""
    when = "until a first key is made, " if settings.require_keys == "auto" else ""
    return f"  WARNING: {when}anyone who reaches {settings.host} can send and read without a key\n"


def _report(line: str) -> None:
    with suppress(OSError):  # the disk that it is written to may be full
        sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} llm-monitor: {line}\n")
        sys.stderr.flush()
