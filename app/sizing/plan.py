"""From measurements to the needs of a load, by arithmetic only."""

from __future__ import annotations

import math

import msgspec

from app.sizing.figures import Figures

__all__ = ["BUSY", "MEMORY_SHARE", "Demand", "Need", "plan"]

# A busier stage has no reserve for peaks, nor for catching up after an outage.
BUSY = 0.7
# A share of maxmemory: new records are refused above it (app.ingest.admission).
MEMORY_SHARE = 0.6
# The memory of Redis itself, and of what remains of running jobs.
_REDIS_BASE_BYTES = 64 * 1024 * 1024
# The memory for a client id that is remembered (app.ingest.idempotency).
_CLIENT_ID_BYTES = 120
# Users and sessions with rows of their own, per project and day (workers.cardinality).
_NAMES_PER_DAY = 20_000
_DAY_SECONDS = 86_400


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """A steady load: records per second, retention of traces and figures, and an outage."""

    rate: float
    retention_days: int
    rollup_retention_days: int
    outage_minutes: float
    idempotency_hours: int


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """The needs of a load, in bytes and in numbers of processes, servers and cores."""

    workers: int
    redis_servers: int
    redis_bytes: float
    redis_bytes_of_client_ids: float
    postgres_servers: int
    trace_bytes: float
    figure_bytes: float


def plan(figures: Figures, demand: Demand) -> Need:
    """Return the needs of the load, at most 70 % busy, with workers of one measured core each.

    More than one Redis or Postgres means that the records are divided among them by project.
    """
    queued = demand.rate * demand.outage_minutes * 60 * figures.redis_bytes
    return Need(
        workers=math.ceil(demand.rate / (figures.worker_rate * BUSY)),
        redis_servers=math.ceil(demand.rate / (figures.queue_rate * BUSY)),
        redis_bytes=_REDIS_BASE_BYTES + queued / MEMORY_SHARE,
        redis_bytes_of_client_ids=demand.rate * demand.idempotency_hours * 3600 * _CLIENT_ID_BYTES,
        postgres_servers=math.ceil(demand.rate / (figures.write_rate * BUSY)),
        trace_bytes=demand.rate * _DAY_SECONDS * demand.retention_days * figures.trace_bytes,
        figure_bytes=min(_NAMES_PER_DAY, demand.rate * _DAY_SECONDS)
        * demand.rollup_retention_days
        * figures.rollup_row_bytes,
    )
