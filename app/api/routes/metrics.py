"""Routes for reports on a period of time, read from rollups."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.dependencies import Figures, Project, Serving
from app.api.periods import Choice, Period, Question, SourceName
from app.catalogue import read_judges, read_raisers
from app.ingest.outage import redis_required
from app.reports.agreement import AgreementReport, read_agreement
from app.reports.answers import (
    CostAnswer,
    QualityAnswer,
    SafetyAnswer,
    answer_cost,
    answer_quality,
    answer_safety,
)
from app.reports.models import ModelsReport, Subject, read_model_comparison
from app.reports.relevance import RelevanceReport, read_relevance

__all__ = ["router"]

router = APIRouter(prefix="/metrics", tags=["metrics"])


@router.get("/quality")
async def get_quality(connection: Figures, asked: Question) -> QualityAnswer:
    """Report how good responses were: overall, over time, by model and by evaluator."""
    return await answer_quality(connection, asked)


@router.get("/safety")
async def get_safety(connection: Figures, serving: Serving, asked: Question) -> SafetyAnswer:
    """Report how safe responses were: violations, flags, the trend, and where flags gather."""
    return await answer_safety(connection, asked, raisers=await read_raisers(serving.redis))


@router.get("/cost")
async def get_cost(connection: Figures, serving: Serving, asked: Question) -> CostAnswer:
    """Report what calls cost, which cost most, what could be saved, and the cost of a month."""
    return await answer_cost(connection, asked, looks=serving.looks)


@router.get("/models")
async def get_models(
    connection: Figures,
    serving: Serving,
    chosen: Choice,
    by: Annotated[Subject, Query(description="What is compared: models or prompt templates.")] = "model",
    compare: Annotated[
        list[Annotated[str, Query(max_length=512)]] | None,
        Query(min_length=2, max_length=2, description="Two names whose every figure is compared."),
    ] = None,
) -> ModelsReport:
    """Compare models or templates: requests, latency, errors, quality, safety and cost."""
    return await read_model_comparison(connection, chosen, by, compare or (), looks=serving.looks)


@router.get("/agreement")
async def get_agreement(connection: Figures, serving: Serving, chosen: Choice) -> AgreementReport:
    """Report how well evaluators agree with labels and feedback, and people with one another."""
    with redis_required():
        judges = await read_judges(serving.redis)
    return await read_agreement(connection, chosen, judges)


@router.get("/relevance")
async def get_relevance(
    connection: Figures, project: Project, window: Period, source: SourceName = "live"
) -> RelevanceReport:
    """Report how relevant responses were and which topics they were about."""
    return await read_relevance(connection, project, window, source)
