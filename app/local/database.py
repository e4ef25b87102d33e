"""Bringing the stack's database to the current schema before anything uses it."""

from __future__ import annotations

from importlib import import_module
from urllib.parse import urlsplit

from app.errors import StartupError

__all__ = ["load_migrations", "prepare_database"]

SCHEMES = frozenset({"postgres", "postgresql", "postgresql+asyncpg"})

REFUSALS = ("08", "28", "3D", "42501", "53", "57P")
"""SQLSTATE classes that say the server is reached but does not let us in, or not far enough."""


def load_migrations() -> None:
    """Import what `prepare_database` needs, which takes half a second better spent while servers start."""
    import_module("app.storage.upkeep.migrate")


def prepare_database(database_url: str) -> None:
    """Apply pending migrations; StartupError when the address is wrong or the server refuses us."""
    if urlsplit(database_url).scheme not in SCHEMES:
        raise StartupError(
            "DATABASE_URL is no PostgreSQL address: write postgresql://user:password@host/name"
        )
    from app.storage.upkeep.migrate import upgrade

    try:
        upgrade(database_url)
    except Exception as error:
        if (reason := _refusal(error)) is None:
            raise
        raise StartupError(
            f"PostgreSQL at DATABASE_URL cannot be used ({reason}): check the address"
        ) from error


def _refusal(error: Exception) -> str | None:
    """Return why the server did not take us, None when the error says something else."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, OSError):
        return cause.strerror or str(cause) or type(cause).__name__
    state = getattr(cause, "sqlstate", None) or ""
    # SQLAlchemy's own wrapper repeats the class name of the driver's error in angle brackets.
    return str(cause).rpartition(">: ")[2].splitlines()[0] if state.startswith(REFUSALS) else None
