"""Bringing a database to the current schema."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.storage.compression import prefer_compression
from app.storage.engine import asyncpg_url
from app.storage.upkeep.partitions import DAYS_AHEAD, ensure_partitions

__all__ = ["alembic_config", "upgrade"]

_SCRIPTS = Path(__file__).resolve().parents[3] / "migrations"


def alembic_config(database_url: str) -> Config:
    """Return alembic's configuration for one database, without any file of settings."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["database_url"] = asyncpg_url(database_url)
    return config


def upgrade(database_url: str) -> None:
    """Apply every pending migration, then see to compression and to today's partitions; safe to call at once.

    Blocks; not to be called from a running event loop.
    """
    command.upgrade(alembic_config(database_url), "head")
    asyncio.run(_prepare(database_url))


async def _prepare(database_url: str) -> None:
    engine = create_async_engine(asyncpg_url(database_url), poolclass=NullPool)
    try:
        await prefer_compression(engine)
        today = datetime.now(UTC).date()
        await ensure_partitions(engine, today - timedelta(days=1), today + timedelta(days=DAYS_AHEAD))
    finally:
        await engine.dispose()
