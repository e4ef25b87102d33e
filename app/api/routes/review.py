"""The route that hands out the calls that wait for a person."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from app.api.administration import line_of
from app.api.dependencies import Project, Serving
from app.api.operations import REVIEW_SHOWN
from app.api.responses import json_response
from app.api.reviewing import ReviewList
from app.api.traces import CallQuery
from app.catalogue import read_judges
from app.ingest.outage import redis_required
from app.review.queue import queue_of
from app.storage.engine import writing
from app.storage.traces.reviewing import claim_traces

__all__ = ["router"]

router = APIRouter(prefix="/review", tags=["review"])

_CLAIMED_FOR = timedelta(minutes=10)


class ReviewQuery(CallQuery):
    """The parameters of GET /review/next: which calls, how many, and who asks.

    Without `filter` and `is_safe`, the rules of the project choose the calls (`review` of its
    settings); unless it decided otherwise, they are those with a flag.
    """

    limit: Annotated[int, Field(ge=1, le=50)] = 10
    reviewer: Annotated[
        str, Field(max_length=64, pattern=r"^[\w.-]*$", description="Tells apart those who share a key.")
    ] = ""


@router.get("/next", **REVIEW_SHOWN)
async def get_next(
    request: Request, serving: Serving, project: Project, query: Annotated[ReviewQuery, Query()]
) -> Response:
    """Claim the newest calls that wait for a label. No other reviewer gets them for ten minutes.

    Where the project asks for several raters, a call waits for as many, and never twice for one.
    Asking again prolongs the claims of the same key and `reviewer`. They count among `limit`.
    """
    line = line_of(request, serving, project)
    chosen = query.chosen(line.now, partial(serving.privacy.stored_forms, project))
    settings = await serving.projects.find(project)
    if query.filter is None and query.is_safe is None:
        with redis_required():
            judges = await read_judges(serving.redis)
        chosen = chosen & queue_of(settings, judges)
    until = line.now + _CLAIMED_FOR
    claimant = f"{line.actor}\n{query.reviewer}"
    async with writing(serving.engine) as connection:
        found = await claim_traces(
            connection,
            project,
            chosen,
            claimant,
            now=line.now,
            until=until,
            limit=query.limit,
            raters=settings.review.raters,
        )
    answer = json_response(ReviewList(traces=tuple(found), claimed_until=until))
    answer.headers["Cache-Control"] = "no-store"
    return answer
