"""Connections to Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.errors import MonitorError, Overdue, StorageFull, Unavailable

__all__ = [
    "DATABASE_ERRORS",
    "REFUSALS",
    "Connection",
    "Engine",
    "answers",
    "asyncpg_connection",
    "asyncpg_url",
    "create_engine",
    "is_outage",
    "is_overdue",
    "is_overflow",
    "is_refusal",
    "is_timeout",
    "limit_statements",
    "reading",
    "writing",
]

# Other rooms use these names and never SQLAlchemy itself.
Engine = AsyncEngine
Connection = AsyncConnection
DATABASE_ERRORS = (DBAPIError, asyncpg.PostgresError)
# What an insertion raises if the data is at fault and not the server. Ask `is_refusal` too.
REFUSALS = (*DATABASE_ERRORS, ValueError, TypeError, OverflowError)

# Classes of SQLSTATE about the values: data, constraints, size, a trigger's own, an internal limit.
_CANCELLED_STATE = "57014"  # query_canceled, as by statement_timeout
_OVERFLOW_STATE = "22003"  # numeric_value_out_of_range
_DATA_STATES = ("22", "23", "54", "P0", "XX000")
_OUTAGE_STATES = ("08", "53", "57P", "58")  # connection, resources, operator intervention, system
_CANCELED = "57014"  # the state of a statement that took too long
_DISK_FULL_STATE = "53100"
_RETRY_SECONDS = 2
_FULL_RETRY_SECONDS = 10
_ANSWER_SECONDS = 5
# A report over 400 days takes a second. A query of ten seconds delays everybody else.
_READING_SECONDS = 10
_WRITING_SECONDS = 60
# Folding and covering of a large store may take minutes, and nobody waits for it.
_WORKING_SECONDS = 900
_PATIENT = text(f"SET LOCAL statement_timeout = '{_WRITING_SECONDS}s'")
_WAITED_FOR = "waited_for"


def asyncpg_url(database_url: str) -> str:
    """Return the address with SQLAlchemy's asyncpg driver, whatever driver it named before."""
    return make_url(database_url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def create_engine(
    database_url: str, *, pool_size: int = 5, application: str, waited_for: bool = False
) -> AsyncEngine:
    """Return a lazily connecting pool of `pool_size` connections, named `application` in Postgres.

    Postgres ends a statement that takes longer than 15 minutes. Where clients wait for the result
    (`waited_for`), the limit is 10 seconds, and 60 within `writing`.
    """
    seconds = _READING_SECONDS if waited_for else _WORKING_SECONDS
    return create_async_engine(
        asyncpg_url(database_url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        execution_options={_WAITED_FOR: waited_for},
        hide_parameters=True,  # an error must not bring users' texts into a log
        connect_args={
            "timeout": 5,
            "server_settings": {
                "application_name": application,
                "jit": "off",
                "statement_timeout": f"{seconds}s",
                "timezone": "UTC",
                # Reports read thousands of rows. Parallel helpers would take longer to start, and
                # take cores from ingest.
                "max_parallel_workers_per_gather": "0",
            },
        },
    )


def is_outage(error: BaseException) -> bool:
    """Tell whether an error means that Postgres cannot be used now, not that the data is bad."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        return (
            error.connection_invalidated
            or state.startswith(_OUTAGE_STATES)
            or (not state and isinstance(error, OperationalError | InterfaceError))
        )
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_OUTAGE_STATES)
    return isinstance(error, OSError | PoolTimeoutError | asyncpg.InterfaceError | TimeoutError | Unavailable)


def is_refusal(error: BaseException) -> bool:
    """Tell whether the values themselves are refused.

    Only then may a record be blamed and given up. A server that is read-only, lacks a table, a
    right or a password refuses everything for a while. Records wait for it as they wait for a
    server that is away.
    """
    if isinstance(error, DATABASE_ERRORS):
        cause = error.orig if isinstance(error, DBAPIError) else error
        return (getattr(cause, "sqlstate", None) or "").startswith(_DATA_STATES)
    return isinstance(error, ValueError | TypeError | OverflowError)


def is_overflow(error: BaseException) -> bool:
    """Tell whether an error means that a sum is out of bounds."""
    return isinstance(error, OverflowError) or _state(error) == _OVERFLOW_STATE


def is_timeout(error: BaseException) -> bool:
    """Tell whether a statement took longer than it may."""
    return _state(error) == _CANCELLED_STATE


def _state(error: BaseException) -> str | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlstate", None)


async def asyncpg_connection(connection: AsyncConnection) -> asyncpg.Connection:
    """Return the driver's own connection, for COPY, inside the transaction of SQLAlchemy.

    SQLAlchemy begins one at its first statement. Before that the driver would commit by itself, so
    this is refused with RuntimeError.
    """
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    if driver is None or not driver.is_in_transaction():
        raise RuntimeError("the driver was requested before the transaction had begun")
    return driver


def is_overdue(error: BaseException) -> bool:
    """Tell whether Postgres ended a statement because it took too long."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _CANCELED


async def limit_statements(connection: AsyncConnection, seconds: int) -> None:
    """Let Postgres end statements that take longer, until the transaction ends."""
    await connection.execute(text(f"SET LOCAL statement_timeout = '{int(seconds)}s'"))


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a connection for queries.

    Raises Unavailable when Postgres cannot be used now, Overdue when a query takes too long.
    """
    try:
        async with engine.connect() as connection:
            yield connection
    except Exception as error:
        if is_overdue(error):
            raise Overdue(
                "The query took too long and was ended; ask for a shorter period.",
                retry_after=_RETRY_SECONDS,
            ) from error
        if is_outage(error):
            raise _disk_full(error) or Unavailable(
                "The database does not answer; try again shortly.", retry_after=_RETRY_SECONDS
            ) from error
        raise


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a connection in a transaction that commits at the end of the block.

    Raises Unavailable when Postgres cannot be used now, StorageFull when its disk is full, and
    Overdue when a statement takes too long. Nothing is stored then.
    """
    try:
        async with engine.begin() as connection:
            if engine.sync_engine.get_execution_options().get(_WAITED_FOR):
                await connection.execute(_PATIENT)
            yield connection
    except Exception as error:
        if is_overdue(error):
            raise Overdue(
                "The statement took too long and was ended, and nothing was stored; ask for less at once.",
                retry_after=_RETRY_SECONDS,
            ) from error
        if is_outage(error):
            raise _disk_full(error) or Unavailable(
                "The database does not answer, and nothing was stored; try again shortly.",
                retry_after=_RETRY_SECONDS,
            ) from error
        raise


def _disk_full(error: Exception) -> MonitorError | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if getattr(cause, "sqlstate", None) != _DISK_FULL_STATE:
        return None
    return StorageFull(
        "The disk of the database is full, and nothing was stored; make room there, and try again later.",
        retry_after=_FULL_RETRY_SECONDS,
    )


async def answers(engine: AsyncEngine) -> bool:
    """Tell whether Postgres can be used now. It must answer within five seconds."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS), engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except Exception as error:
        if is_outage(error):
            return False
        raise
    return True
