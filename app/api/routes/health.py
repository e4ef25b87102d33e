"""Whether this process lives, and whether everything it needs does."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from app.api.dependencies import Serving
from app.api.readiness import check_readiness
from app.api.version import SERVICE, VERSION
from app.reports.readiness import Readiness

__all__ = ["router"]

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    model_config = ConfigDict(frozen=True)

    status: Literal["healthy"]
    timestamp: AwareDatetime
    service: str
    version: str


@router.get("/health")
async def get_health(serving: Serving) -> Health:
    """Tell that this process answers, whatever the state of its servers."""
    return Health(status="healthy", timestamp=serving.clock(), service=SERVICE, version=VERSION)


@router.get("/health/ready", responses={503: {"model": Readiness, "description": "Something is missing"}})
async def get_readiness(serving: Serving, response: Response) -> Readiness:
    """Tell whether Postgres, Redis and at least one worker answer, how long the queue is, and which tasks fail."""
    readiness = await check_readiness(serving)
    if readiness.status not in {"ready", "degraded"}:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return readiness
