"""The admin passwords of projects, as hashes."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import passwords

__all__ = ["Password", "read_passwords", "save_password"]


class Password(NamedTuple):
    """A password's argon2 hash, and when it was set."""

    hash: str
    set_at: datetime


async def read_passwords(connection: AsyncConnection) -> dict[str, Password]:
    """Return the password of every project that has one, by project."""
    rows = await connection.execute(select(passwords.c.project_id, passwords.c.hash, passwords.c.set_at))
    return {row.project_id: Password(row.hash, row.set_at) for row in rows}


async def save_password(connection: AsyncConnection, project_id: str, password: Password) -> None:
    """Set or replace a project's password; the project must exist."""
    fields = password._asdict()
    statement = insert(passwords).values(project_id=project_id, **fields)
    await connection.execute(statement.on_conflict_do_update(index_elements=["project_id"], set_=fields))
