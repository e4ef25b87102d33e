"""The audit log."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.api.administration import AuditPage, describe_act
from app.api.dependencies import Caller, Reading
from app.api.openapi import AUDIT_SHOWN
from app.api.responses import json_response
from app.storage.access.audit import read_acts

__all__ = ["router"]

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("", **AUDIT_SHOWN)
async def get_audit(
    connection: Reading,
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
) -> Response:
    """List acts of administration, the newest first: of the key's project, or for an operator of all."""
    project_id = None if caller.operator else caller.project_id
    acts = await read_acts(connection, project_id, before=before, limit=limit + 1)
    shown = tuple(describe_act(act) for act in acts[:limit])
    return json_response(AuditPage(shown, shown[-1].act_id if len(acts) > limit else None))
