"""By which thresholds and weights a project's records are judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from app.access.decisions import SETTINGS_BYTES, Match
from app.api.administration import line_of
from app.api.dependencies import Project, Reading, Services, Serving
from app.api.models import read_model
from app.api.openapi import policy_body
from app.api.periods import Period
from app.api.thresholds import PolicyIn, Threshold, Weight
from app.catalogue import read_judges
from app.ingest.outage import redis_required
from app.policies import PolicyReport, change_policy, propose_thresholds, read_policy, read_policy_tag
from app.schemas.catalogue import Judge
from app.storage.engine import writing
from monitoring.statistics.calibration import Proposal
from monitoring.verdict import Policy

__all__ = ["router"]

router = APIRouter(prefix="/policy", tags=["policy"])


class PolicyPatch(BaseModel):
    """Thresholds and weights to change, by evaluator; null takes back what was decided."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    thresholds: dict[str, Threshold | None] | None = {}
    weights: dict[str, Weight | None] | None = {}

    def apply(self, own: Policy) -> Policy:
        """Return a policy with the changes made."""
        return Policy(_merge(own.thresholds, self.thresholds), _merge(own.weights, self.weights))


def _merge(own: Mapping[str, float], changes: Mapping[str, float | None] | None) -> dict[str, float]:
    if changes is None:
        return {}
    return {name: value for name, value in {**own, **changes}.items() if value is not None}


async def _judges(serving: Services) -> tuple[Judge, ...]:
    with redis_required():
        return await read_judges(serving.redis)


@router.get("")
async def get_policy(
    connection: Reading, serving: Serving, project: Project, response: Response
) -> PolicyReport:
    """Tell the thresholds and weights of every evaluator, the project's own beside everybody's, with an ETag for PUT."""
    response.headers["ETag"] = await read_policy_tag(connection, project)
    return await read_policy(connection, project, await _judges(serving))


@router.put("", **policy_body(PolicyIn, replaces=True))
async def put_policy(
    request: Request, serving: Serving, project: Project, response: Response
) -> PolicyReport:
    """Replace the project's own thresholds and weights; new records are judged by them within seconds.

    What the body leaves out is as for everybody then, so the request says in If-Match which policy it replaces:
    428 without, 412 where it was changed meanwhile.
    """
    body = await read_model(request, PolicyIn, limit=SETTINGS_BYTES)
    match = Match(request.headers.get("if-match"))
    return await _change(
        request, serving, project, response, lambda _: Policy(body.thresholds, body.weights), match
    )


@router.patch("", **policy_body(PolicyPatch, replaces=False))
async def patch_policy(
    request: Request, serving: Serving, project: Project, response: Response
) -> PolicyReport:
    """Change some of the project's own thresholds and weights; null takes one back, and what is left out stays."""
    body = await read_model(request, PolicyPatch, limit=SETTINGS_BYTES)
    sent = request.headers.get("if-match")
    return await _change(
        request, serving, project, response, body.apply, None if sent is None else Match(sent)
    )


async def _change(
    request: Request,
    serving: Services,
    project: str,
    response: Response,
    change: Callable[[Policy], Policy],
    match: Match | None,
) -> PolicyReport:
    line, judges = line_of(request, serving, project), await _judges(serving)
    async with writing(serving.engine) as connection:
        report = await change_policy(connection, line, judges, change, match=match)
        response.headers["ETag"] = await read_policy_tag(connection, project)
    return report


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
