"""`llm-monitor migrate`: bring a database to the current schema before replicas use it."""

from __future__ import annotations

import typer

from app.config import load_settings
from app.errors import StartupError
from app.local.database import prepare_database
from app.local.first_key import make_first_key

__all__ = ["migrate"]


def migrate() -> None:
    """Apply pending migrations to DATABASE_URL. Replicas may call it at once, and again.

    With LLM_MONITOR_FIRST_KEY, the first call makes an admin key and prints it.
    """
    settings = load_settings()
    database_url = settings.database_url
    if database_url is None:
        raise StartupError("DATABASE_URL is not set: a local stack migrates its own database when it starts")
    prepare_database(database_url)
    typer.echo("the database has the current schema")
    if key := make_first_key(settings, database_url):
        typer.echo(f"the first admin key, shown only this once and kept in {settings.first_key}:\n{key}")
