"""The audit log: acts of administration, appended and never changed."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import case, func, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.keys import Act
from app.storage.tables import audit_log

__all__ = ["add_act", "read_acts"]


_MOST_BYTES = 64 * 1024
_TOO_LARGE = literal({"left_out": "too large"}, JSONB)


async def add_act(connection: AsyncConnection, act: Act) -> None:
    """Append an act, in the transaction of what it tells of."""
    await connection.execute(
        insert(audit_log).values(
            project_id=act.project_id,
            act_id=act.act_id,
            actor=act.actor,
            act=act.act,
            subject=act.subject,
            detail=act.detail,
        )
    )


async def read_acts(
    connection: AsyncConnection,
    project_id: str | None = None,
    *,
    before: UUID | None = None,
    limit: int = 100,
) -> list[Act]:
    """Return the latest acts, of one project or of all, the newest first, only those before an act.

    A detail that takes more room than any that is written now is left out.
    """
    detail = audit_log.c.detail
    small = case((func.pg_column_size(detail) <= _MOST_BYTES, detail), else_=_TOO_LARGE).label("detail")
    found = (
        select(*(small if column.name == "detail" else column for column in audit_log.c))
        .order_by(audit_log.c.act_id.desc())
        .limit(limit)
    )
    if project_id is not None:
        found = found.where(audit_log.c.project_id == project_id)
    if before is not None:
        found = found.where(audit_log.c.act_id < before)
    return [
        Act(
            project_id=row.project_id,
            act_id=row.act_id,
            actor=row.actor,
            act=row.act,
            subject=row.subject,
            detail=row.detail,
        )
        for row in await connection.execute(found)
    ]
