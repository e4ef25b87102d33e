"""By which thresholds and weights a project's records are judged."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from app.api.administration import line_of
from app.api.dependencies import Project, Reading, Serving, Writing
from app.api.periods import Period
from app.catalogue import read_judges
from app.ingest.outage import redis_required
from app.policies import PolicyReport, change_policy, propose_thresholds, read_policy
from app.schemas.catalogue import Judge
from monitoring.bounds import MOST_WEIGHT
from monitoring.calibration import Proposal
from monitoring.verdict import Policy

__all__ = ["router"]

router = APIRouter(prefix="/policy", tags=["policy"])

Threshold = Annotated[float, Field(gt=0, lt=1)]
Weight = Annotated[float, Field(ge=0, le=MOST_WEIGHT)]


class PolicyIn(BaseModel):
    """A project's own thresholds and weights by evaluator; what is left out is as for everybody."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    thresholds: dict[str, Threshold] = {}
    weights: dict[str, Weight] = {}


async def _judges(serving: Serving) -> tuple[Judge, ...]:
    with redis_required():
        return await read_judges(serving.redis)


@router.get("")
async def get_policy(connection: Reading, serving: Serving, project: Project) -> PolicyReport:
    """Tell the thresholds and weights of every evaluator, the project's own beside everybody's."""
    return await read_policy(connection, project, await _judges(serving))


@router.put("")
async def put_policy(
    request: Request, body: PolicyIn, connection: Writing, serving: Serving, project: Project
) -> PolicyReport:
    """Replace the project's own thresholds and weights; new records are judged by them within seconds."""
    changes = Policy(thresholds=body.thresholds, weights=body.weights)
    line = line_of(request, serving, project)
    return await change_policy(connection, line, await _judges(serving), changes)


@router.get("/proposal")
async def get_proposal(
    connection: Reading,
    serving: Serving,
    project: Project,
    window: Period,
    rate: Annotated[float, Query(description="Share of records that may lie beyond, 0..1.")] = 0.01,
) -> dict[str, Proposal]:
    """Propose thresholds from the project's own traffic; nothing is changed."""
    return await propose_thresholds(connection, project, await _judges(serving), rate, window.start)
