"""`llm-monitor urls`: where the database and Redis of the local stack are."""

from __future__ import annotations

import typer

from app.config import load_settings
from app.local.servers import Addresses, read_addresses

__all__ = ["urls"]


def urls() -> None:
    """Print DATABASE_URL and REDIS_URL of the running local stack, as psql and redis-py take them."""
    settings = load_settings()
    found = Addresses(settings.database_url, settings.redis_url)
    if None in (settings.database_url, settings.redis_url):
        found = read_addresses(settings.data_dir)
    typer.echo(f"DATABASE_URL={settings.database_url or found.database_url}")
    typer.echo(f"REDIS_URL={settings.redis_url or found.redis_url}")
