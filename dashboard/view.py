"""What a page shows, as its address says it: project, period and source of the records."""

from __future__ import annotations

from typing import NamedTuple, get_args
from urllib.parse import parse_qs

from app.schemas.queued import Source
from dashboard.seat import seated_project
from monitoring.trends import parse_period

__all__ = ["DEFAULT_PERIOD", "PERIODS", "View", "read_view"]

PERIODS = ("15m", "1h", "24h", "7d", "30d", "90d")
DEFAULT_PERIOD = "24h"
_DEFAULT_SOURCE: Source = "live"


class View(NamedTuple):
    """The part of the data that a page is about."""

    project_id: str = "default"
    period: str = DEFAULT_PERIOD
    source: Source = _DEFAULT_SOURCE


def read_view(search: str | None) -> View:
    """Read the query part of an address; what is missing or not offered takes its default.

    Somebody who signed in sees the project of the session, whatever the address names.
    Any period that the API takes is taken here too, so that a link can name `6h` although no button does.
    """
    fields = parse_qs((search or "").removeprefix("?"))
    period = fields.get("period", [DEFAULT_PERIOD])[-1]
    try:
        parse_period(period)
    except ValueError:
        period = DEFAULT_PERIOD
    named = fields.get("source", [_DEFAULT_SOURCE])[-1]
    source: Source = next((known for known in get_args(Source) if known == named), _DEFAULT_SOURCE)
    return View(seated_project(fields.get("project", ["default"])[-1]), period, source)
