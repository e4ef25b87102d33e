"""Figures of a time window, read from rollups."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.dependencies import Figures, Project, Serving
from app.api.periods import Period, SourceName
from app.catalogue import read_raisers
from app.reports.cost import CostReport, read_cost
from app.reports.quality import QualityReport, read_quality
from app.reports.relevance import RelevanceReport, read_relevance
from app.reports.safety import SafetyReport, read_safety

__all__ = ["router"]

router = APIRouter(prefix="/metrics", tags=["metrics"])


@router.get("/quality")
async def get_quality(
    connection: Figures, project: Project, window: Period, source: SourceName = "live"
) -> QualityReport:
    """Tell how good responses were: overall, over time, by model and by evaluator."""
    return await read_quality(connection, project, window, source)


@router.get("/safety")
async def get_safety(
    connection: Figures, serving: Serving, project: Project, window: Period, source: SourceName = "live"
) -> SafetyReport:
    """Tell how safe responses were: violations, flags, trend, and where flags gather."""
    raisers = await read_raisers(serving.redis)
    return await read_safety(connection, project, window, source, raisers=raisers)


@router.get("/cost")
async def get_cost(
    connection: Figures, project: Project, window: Period, source: SourceName = "live"
) -> CostReport:
    """Tell what calls cost, what was most expensive, what would save, and what a month comes to."""
    return await read_cost(connection, project, window, source)


@router.get("/relevance")
async def get_relevance(
    connection: Figures, project: Project, window: Period, source: SourceName = "live"
) -> RelevanceReport:
    """Tell how relevant responses were and which topics they were about."""
    return await read_relevance(connection, project, window, source)
