"""The period of time that a request asks about, and which calls of it."""

from __future__ import annotations

from datetime import UTC, tzinfo
from functools import partial
from typing import Annotated, Final, Literal

from fastapi import Depends, Query

from app.api.dependencies import Project, Serving
from app.errors import InvalidParameter
from app.filters import parse_filter
from app.filters.grouping import MOST_DIMENSIONS, parse_group_by
from app.filters.owners import with_stored_forms
from app.filters.tokens import MOST_CHARACTERS
from app.reports.answers import DEFAULT_TOP, Asked
from app.storage.traces.sampling import Chosen
from monitoring.statistics.trends import Window, window_of
from monitoring.statistics.zones import LONGEST_NAME, read_zone

__all__ = ["Choice", "Period", "Question", "SourceName"]

_MOST_GROUPS: Final = 100

SourceName = Annotated[
    Literal["live", "evaluate", "import"],
    Query(description="Source of the records: live traffic by default."),
]


FilterText = Annotated[
    str | None,
    Query(
        alias="filter",
        max_length=MOST_CHARACTERS,
        description="Such as: user = ada and (flag = toxicity or metadata.team = search).",
    ),
]


async def _window(
    serving: Serving,
    time_period: Annotated[
        str, Query(description="A number and m, h, d or w: 15m, 1h, 24h, 7d, 30d, 90d.", max_length=16)
    ] = "24h",
) -> Window:
    try:
        return window_of(time_period, serving.clock())
    except ValueError as error:
        raise InvalidParameter(
            f"time_period: {error}.", errors=[{"field": "time_period", "message": str(error)}]
        ) from error


async def _zone(
    tz: Annotated[
        str,
        Query(
            description="The time zone of days: a name such as Europe/Berlin, or an offset such as +05:45.",
            max_length=LONGEST_NAME,
        ),
    ] = "UTC",
) -> tzinfo:
    if tz == "UTC":
        return UTC
    try:
        return read_zone(tz)
    except ValueError as error:
        raise InvalidParameter(f"tz: {error}.", errors=[{"field": "tz", "message": str(error)}]) from error


Period = Annotated[Window, Depends(_window)]


async def _asked(
    serving: Serving,
    project: Project,
    window: Period,
    zone: Annotated[tzinfo, Depends(_zone)],
    source: SourceName = "live",
    chosen: FilterText = None,
    group_by: Annotated[
        list[str] | None,
        Query(
            max_length=MOST_DIMENSIONS,
            description="One or two of model, provider, user, session, tag, template and metadata.KEY.",
        ),
    ] = None,
    top: Annotated[
        int, Query(ge=1, le=_MOST_GROUPS, description="Groups that are listed. The rest is one sum.")
    ] = DEFAULT_TOP,
) -> Asked:
    forms = partial(serving.privacy.stored_forms, project)
    wanted = with_stored_forms(parse_filter(chosen or ""), forms)
    return Asked(Chosen(project, window, source, wanted), parse_group_by(group_by or ()), top, zone)


async def _chosen(
    serving: Serving,
    project: Project,
    window: Period,
    source: SourceName = "live",
    chosen: FilterText = None,
) -> Chosen:
    forms = partial(serving.privacy.stored_forms, project)
    return Chosen(project, window, source, with_stored_forms(parse_filter(chosen or ""), forms))


Choice = Annotated[Chosen, Depends(_chosen)]
"""The calls of a report that a filter lets pass."""
Question = Annotated[Asked, Depends(_asked)]
"""The window, source, filter and fields of a report."""
