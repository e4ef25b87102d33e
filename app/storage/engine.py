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

from app.errors import Unavailable

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
    "is_overflow",
    "is_refusal",
    "is_timeout",
    "reading",
    "writing",
]

# The rooms above speak of these and never of SQLAlchemy itself.
Engine = AsyncEngine
Connection = AsyncConnection
DATABASE_ERRORS = (DBAPIError, asyncpg.PostgresError)
# What inserting raises when the data, not the server, is at fault; ask `is_refusal` too.
REFUSALS = (*DATABASE_ERRORS, ValueError, TypeError, OverflowError)

# Classes of SQLSTATE that speak of the values: data, constraints, size, a trigger's own, an internal limit.
_CANCELLED_STATE = "57014"  # query_canceled, as by statement_timeout
_OVERFLOW_STATE = "22003"  # numeric_value_out_of_range
_DATA_STATES = ("22", "23", "54", "P0", "XX000")
_OUTAGE_STATES = ("08", "53", "57P", "58")  # connection, resources, operator intervention, system
_RETRY_SECONDS = 2
_ANSWER_SECONDS = 5


def asyncpg_url(database_url: str) -> str:
    """Return the address with SQLAlchemy's asyncpg driver named, whatever driver it named before."""
    return make_url(database_url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def create_engine(database_url: str, *, pool_size: int = 5, application: str) -> AsyncEngine:
    """Return a lazily connecting pool of at most `pool_size` connections, named `application` in Postgres."""
    return create_async_engine(
        asyncpg_url(database_url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,  # an error must not carry what people wrote into a log
        connect_args={
            "timeout": 5,
            "server_settings": {
                "application_name": application,
                "jit": "off",
                "timezone": "UTC",
                # Reports read thousands of rows: starting helpers would take longer, and cores from ingest.
                "max_parallel_workers_per_gather": "0",
            },
        },
    )


def is_outage(error: BaseException) -> bool:
    """Tell whether an error says that Postgres cannot be used now, rather than that the data is bad."""
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
    """Tell whether the values themselves are refused; only then may a record be blamed and given up.

    A server that is read-only, lacks a table, a right or a password refuses everything for a while, and
    records wait for it as they wait for one that is away.
    """
    if isinstance(error, DATABASE_ERRORS):
        cause = error.orig if isinstance(error, DBAPIError) else error
        return (getattr(cause, "sqlstate", None) or "").startswith(_DATA_STATES)
    return isinstance(error, ValueError | TypeError | OverflowError)


def is_overflow(error: BaseException) -> bool:
    """Tell whether an error says that a sum cannot be taken."""
    return isinstance(error, OverflowError) or _state(error) == _OVERFLOW_STATE


def is_timeout(error: BaseException) -> bool:
    """Tell whether a statement took longer than it may."""
    return _state(error) == _CANCELLED_STATE


def _state(error: BaseException) -> str | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlstate", None)


async def asyncpg_connection(connection: AsyncConnection) -> asyncpg.Connection:
    """Return the driver's own connection, for COPY, inside the transaction that SQLAlchemy has begun.

    SQLAlchemy begins one at its first statement; before that the driver would commit by itself, so that
    is refused with RuntimeError.
    """
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    if driver is None or not driver.is_in_transaction():
        raise RuntimeError("the driver was asked for before the transaction had begun")
    return driver


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a connection for queries; raises Unavailable when Postgres cannot be used now."""
    try:
        async with engine.connect() as connection:
            yield connection
    except Exception as error:
        if is_outage(error):
            raise Unavailable(
                "The database does not answer; try again shortly.", retry_after=_RETRY_SECONDS
            ) from error
        raise


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a connection in a transaction that commits at the end of the block.

    Raises Unavailable when Postgres cannot be used now; nothing is kept then.
    """
    try:
        async with engine.begin() as connection:
            yield connection
    except Exception as error:
        if is_outage(error):
            raise Unavailable(
                "The database does not answer and nothing was kept; try again shortly.",
                retry_after=_RETRY_SECONDS,
            ) from error
        raise


async def answers(engine: AsyncEngine) -> bool:
    """Tell whether Postgres can be used now; no answer within five seconds is none."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS), engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except Exception as error:
        if is_outage(error):
            return False
        raise
    return True
