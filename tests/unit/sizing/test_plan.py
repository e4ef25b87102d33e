from __future__ import annotations

import msgspec
import pytest

from app.sizing import Demand, Figures, plan
from app.sizing.checks import check_postgres, check_redis
from app.sizing.samples import make_records
from app.storage.upkeep.server import ServerSettings

FIGURES = Figures(
    record_bytes=2048,
    cores=2,
    score_seconds=0.0004,
    store_seconds=0.0001,
    queue_rate=50_000,
    write_rate=10_000,
    redis_bytes=2_500,
    trace_bytes=4_000,
    rollup_row_bytes=400,
)
DEMAND = Demand(
    rate=1_000, retention_days=30, rollup_retention_days=400, outage_minutes=10, idempotency_hours=24
)


@pytest.mark.parametrize(
    ("rate", "workers", "redis", "postgres"),
    [
        (1, 1, 1, 1),
        (1_400, 1, 1, 1),
        (1_401, 2, 1, 1),
        (7_000, 5, 1, 1),
        (7_001, 6, 1, 2),
        (35_001, 26, 2, 6),
    ],
)
def test_every_stage_has_room_for_a_third_more(rate: float, workers: int, redis: int, postgres: int) -> None:
    need = plan(FIGURES, msgspec.structs.replace(DEMAND, rate=rate))
    assert (need.workers, need.redis_servers, need.postgres_servers) == (workers, redis, postgres)


def test_memory_holds_an_outage_below_the_mark_where_records_are_refused() -> None:
    need = plan(FIGURES, DEMAND)
    base = plan(FIGURES, msgspec.structs.replace(DEMAND, outage_minutes=0)).redis_bytes
    assert (need.redis_bytes - base) * 0.6 == pytest.approx(1_000 * 600 * 2_500)
    assert need.redis_bytes_of_client_ids == 1_000 * 86_400 * 120
    assert need.trace_bytes == 1_000 * 86_400 * 30 * 4_000


def test_figures_are_capped_by_the_names_of_a_day() -> None:
    assert plan(FIGURES, DEMAND).figure_bytes == 20_000 * 400 * 400
    few = msgspec.structs.replace(DEMAND, rate=0.01)
    assert plan(FIGURES, few).figure_bytes == pytest.approx(864 * 400 * 400)


REDIS = {
    "redis_version": "6.2.14",
    "aof_enabled": 1,
    "maxmemory": 2**30,
    "maxmemory_policy": "noeviction",
}


@pytest.mark.parametrize(
    ("changes", "fsync", "bad"),
    [
        ({}, "always", ""),
        ({}, None, ""),
        ({"redis_version": "8.0.1"}, "everysec", ""),
        ({"redis_version": "6.0.9"}, "always", "6.0.9"),
        ({"aof_enabled": 0}, "always", "appendonly"),
        ({}, "no", "appendfsync no"),
        ({"maxmemory_policy": "allkeys-lru"}, "always", "allkeys-lru"),
        ({"maxmemory": 0}, "always", "maxmemory unset"),
        ({"maxmemory": 2**20}, "always", "maxmemory 1 MiB"),
    ],
)
def test_a_redis_that_could_lose_records_is_named(
    changes: dict[str, object], fsync: str | None, bad: str
) -> None:
    found = [finding.text for finding in check_redis(REDIS | changes, fsync) if not finding.good]
    assert len(found) == bool(bad)
    assert all(bad in text for text in found)


POSTGRES = ServerSettings(
    version=18,
    fsync=True,
    full_page_writes=True,
    synchronous_commit="on",
    autovacuum=True,
    max_connections=100,
    database_bytes=1,
)


@pytest.mark.parametrize(
    ("changes", "bad"),
    [
        ({}, ""),
        ({"version": 15, "synchronous_commit": "local"}, ""),
        ({"version": 14}, "PostgreSQL 14"),
        ({"fsync": False}, "fsync off"),
        ({"full_page_writes": False}, "full_page_writes off"),
        ({"autovacuum": False}, "autovacuum off"),
        ({"synchronous_commit": "off"}, "synchronous_commit off"),
        ({"max_connections": 38}, "max_connections 38"),
        ({"max_connections": 39}, ""),
    ],
)
def test_a_postgres_that_could_lose_records_is_named(changes: dict[str, object], bad: str) -> None:
    settings = msgspec.structs.replace(POSTGRES, **changes)
    found = [finding.text for finding in check_postgres(settings, 4) if not finding.good]
    assert len(found) == bool(bad)
    assert all(bad in text for text in found)


@pytest.mark.parametrize("size", [100, 2_048, 65_536])
def test_samples_have_their_size_and_are_the_same_every_time(size: int) -> None:
    records = make_records(20, size)
    assert records == make_records(20, size)
    for record in records:
        texts = len(record.prompt) + len(record.response) + sum(map(len, record.context))
        assert abs(texts - size) <= 3
    assert sum(bool(record.context) for record in records) == 10
