"""The project, the period and the source of records that a page shows, read from its address."""

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
    """Read the query part of an address; fields that are missing or unknown take their default.

    After signing in, the project is always the one of the session. Every period that the API
    accepts is accepted here, so that a link can name `6h` although no button offers it.
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
    """Return the non-empty fields of an address; of several with one name the last."""
    return dict(parse_qsl((search or "").removeprefix("?")))


def read_trace_id(search: str | None) -> tuple[bool, UUID | None]:
    """Tell whether an address names a trace, and which one; None if it cannot be a trace id."""
    named = read_fields(search).get("trace")
    try:
        return named is not None, UUID(named) if named else None
    except ValueError:
        return True, None


def with_fields(search: str | None, **changes: str | None) -> str:
    """Return the query part of an address with changed fields; None removes a field."""
    fields = {name: value for name, value in {**read_fields(search), **changes}.items() if value is not None}
    return f"?{urlencode(fields)}" if fields else ""


def kept_fields(search: str | None) -> str:
    """Return the fields of an address that apply to every page: project, period and source."""
    fields = {name: value for name, value in read_fields(search).items() if name in _KEPT}
    return f"?{urlencode(fields)}" if fields else ""
