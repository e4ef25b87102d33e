"""Figures for Prometheus: an exact route, because a mounted application would shadow /metrics/quality."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.api.dependencies import Caller, Reading, Serving
from app.api.readiness import all_tasks
from app.ingest.outage import redis_required
from app.reports.pipeline import read_pipeline

__all__ = ["router"]

router = APIRouter(tags=["metrics"])


@router.get("/metrics", response_class=Response)
async def get_metrics(connection: Reading, serving: Serving, caller: Caller) -> Response:
    """Answer a scrape in Prometheus' text format; records are those of the projects that the key may see."""
    with redis_required():
        report = await read_pipeline(connection, serving.redis, serving.clock())
    shown = report if caller.operator else report.only(caller.project_id)
    tasks, disk = await all_tasks(serving), serving.ingest.admission.disk
    return Response(serving.instruments.render(shown, tasks, disk.free), media_type=CONTENT_TYPE_LATEST)
