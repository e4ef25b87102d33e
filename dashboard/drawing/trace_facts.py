"""What is known about a call beside its texts: whose it was, what it cost, and its metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from dash import dcc, html

from app.errors import InvalidParameter
from app.filters.filter import quoted
from app.schemas.kinds import COUNTED_KINDS
from app.schemas.traces import Trace
from dashboard.data.view import with_condition
from dashboard.drawing.components import flag_name
from dashboard.drawing.formatting import UNKNOWN, clip, count, instant, milliseconds, money
from monitoring.bounds import FIGURES

__all__ = ["Linker", "facts", "linked", "linker", "owners"]

Linker = Callable[[str, str], str | None]
"""Returns the address of the traces whose field has a value, None if no filter can say so."""

_LIST: Final = "/traces"
_LONGEST: Final = 2_000
_MOST_KEYS: Final = 100
_OWN: Final = {
    "prompt_tokens",
    "completion_tokens",
    "response_time_ms",
    "time_to_first_token_ms",
    "reported_cost_usd",
}
_OTHER: Final = tuple(name for name in FIGURES if name not in _OWN)
# The key is the unit at the end of a figure's name.
_FORMATS: Final[Mapping[str, Callable[[Any], str]]] = {
    "ms": milliseconds,
    "tokens": count,
    "requests": count,
    "usd": money,
}


def linker(search: str | None) -> Linker:
    """Return how a value becomes an address: the list of traces, with one more condition."""

    def link(field: str, value: str) -> str | None:
        try:
            return f"{_LIST}{with_condition(search, field, value)}"
        except InvalidParameter:
            return None

    return link


def linked(content: Any, href: str | None, *, className: str = "", title: str = "") -> Any:  # noqa: N803 the name Dash uses
    """Return content as a link, or as plain text where there is no address."""
    shown: Any = dcc.Link(content, href=href) if href else html.Span(content)
    shown.className, shown.title = className, title
    return shown


def owners(trace: Trace, link: Linker) -> Any:
    """Return model, template, user, session, tags and topic, each a link to the calls with it."""
    called = trace.kind in COUNTED_KINDS
    named = [
        ("model", trace.model_name if called else None),
        ("template", trace.template_id),
        ("user", trace.user_id),
        ("session", trace.session_id),
        *(("tag", tag) for tag in trace.tags),
        ("topic", trace.topic),
    ]
    chips = [_chip(field, value, link) for field, value in named if value]
    return html.Div(chips, className="chips") if chips else None


def _chip(field: str, value: str, link: Linker) -> Any:
    content = [html.Span(field, className="remark"), html.Span(clip(value, 60))]
    title = f"Show the traces with {field} = {clip(value, 200)}"
    return linked(content, link(field, value), className="chip", title=title)


def facts(trace: Trace, link: Linker) -> list[Any]:
    """Return the tables of facts: the call, its cost and tokens, and its metadata."""
    return [
        *_table("Call", _call(trace)),
        *_table("Cost and tokens", _spent(trace)),
        *_metadata(trace, link),
    ]


def _call(trace: Trace) -> list[tuple[str, Any]]:
    return [
        ("Time", instant(trace.occurred_at)),
        ("Duration", milliseconds(trace.response_time_ms)),
        ("First token after", milliseconds(trace.time_to_first_token_ms)),
        ("Provider", trace.provider),
        ("Service tier", trace.service_tier),
        ("Guard", trace.guard),
        ("Marks", ", ".join(flag_name(mark) for mark in trace.marks)),
        ("Source", trace.source),
        ("Kind", trace.kind),
        ("Id of the client", trace.client_id),
        ("OpenTelemetry trace", trace.otel_trace_id and trace.otel_trace_id.hex()),
        ("Trace id", str(trace.trace_id)),
    ]


def _spent(trace: Trace) -> list[tuple[str, Any]]:
    return [
        ("Cost that counts", money(trace.cost_usd)),
        ("Price", " · ".join(filter(None, (trace.pricing_status.replace("_", " "), trace.price_source)))),
        ("Reported cost", money(trace.reported_cost_usd)),
        ("Cost by our tables", money(trace.computed_cost_usd)),
        ("Tokens", _tokens(trace)),
        *((_figure_name(name), _figure_text(name, getattr(trace, name))) for name in _OTHER),
    ]


def _tokens(trace: Trace) -> str | None:
    if trace.prompt_tokens is None and trace.completion_tokens is None:
        return None
    counted = {"reported": " (reported by the client)", None: ""}.get(trace.token_source, " (counted here)")
    return f"{_exact(trace.prompt_tokens)} in, {_exact(trace.completion_tokens)} out{counted}"


def _exact(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


def _figure_name(name: str) -> str:
    """Return the displayed name of a figure: response_time_ms is Response time."""
    return name.removesuffix("_ms").removesuffix("_usd").replace("_", " ").capitalize()


def _figure_text(name: str, value: Any) -> str:
    return _FORMATS[name.rpartition("_")[2]](value)


def _metadata(trace: Trace, link: Linker) -> list[Any]:
    keys = list(trace.metadata.items())
    rows: list[tuple[str, Any]] = [
        (key, _metadata_value(key, value, link)) for key, value in keys[:_MOST_KEYS]
    ]
    if len(keys) > _MOST_KEYS:
        rows.append((f"{len(keys) - _MOST_KEYS:,} more keys", "GET /traces/{id} returns them."))
    return _table("Metadata", rows)


def _metadata_value(key: str, value: Any, link: Linker) -> Any:
    if isinstance(value, dict | list):
        return clip(json.dumps(value, ensure_ascii=False), _LONGEST)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return linked(clip(text, _LONGEST), link(f"metadata.{quoted(key)}", text) if text and key else None)


def _table(title: str, rows: Sequence[tuple[str, Any]]) -> list[Any]:
    shown = [_fact(name, value) for name, value in rows if value and value != UNKNOWN]
    if not shown:
        return []
    return [html.H3(title), html.Table(html.Tbody(shown), className="facts")]


def _fact(title: str, value: Any) -> Any:
    return html.Tr([html.Th(clip(title, _LONGEST), scope="row"), html.Td(value)])
