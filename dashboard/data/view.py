"""What a page shows, read from its address: the project, the period, the source and the filter."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import NamedTuple, get_args
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from msgspec import structs

from app.errors import InvalidParameter
from app.filters import Filter, parse_filter
from app.filters.conditions import And
from app.filters.filter import quoted
from app.filters.owners import with_stored_forms
from app.privacy import Privacy
from app.schemas.queued import Source
from app.storage.traces.sampling import Chosen
from dashboard.auth.current_identity import shown_project
from monitoring.statistics.trends import Window, floor_time, parse_period, window_between, window_of
from monitoring.statistics.zones import read_zone

__all__ = [
    "DEFAULT_PERIOD",
    "KEPT",
    "PERIODS",
    "View",
    "kept_fields",
    "read_fields",
    "read_trace_id",
    "read_view",
    "search_of",
    "with_condition",
    "with_fields",
]

PERIODS = ("15m", "1h", "24h", "7d", "30d", "90d")
DEFAULT_PERIOD = "24h"
_DEFAULT_SOURCE: Source = "live"
KEPT = frozenset({"project", "period", "from", "to", "source", "filter", "compare"})


class View(NamedTuple):
    """The part of the data that a page is about.

    `start` and `end` (aware UTC) are set where the address names moments instead of a period.
    `filter` is text in the language of filters. `zone` is the time zone of the browser. `compared`
    asks for the same period before as well.
    """

    project_id: str = "default"
    period: str = DEFAULT_PERIOD
    source: Source = _DEFAULT_SOURCE
    start: datetime | None = None
    end: datetime | None = None
    filter: str = ""
    zone: str = "UTC"
    compared: bool = False

    def tz(self) -> tzinfo:
        """Return the time zone of the browser, UTC where this machine does not know it."""
        try:
            return UTC if self.zone == "UTC" else read_zone(self.zone)
        except ValueError:
            return UTC

    def window(self, now: datetime) -> Window:
        """Return the window of figures; moments that make no period give the default period."""
        if self.start:
            try:
                return window_between(self.start, self.end or now, now)
            except ValueError:
                return window_of(DEFAULT_PERIOD, now)
        return window_of(self.period, now)

    def window_before(self, now: datetime) -> Window:
        """Return the window of the same length that ends where `window` begins.

        It ends before that where older buckets are longer, so that no call is in both.
        """
        window = self.window(now)
        before = window_between(window.start - (window.end - window.start), window.start, now)
        if before.end <= window.start:
            return before
        return structs.replace(before, end=floor_time(window.start, before.grain))

    def chosen(self, now: datetime, privacy: Privacy) -> Chosen:
        """Return the calls that are meant. Raises InvalidParameter for a filter with a mistake."""
        return Chosen(self.project_id, self.window(now), self.source, self.condition(privacy))

    def condition(self, privacy: Privacy) -> Filter:
        """Return the filter with ids of people as they are stored; raises InvalidParameter."""
        return with_stored_forms(parse_filter(self.filter), partial(privacy.stored_forms, self.project_id))


def read_view(search: str | None, zone: str | None = None) -> View:
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
    return View(
        shown_project(fields.get("project", "default")),
        period,
        source,
        _moment(fields.get("from")),
        _moment(fields.get("to")),
        fields.get("filter", "").strip(),
        zone or "UTC",
        "compare" in fields,
    )


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment and (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))


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


def with_condition(search: str | None, field: str, value: str | None) -> str:
    """Return the query part of an address whose filter also asks that a field has a value.

    None asks for calls without a value. A filter with a mistake is replaced. A condition that the
    filter has already is not repeated.
    """
    added = parse_filter(f"{field} is null" if value is None else f"{field} = {quoted(value)}")
    try:
        known = parse_filter(read_fields(search).get("filter", ""))
    except InvalidParameter:
        known = Filter()
    parts = known.condition.parts if isinstance(known.condition, And) else (known.condition,)
    both = known if added.condition in parts else known & added
    return with_fields(search, filter=both.to_text(), before=None, trace=None)


def kept_fields(search: str | None) -> str:
    """Return the fields of an address that apply to every page, such as period and filter."""
    fields = {name: value for name, value in read_fields(search).items() if name in KEPT}
    return f"?{urlencode(fields)}" if fields else ""


def search_of(view: View, **more: str | None) -> str:
    """Return the query part of the address of a view, and of further fields that have a value."""
    fields = {
        "project": view.project_id if view.project_id != View().project_id else None,
        "period": None if view.start or view.period == DEFAULT_PERIOD else view.period,
        "from": view.start.isoformat() if view.start else None,
        "to": view.end.isoformat() if view.end else None,
        "source": view.source if view.source != _DEFAULT_SOURCE else None,
        "filter": view.filter or None,
        "compare": "1" if view.compared else None,
    }
    return with_fields("", **fields, **more)
