"""The commands of containers as they run there: as processes with addresses in the environment."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from app.queue import beat


def run_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli.main", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_migrate_makes_the_schema_and_twice_changes_nothing(empty_database_url: str) -> None:
    for _ in range(2):
        result = run_command("migrate", DATABASE_URL=empty_database_url)
        assert (result.returncode, result.stderr) == (0, "")
    connection = await asyncpg.connect(empty_database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM traces") == 0
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    finally:
        await connection.close()


@pytest.mark.parametrize("url", ["mysql://nowhere/x", "postgresql://u:p@127.0.0.1:1/x", ""])
def test_migrate_says_in_one_line_why_it_cannot(url: str) -> None:
    result = run_command("migrate", DATABASE_URL=url)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "DATABASE_URL" in result.stderr


@pytest.mark.parametrize(
    ("host", "age_seconds", "options", "status"),
    [
        (socket.gethostname(), 1, ("--here",), 0),
        ("another-host", 1, ("--here",), 1),
        ("another-host", 1, (), 0),
        (socket.gethostname(), 30, ("--here",), 1),
    ],
)
async def test_workers_tells_whether_one_was_heard_of(
    redis_url: str, host: str, age_seconds: int, options: tuple[str, ...], status: int
) -> None:
    async with Redis.from_url(redis_url) as redis:
        await beat(redis, f"{host}:7", time.time_ns() // 1_000_000 - age_seconds * 1000)
    result = run_command("workers", *options, REDIS_URL=redis_url)
    assert result.returncode == status, result.stderr
    assert (f"{host}:7" in result.stdout) == (status == 0)


def test_workers_says_when_redis_does_not_answer() -> None:
    result = run_command("workers", REDIS_URL="redis://127.0.0.1:1")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "REDIS_URL" in result.stderr


def test_ingest_says_in_one_line_that_no_api_answers(tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"
    calls.write_text('{"prompt": "a", "response": "b"}\n' * 2_500)
    result = run_command("ingest", str(calls), "--url", "http://127.0.0.1:1")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "No API answers at http://127.0.0.1:1" in result.stderr
