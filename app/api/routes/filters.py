"""The route that tells what a filter may name."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.dependencies import Project, Serving
from app.api.filters import FieldList, list_fields
from app.catalogue import read_judges
from app.ingest.outage import redis_required

__all__ = ["router"]

router = APIRouter(prefix="/filters", tags=["filters"])


@router.get("/fields")
async def get_fields(serving: Serving, _: Project) -> FieldList:
    """List the fields that a filter may name, with their types, operators and values."""
    with redis_required():
        judges = await read_judges(serving.redis)
    return list_fields([judge.name for judge in judges])
