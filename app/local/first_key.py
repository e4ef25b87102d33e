"""The admin key that a first start makes, so that a new server is open to nobody."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

from app.config import Settings
from app.errors import StartupError

__all__ = ["make_first_key"]


def make_first_key(settings: Settings, database_url: str) -> str | None:
    """Make an admin key if no key and no password was ever made, and write it to `first_key`.

    Returns its text, None if none is wanted or there was one. Of several replicas that start at
    once, one makes it. Raises StartupError when the file cannot be written; then no key was made.
    """
    if settings.first_key is None or settings.allow_anonymous:
        return None
    return asyncio.run(_make(database_url, settings.first_key.absolute()))


async def _make(database_url: str, path: Path) -> str | None:
    # Imported here, because these take half a second and most starts of a checkout need no key.
    from app.access.administration import KeyRequest, Line, issue_key
    from app.local.clients import command_actor
    from app.schemas.projects import DEFAULT_PROJECT
    from app.storage.access.keys import read_standing_keys
    from app.storage.access.passwords import read_passwords
    from app.storage.access.projects import lock_settings
    from app.storage.engine import create_engine, writing

    now = datetime.now(UTC)
    engine = create_engine(database_url, pool_size=1, application="llm-monitor-first-key")
    try:
        async with writing(engine) as connection:
            await lock_settings(connection, DEFAULT_PROJECT)
            if await read_standing_keys(connection, now) or await read_passwords(connection):
                return None
            request = KeyRequest(name="first key", scopes=("admin",))
            _, text = await issue_key(connection, Line(DEFAULT_PROJECT, command_actor(), now), request)
            # A crash before the commit leaves a key that is unknown. The next start replaces it.
            _write(path, text)
            return text
    finally:
        await engine.dispose()


def _write(path: Path, text: str) -> None:
    staging = path.with_name(f".{path.name}.new")
    try:
        staging.unlink(missing_ok=True)
        # Prometheus, which runs beside it under an account of its own, reads it by the group.
        descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        staging.replace(path)
    except OSError as error:
        raise StartupError(
            f"the first key cannot be written to {path} ({error.strerror}): set LLM_MONITOR_FIRST_KEY to a file "
            "in a folder that you may write to, or LLM_MONITOR_ALLOW_ANONYMOUS=1 to let everybody in without a key"
        ) from error
