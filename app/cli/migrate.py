"""`llm-monitor migrate`: bring a database to the current schema before replicas use it."""

from __future__ import annotations

import typer

from app.config import load_settings
from app.errors import StartupError
from app.local.database import prepare_database

__all__ = ["migrate"]


def migrate() -> None:
    """Apply pending migrations to DATABASE_URL. Replicas may call it at once, and again."""
    database_url = load_settings().database_url
    if database_url is None:
        raise StartupError("DATABASE_URL is not set: a local stack migrates its own database when it starts")
    prepare_database(database_url)
    typer.echo("the database has the current schema")
