from __future__ import annotations

import json

import asyncpg
from redis.asyncio import Redis

from tests.integration.test_commands import run_command


async def test_the_doctor_measures_plans_and_leaves_nothing_behind(database_url: str, redis_url: str) -> None:
    options = ["--json", "--seconds", "0.2", "--rate", "500", "--retention-days", "7", "--kib", "1"]
    result = run_command("doctor", *options, DATABASE_URL=database_url, REDIS_URL=redis_url)
    found = json.loads(result.stdout)
    figures, ((demand, need),) = found["figures"], found["needs"]
    assert all(figures[name] > 0 for name in figures)
    assert 1_000 < figures["redis_bytes"] < 4_000
    assert 1_000 < figures["trace_bytes"] < 20_000
    assert (demand["rate"], demand["retention_days"]) == (500, 7)
    assert need["trace_bytes"] == 500 * 86_400 * 7 * figures["trace_bytes"]
    # The servers of tests write no fsync, and that is what it says.
    bad = [text for good, text in found["findings"] if not good]
    assert [text.split()[0] for text in bad] == ["fsync", "full_page_writes", "synchronous_commit"]
    assert [True, "figures: every sum can be taken"] in found["findings"]
    assert result.returncode == 1

    connection = await asyncpg.connect(database_url)
    try:
        assert (
            await connection.fetchval(
                "SELECT count(*) FROM pg_namespace WHERE nspname = 'llm_monitor_doctor'"
            )
            == 0
        )
        assert await connection.fetchval("SELECT count(*) FROM traces") == 0
        assert await connection.fetchval("SELECT count(*) FROM rollups") == 0
    finally:
        await connection.close()
    async with Redis.from_url(redis_url) as redis:
        assert await redis.keys("*") == []
