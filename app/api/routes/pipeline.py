"""Where every accepted record is."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.dependencies import Reading, Serving
from app.ingest.outage import redis_required
from app.reports.pipeline import PipelineReport, read_pipeline

__all__ = ["router"]

router = APIRouter(prefix="/pipeline", tags=["pipeline"])


@router.get("")
async def get_pipeline(connection: Reading, serving: Serving) -> PipelineReport:
    """Tell what became of every accepted record, and how long the queue is."""
    with redis_required():
        return await read_pipeline(connection, serving.redis, serving.clock())
