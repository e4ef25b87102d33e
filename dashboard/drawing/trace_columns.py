"""The columns of a table of traces: how each is named, how wide it is, and how its values read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from app.schemas.listed import ListedTrace
from dashboard.drawing.components import flag_name
from dashboard.drawing.formatting import UNKNOWN, clip, count, instant, milliseconds, money, score

__all__ = ["OFFERED", "column_definitions", "column_title", "listed_value", "shown_value"]

_SNIPPET: Final = 160
_TITLES: Final[Mapping[str, str]] = {
    "timestamp": "Time",
    "flag": "Flags",
    "tag": "Tags",
    "time_to_first_token": "First token",
    "total_tokens": "Tokens",
    "prompt_tokens": "Tokens in",
    "completion_tokens": "Tokens out",
    "pricing_status": "Price",
}
_WIDTHS: Final[Mapping[str, int]] = {
    "timestamp": 168,
    "model": 150,
    "quality": 118,
    "safety": 118,
    "flag": 135,
    "cost": 104,
    "latency": 82,
    "user": 130,
    "session": 150,
    "template": 140,
}
_RENDERED: Final[Mapping[str, str]] = {
    "timestamp": "When",
    "quality": "ScoreBar",
    "safety": "ScoreBar",
    "flag": "Flags",
}
_RIGHT: Final = ("cost", "latency", "tokens", "time_to_first_token", "requests")
# The attribute of a listed trace that holds a field, where it is not called like it.
_ATTRIBUTES: Final[Mapping[str, str]] = {
    "model": "model_name",
    "user": "user_id",
    "session": "session_id",
    "template": "template_id",
    "tag": "tags",
    "flag": "safety_flags",
    "mark": "marks",
    "quality": "quality_score",
    "safety": "safety_score",
    "cost": "cost_usd",
    "latency": "response_time_ms",
}
OFFERED: Final = (
    "timestamp",
    "model",
    "provider",
    "user",
    "session",
    "template",
    "tag",
    "quality",
    "safety",
    "flag",
    "cost",
    "latency",
    "time_to_first_token",
    "total_tokens",
    "prompt_tokens",
    "completion_tokens",
    "error",
    "topic",
    "kind",
    "name",
    "environment",
    "pricing_status",
    "prompt",
    "response",
)
"""The columns that the menu names. Any other field of the filter language can be typed."""


def column_title(name: str) -> str:
    """Return the title of a column: score.relevance is Relevance, and metadata.team is team."""
    head, dot, key = name.partition(".")
    if not dot:
        return _TITLES.get(name, flag_name(name))
    return key if head == "metadata" else f"{flag_name(key)}{' (label)' if head.startswith('label') else ''}"


def column_definitions(names: Sequence[str], *, pinned: bool = False) -> list[dict[str, Any]]:
    """Return the columns of the grid in an order; the first stays in place where it is `pinned`."""
    defined = [_definition(name) for name in names]
    if not any("flex" in one for one in defined):
        defined[-1] |= {"flex": 1, "minWidth": defined[-1].pop("width")}
    if pinned:
        defined[0]["pinned"] = "left"
    return defined


def _definition(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"field": name, "colId": name, "headerName": column_title(name)}
    if name in {"prompt", "response", "error"}:
        return found | {"flex": 1, "minWidth": 125}
    if name.endswith(_RIGHT):
        found["type"] = "rightAligned"
    renderer = _RENDERED.get(name) or ("ScoreBar" if name.startswith("score.") else None)
    return found | ({"cellRenderer": renderer} if renderer else {}) | {"width": _WIDTHS.get(name, 120)}


def listed_value(trace: ListedTrace, name: str) -> tuple[bool, Any]:
    """Tell whether a listed trace holds the value of a field, and return the value."""
    attribute = _ATTRIBUTES.get(name, name)
    if name == "total_tokens":
        counts = [one for one in (trace.prompt_tokens, trace.completion_tokens) if one is not None]
        return True, sum(counts) if counts else None
    return hasattr(trace, attribute), getattr(trace, attribute, None)


_FORMATS: Final[Mapping[str, Callable[[Any], str]]] = {
    "latency": milliseconds,
    "time_to_first_token": milliseconds,
    "cost": money,
    "reported_cost": money,
    "computed_cost": money,
    "quality": score,
    "safety": score,
}


def shown_value(name: str, value: Any) -> Any:
    """Return a value of a column as the grid shows it: a text, and a number for scores."""
    if value is None or value in ("", (), []):
        return UNKNOWN
    if name.startswith("score."):
        return float(value)
    return _FORMATS[name](value) if name in _FORMATS else clip(_text(name, value), _SNIPPET)


def _text(name: str, value: Any) -> str:
    found = str(value)
    match value:
        case bool():
            found = "yes" if value else "no"
        case int():
            found = count(value) if name.endswith("tokens") else f"{value:,}"
        case float() | Decimal():
            found = f"{value:.4g}"
        case datetime():
            found = instant(value)
        case bytes() | memoryview():
            found = bytes(value).hex()
        case list() | tuple():
            found = ", ".join(map(str, value))
    return found
