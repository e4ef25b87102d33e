"""The route that accounts for every accepted record."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.dependencies import Caller, Reading, Serving
from app.ingest.outage import redis_required
from app.reports.pipeline import PipelineReport, read_pipeline

__all__ = ["router"]

router = APIRouter(prefix="/pipeline", tags=["pipeline"])


@router.get("")
async def get_pipeline(connection: Reading, serving: Serving, caller: Caller) -> PipelineReport:
    """Report the outcome of every accepted record of the project, and how long the queue is.

    An admin key of the project `default` sees every project.
    """
    with redis_required():
        report = await read_pipeline(connection, serving.redis, serving.clock())
    return report if caller.operator else report.only(caller.project_id)
