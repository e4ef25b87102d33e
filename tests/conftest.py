"""Real servers for tests: started once per session, and only when a test asks for one."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
import redis

from app.local.postgres import run_postgres
from app.local.redis_server import EVERY_COMMAND, run_redis

UNSAFE_BUT_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short path outside pytest's own folders, which an unprivileged server may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="llmt-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_url(server_folder: Path) -> Iterator[str]:
    """The session's PostgreSQL; its own database stays empty."""
    with run_postgres(server_folder, UNSAFE_BUT_FAST) as url:
        yield url


@pytest.fixture(scope="session")
def redis_server_url(server_folder: Path) -> Iterator[str]:
    with run_redis(server_folder, fsync="everysec", maxmemory_mb=256, settings=EVERY_COMMAND) as url:
        yield url


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    """The session's Redis, empty."""
    with redis.Redis.from_url(redis_server_url) as client:
        client.flushall()
        client.config_resetstat()
    return redis_server_url


@pytest.fixture(scope="session")
async def migrated_template(postgres_url: str) -> str:
    """The name of a database with the current schema and no rows, to be copied."""
    from app.storage.upkeep import migrate

    name = "migrated_template"
    await _execute(postgres_url, f"CREATE DATABASE {name}")
    with ThreadPoolExecutor(1) as thread:  # alembic runs an event loop of its own
        thread.submit(migrate.upgrade, database_named(postgres_url, name)).result()
    return name


@pytest.fixture
async def database_url(postgres_url: str, migrated_template: str) -> AsyncIterator[str]:
    """A database of this test alone, with the current schema and no rows."""
    name = f"test_{uuid.uuid4().hex}"
    await _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
    yield database_named(postgres_url, name)
    await _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def empty_database_url(postgres_url: str) -> AsyncIterator[str]:
    """A database of this test alone, without any schema."""
    name = f"test_{uuid.uuid4().hex}"
    await _execute(postgres_url, f"CREATE DATABASE {name}")
    yield database_named(postgres_url, name)
    await _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def database_named(url: str, name: str) -> str:
    """`url` with another database name."""
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
