"""From what was measured to what a load needs: arithmetic alone."""

from __future__ import annotations

import math

import msgspec

from app.sizing.figures import Figures

__all__ = ["BUSY", "MEMORY_SHARE", "Demand", "Need", "plan"]

# A stage that is busier than this has no room for peaks and for what it missed while it was away.
BUSY = 0.7
# Of maxmemory: new records are refused above it (app.ingest.admission).
MEMORY_SHARE = 0.6
# Redis' own, and what is left of jobs that run.
_REDIS_BASE_BYTES = 64 * 1024 * 1024
# A client's id that is remembered (app.ingest.idempotency).
_CLIENT_ID_BYTES = 120
# Users and sessions that get rows of their own, per project and day (workers.cardinality).
_NAMES_PER_DAY = 20_000
_DAY_SECONDS = 86_400


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """A steady load: records per second, for how long traces and figures are kept, and which outage is sat out."""

    rate: float
    retention_days: int
    rollup_retention_days: int
    outage_minutes: float
    idempotency_hours: int


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a load needs; bytes, and numbers of processes, servers and cores."""

    workers: int
    redis_servers: int
    redis_bytes: float
    redis_bytes_of_client_ids: float
    postgres_servers: int
    trace_bytes: float
    figure_bytes: float


def plan(figures: Figures, demand: Demand) -> Need:
    """Return what the load needs at most 70 % busy, with workers of one core each like the measured one.

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
