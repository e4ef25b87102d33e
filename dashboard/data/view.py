"""What a page shows, as its address says it: project, period and source of the records."""

from __future__ import annotations

from typing import NamedTuple, get_args
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from app.schemas.queued import Source
from dashboard.auth.current_identity import shown_project
from monitoring.statistics.trends import parse_period

__all__ = [
    "DEFAULT_PERIOD",
    "PERIODS",
    "View",
    "kept_fields",
    "read_fields",
    "read_trace_id",
    "read_view",
    "with_fields",
]

PERIODS = ("15m", "1h", "24h", "7d", "30d", "90d")
DEFAULT_PERIOD = "24h"
_DEFAULT_SOURCE: Source = "live"
_KEPT = {"project", "period", "source"}


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
    fields = read_fields(search)
    period = fields.get("period", DEFAULT_PERIOD)
    try:
        parse_period(period)
    except ValueError:
        period = DEFAULT_PERIOD
    named = fields.get("source", _DEFAULT_SOURCE)
    source: Source = next((known for known in get_args(Source) if known == named), _DEFAULT_SOURCE)
    return View(shown_project(fields.get("project", "default")), period, source)


def read_fields(search: str | None) -> dict[str, str]:
    """Return the fields of an address that say something, the last of each name."""
    return dict(parse_qsl((search or "").removeprefix("?")))


def read_trace_id(search: str | None) -> tuple[bool, UUID | None]:
    """Tell whether an address names a trace, and which; None for what cannot be the id of one."""
    named = read_fields(search).get("trace")
    try:
        return named is not None, UUID(named) if named else None
    except ValueError:
        return True, None


def with_fields(search: str | None, **changes: str | None) -> str:
    """Return the query part of an address with other fields; None takes one away."""
    fields = {name: value for name, value in {**read_fields(search), **changes}.items() if value is not None}
    return f"?{urlencode(fields)}" if fields else ""


def kept_fields(search: str | None) -> str:
    """Return what of an address holds for every page: project, period and source."""
    fields = {name: value for name, value in read_fields(search).items() if name in _KEPT}
    return f"?{urlencode(fields)}" if fields else ""
