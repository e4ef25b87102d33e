"""Checks that the servers are set up to keep what was acknowledged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from app.storage.upkeep.server import ServerSettings

__all__ = ["Check", "check_postgres", "check_redis"]

# The versions that tests use, and the oldest that have every function that we call.
_TESTED_POSTGRES, _OLDEST_POSTGRES = 18, 15
_OLDEST_REDIS = (6, 2)
_CONNECTIONS_PER_WORKER, _CONNECTIONS_BESIDE = 6, 15
_MIBIBYTE = 1024 * 1024
_LEAST_MAXMEMORY = 256 * _MIBIBYTE


class Check(NamedTuple):
    """One check: whether the setting is good, and a text that says what to change if not."""

    good: bool
    text: str


def check_redis(info: Mapping[str, Any], fsync: str | None) -> Iterator[Check]:
    """Judge the INFO of a server; `fsync` is appendfsync, None if the server does not report it."""
    version = str(info.get("redis_version", "0"))
    known = tuple(int(part) for part in version.split(".")[:2])
    yield Check(known >= _OLDEST_REDIS, f"Redis {version}; 6.2 or later is needed")
    yield Check(
        bool(info.get("aof_enabled")), "appendonly: an answered record is on disk (set appendonly yes)"
    )
    if fsync is not None:
        yield Check(
            fsync in {"always", "everysec"}, f"appendfsync {fsync}: always keeps all, everysec may lose 2 s"
        )
    policy = info.get("maxmemory_policy")
    yield Check(
        policy == "noeviction",
        f"maxmemory-policy {policy}: any policy other than noeviction drops queued records",
    )
    limit = int(info.get("maxmemory", 0))
    shown = f"{limit / _MIBIBYTE:,.0f} MiB" if limit else "unset"
    yield Check(
        limit >= _LEAST_MAXMEMORY, f"maxmemory {shown}: without one a backlog takes all memory of the machine"
    )


def check_postgres(settings: ServerSettings, workers: int) -> Iterator[Check]:
    """Judge the settings of the server, for this many worker processes."""
    yield Check(
        settings.version >= _OLDEST_POSTGRES,
        f"PostgreSQL {settings.version}; {_TESTED_POSTGRES} is tested, {_OLDEST_POSTGRES} is the oldest",
    )
    for name in ("fsync", "full_page_writes", "autovacuum"):
        yield Check(
            getattr(settings, name), f"{name} {'on' if getattr(settings, name) else 'off: set it on'}"
        )
    committed = settings.synchronous_commit
    yield Check(
        committed != "off",
        f"synchronous_commit {committed}: with off, a crash loses rows that the queue does not hold any more",
    )
    wanted = workers * _CONNECTIONS_PER_WORKER + _CONNECTIONS_BESIDE
    yield Check(
        settings.max_connections >= wanted,
        f"max_connections {settings.max_connections}; {workers} workers, an API and a dashboard may use {wanted}",
    )
