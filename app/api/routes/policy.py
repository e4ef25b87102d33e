"""By which thresholds and weights a project's records are judged."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from app.api.administration import line_of
from app.api.dependencies import Project, Reading, Serving, Writing
from app.api.models import read_model
from app.api.openapi import POLICY_BODY
from app.api.periods import Period
from app.api.thresholds import PolicyIn
from app.catalogue import read_judges
from app.ingest.outage import redis_required
from app.policies import PolicyReport, change_policy, propose_thresholds, read_policy
from app.schemas.catalogue import Judge
from monitoring.calibration import Proposal
from monitoring.verdict import Policy

__all__ = ["router"]

router = APIRouter(prefix="/policy", tags=["policy"])


async def read_changes(request: Request, serving: Serving) -> PolicyIn:
    """Read a policy under the same rules for bodies as records; raises RequestValidationError."""
    return await read_model(request, PolicyIn, limit=serving.settings.max_body_bytes)


Changes = Annotated[PolicyIn, Depends(read_changes)]


async def _judges(serving: Serving) -> tuple[Judge, ...]:
    with redis_required():
        return await read_judges(serving.redis)


@router.get("")
async def get_policy(connection: Reading, serving: Serving, project: Project) -> PolicyReport:
    """Tell the thresholds and weights of every evaluator, the project's own beside everybody's."""
    return await read_policy(connection, project, await _judges(serving))


@router.put("", **POLICY_BODY)
async def put_policy(
    request: Request, body: Changes, connection: Writing, serving: Serving, project: Project
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
