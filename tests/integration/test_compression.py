from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from app.storage.compression import PREFERRED, prefer_compression
from app.storage.engine import Engine, create_engine, reading

SETTING = "SELECT setting || ' of ' || source FROM pg_settings WHERE name = 'default_toast_compression'"
ABLE = "SELECT :method = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"


@pytest.fixture
async def engine(empty_database_url: str) -> AsyncIterator[Engine]:
    engine = create_engine(empty_database_url, application="test")
    yield engine
    await engine.dispose()


async def ask(engine: Engine, question: str, **parameters: str) -> object:
    """The answer of a session that began just now."""
    await engine.dispose()
    async with reading(engine) as connection:
        return await connection.scalar(text(question), parameters)


async def order(engine: Engine, statement: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(statement))


# Every server can do pglz: what is tried with it is what lz4 gets where a server has it.
async def test_new_sessions_compress_as_preferred_and_a_second_time_changes_nothing(engine: Engine) -> None:
    assert await ask(engine, SETTING) == "pglz of default"
    assert await prefer_compression(engine, "pglz")
    assert await ask(engine, SETTING) == "pglz of database"
    assert not await prefer_compression(engine, "pglz")


async def test_what_the_server_cannot_do_is_left_alone(engine: Engine) -> None:
    assert not await prefer_compression(engine, "zlib")
    assert await ask(engine, SETTING) == "pglz of default"


async def test_lz4_is_used_just_where_the_server_has_it(engine: Engine) -> None:
    able = await ask(engine, ABLE, method=PREFERRED)
    assert await prefer_compression(engine) == able
    assert await ask(engine, SETTING) == ("lz4 of database" if able else "pglz of default")


async def test_the_choice_of_an_operator_stays(engine: Engine) -> None:
    name = await ask(engine, "SELECT quote_ident(current_database())")
    await order(engine, f"ALTER DATABASE {name} SET default_toast_compression = 'pglz'")
    assert not await prefer_compression(engine, "pglz")


async def test_the_database_of_somebody_else_is_left_alone(engine: Engine) -> None:
    await order(engine, "CREATE ROLE guest_of_compression")
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SET SESSION AUTHORIZATION guest_of_compression"))
            await connection.commit()
            assert await connection.scalar(text("SELECT current_user")) == "guest_of_compression"
        # The one connection of the pool is that of the guest now.
        assert not await prefer_compression(engine, "pglz")
    finally:
        await engine.dispose()
        await order(engine, "DROP ROLE guest_of_compression")
    assert await ask(engine, SETTING) == "pglz of default"
