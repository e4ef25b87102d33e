"""Whether the servers are set up so that what was acknowledged is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from app.storage.upkeep.server import ServerSettings

__all__ = ["Check", "check_postgres", "check_redis"]

# What tests run on, and the oldest that has every function we call.
_TESTED_POSTGRES, _OLDEST_POSTGRES = 18, 15
_OLDEST_REDIS = (6, 2)
_CONNECTIONS_PER_WORKER, _CONNECTIONS_BESIDE = 6, 15
_MIBIBYTE = 1024 * 1024
_LEAST_MAXMEMORY = 256 * _MIBIBYTE


class Check(NamedTuple):
    """One thing that was looked at: whether it is as it should be, and what to do otherwise."""

    good: bool
    text: str


def check_redis(info: Mapping[str, Any], fsync: str | None) -> Iterator[Check]:
    """Judge what INFO says; `fsync` is appendfsync, None where the server does not tell."""
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
        policy == "noeviction", f"maxmemory-policy {policy}: any other than noeviction drops queued records"
    )
    limit = int(info.get("maxmemory", 0))
    shown = f"{limit / _MIBIBYTE:,.0f} MiB" if limit else "unset"
    yield Check(
        limit >= _LEAST_MAXMEMORY, f"maxmemory {shown}: without one a backlog takes all memory of the machine"
    )


def check_postgres(settings: ServerSettings, workers: int) -> Iterator[Check]:
    """Judge what the server says, for this many worker processes on it."""
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
        f"synchronous_commit {committed}: with off a crash loses rows that the queue has let go of",
    )
    wanted = workers * _CONNECTIONS_PER_WORKER + _CONNECTIONS_BESIDE
    yield Check(
        settings.max_connections >= wanted,
        f"max_connections {settings.max_connections}; {workers} workers, an API and a dashboard may use {wanted}",
    )
