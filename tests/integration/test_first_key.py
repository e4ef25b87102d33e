"""The admin key of a first start: made once, kept in a file, and only where nobody has a key."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.errors import StartupError
from app.local.first_key import make_first_key
from app.schemas.keys import Key
from app.storage.access.keys import read_keys
from app.storage.access.passwords import Password, save_password
from app.storage.engine import create_engine, reading, writing
from monitoring.clock import now_utc
from tests.integration.test_commands import run_command


async def make(settings: Settings, database_url: str) -> str | None:
    return await asyncio.to_thread(make_first_key, settings, database_url)


async def keys(database_url: str) -> list[Key]:
    engine = create_engine(database_url, pool_size=1, application="test")
    try:
        async with reading(engine) as connection:
            return await read_keys(connection)
    finally:
        await engine.dispose()


def wanted(folder: Path, **fields: Any) -> Settings:
    return Settings(first_key=folder / "admin-key", **fields)


async def test_a_first_start_makes_one_admin_key_and_later_starts_none(
    database_url: str, tmp_path: Path
) -> None:
    text = await make(wanted(tmp_path), database_url)
    file = tmp_path / "admin-key"
    assert file.read_text() == f"{text}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    (key,) = await keys(database_url)
    assert (key.prefix, key.scopes) == (text[:15], ("admin",))
    file.unlink()
    assert await make(wanted(tmp_path), database_url) is None
    assert not file.exists()
    assert len(await keys(database_url)) == 1


async def test_of_replicas_that_start_at_once_one_makes_the_key(database_url: str, tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    made = await asyncio.gather(*(make(wanted(folder), database_url) for folder in folders))
    (text,) = [each for each in made if each]
    assert [(folder / "admin-key").exists() for folder in folders] == [each == text for each in made]
    assert len(await keys(database_url)) == 1


async def test_where_everybody_may_enter_or_nothing_is_wanted_no_key_is_made(
    database_url: str, tmp_path: Path
) -> None:
    assert await make(wanted(tmp_path, allow_anonymous=True), database_url) is None
    assert await make(Settings(), database_url) is None
    assert await keys(database_url) == []


async def test_who_has_a_password_already_gets_no_key(database_url: str, tmp_path: Path) -> None:
    engine = create_engine(database_url, pool_size=1, application="test")
    async with writing(engine) as connection:
        await save_password(connection, "default", Password("hash", now_utc()))
    await engine.dispose()
    assert await make(wanted(tmp_path), database_url) is None


async def test_a_key_that_cannot_be_kept_is_not_made(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="set LLM_MONITOR_FIRST_KEY to a file"):
        await make(wanted(tmp_path / "missing"), database_url)
    assert await keys(database_url) == []
    assert await make(wanted(tmp_path), database_url)


async def test_migrating_replicas_print_the_key_once(database_url: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": database_url, "LLM_MONITOR_FIRST_KEY": str(tmp_path / "admin-key")}
    first = await asyncio.to_thread(run_command, "migrate", **settings)
    again = await asyncio.to_thread(run_command, "migrate", **settings)
    assert first.returncode == again.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-1] == (tmp_path / "admin-key").read_text().strip()
    assert again.stdout == "the database has the current schema\n"
