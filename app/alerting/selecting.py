"""The filter of a rule: of the language of all filters, what the rollups can answer."""

from __future__ import annotations

from app.errors import InvalidRecord
from app.filters import Filter, parse_filter
from app.filters.conditions import Comparison, Operator
from monitoring.alerting.rules import DIMENSIONS, Selection

__all__ = ["read_selection", "write_selection"]

_ONLY = (
    "an alert reads sums that are kept by one thing: write model, template or tag with its values, "
    'such as model = "gpt-5" or model in ("gpt-5", "o3")'
)
_ONE_TAG = (
    "sums of several tags count a call once for each of its tags: write one tag, or group_by tag, "
    "which watches each of them"
)


def read_selection(text: str | None) -> Selection | None:
    """Return what a filter selects, None for an empty one.

    Raises InvalidParameter for a text that is no filter, and InvalidRecord for one that the rollups
    cannot answer.
    """
    condition = parse_filter(text or "").condition
    if condition is None:
        return None
    match condition:
        case Comparison(field=field, operator=Operator.IN, values=values) if field in DIMENSIONS:
            texts = tuple(dict.fromkeys(value for value in values if isinstance(value, str)))
            if field == "tag" and len(texts) > 1:
                raise _refused(_ONE_TAG)
            return Selection(dimension=field, values=texts)
    raise _refused(_ONLY)


def _refused(why: str) -> InvalidRecord:
    return InvalidRecord(f"filter: {why}.", errors=[{"field": "filter", "message": why}])


def write_selection(selection: Selection | None) -> str | None:
    """Return the filter that `read_selection` reads as this selection."""
    if selection is None:
        return None
    return Filter(Comparison(selection.dimension, Operator.IN, selection.values)).to_text()
