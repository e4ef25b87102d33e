"""`llm-monitor urls`: print the addresses of the local stack's database and Redis."""

from __future__ import annotations

import typer

from app.config import load_settings
from app.local.servers import running_addresses

__all__ = ["urls"]


def urls() -> None:
    """Print DATABASE_URL and REDIS_URL of the running local stack, for psql and redis-py."""
    found = running_addresses(load_settings())
    typer.echo(f"DATABASE_URL={found.database_url}")
    typer.echo(f"REDIS_URL={found.redis_url}")
