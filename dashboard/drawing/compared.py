"""Two traces side by side: what was asked, what was answered, and how their figures differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from dash import dcc, html

from app.reports.one_trace import OneTrace
from app.schemas.traces import Trace
from dashboard.data.view import with_fields
from dashboard.drawing.components import aria, flag_name
from dashboard.drawing.formatting import UNKNOWN, clip, instant, milliseconds, money, score
from dashboard.drawing.links import trace_address
from dashboard.drawing.word_changes import changed_words
from monitoring.models import Score

__all__ = ["compared"]

_LONGEST: Final = 120
Write = Callable[[Any], str]


def compared(one: OneTrace, other: OneTrace, path: str, search: str | None) -> list[Any]:
    """Return the comparison; differences are the second trace less the first."""
    first, second = one.trace, other.trace
    return [
        _head(first, second, path, search),
        _table("Call", [*_names(first, second), *_figures(first, second)]),
        *_scores(first, second),
        *_texts("System prompt", first.system_prompt, second.system_prompt),
        *_texts("Prompt", first.prompt, second.prompt),
        *_texts("Response", first.response, second.response),
        *_texts("Context", "\n\n".join(first.context), "\n\n".join(second.context)),
    ]


def _head(first: Trace, second: Trace, path: str, search: str | None) -> Any:
    swapped = with_fields(search, trace=str(second.trace_id), **{"with": str(first.trace_id)})
    if path.startswith("/traces/"):
        kept = with_fields(search, trace=None, **{"with": str(first.trace_id)})
        swap = f"/traces/{second.trace_id}{kept}"
    else:
        swap = f"{path}{swapped}"
    return html.Div(
        [
            dcc.Link("Show only the first", href=trace_address(path, search, first.trace_id)),
            dcc.Link("Show only the second", href=trace_address(path, search, second.trace_id)),
            dcc.Link("Swap them", href=swap),
        ],
        className="walk",
        role="group",
        **aria(label="Of these two traces"),
    )


Row = tuple[str, str, str, str]


def _names(first: Trace, second: Trace) -> list[Row]:
    def row(title: str, write: Callable[[Trace], str | None]) -> Row:
        mine, others = (clip(write(one) or UNKNOWN, _LONGEST) for one in (first, second))
        return title, mine, others, "the same" if mine == others else "differs"

    return [
        ("Time", instant(first.occurred_at), instant(second.occurred_at), ""),
        row("Model", lambda one: one.model_name),
        row("Template", lambda one: one.template_id),
        row("User", lambda one: one.user_id),
        row("Tags", lambda one: ", ".join(one.tags)),
        row("Flags", lambda one: ", ".join(map(flag_name, one.flags))),
        row("Error", lambda one: one.error),
    ]


def _figures(first: Trace, second: Trace) -> list[Row]:
    def row(title: str, name: str, write: Write) -> Row:
        return _row(title, getattr(first, name), getattr(second, name), write)

    return [
        row("Quality", "overall_quality", score),
        row("Safety", "safety_score", score),
        row("Cost", "cost_usd", money),
        row("Duration", "response_time_ms", milliseconds),
        row("First token after", "time_to_first_token_ms", milliseconds),
        row("Tokens in", "prompt_tokens", _whole),
        row("Tokens out", "completion_tokens", _whole),
    ]


def _whole(number: float | None) -> str:
    return UNKNOWN if number is None else f"{number:,.0f}"


def _row(title: str, mine: Any, others: Any, write: Write) -> Row:
    return title, write(mine), write(others), _difference(mine, others, write)


def _difference(mine: Any, others: Any, write: Write) -> str:
    if mine is None or others is None:
        return UNKNOWN
    change = others - mine
    if not change:
        return "the same"
    if write(abs(change)) == write(0):
        return "about the same"
    return f"{'+' if change > 0 else '−'}{write(abs(change))}"  # noqa: RUF001 the minus sign


def _scores(first: Trace, second: Trace) -> list[Any]:
    names = sorted({*first.scores, *second.scores})
    rows = [_row(flag_name(name), _value(first, name), _value(second, name), score) for name in names]
    return [_table("Scores", rows)] if rows else []


def _value(trace: Trace, name: str) -> float | None:
    result = trace.scores.get(name)
    return result.value if isinstance(result, Score) else None


def _table(title: str, rows: Sequence[Row]) -> Any:
    known = [row for row in rows if {row[1], row[2]} != {UNKNOWN}]
    titles = (title, "First", "Second", "Difference")
    head = html.Thead(html.Tr([html.Th(one, scope="col") for one in titles]))
    body = [html.Tr([html.Th(row[0], scope="row"), *(html.Td(cell) for cell in row[1:])]) for row in known]
    return html.Table([head, html.Tbody(body)], className="compared", **aria(label=title))


def _texts(title: str, mine: str | None, others: str | None) -> list[Any]:
    one, other = mine or "", others or ""
    if not one and not other:
        return []
    if one == other:
        same = html.Details(
            [html.Summary("the same in both"), _box(f"{title} of both", [one])], className="folded"
        )
        return [html.Section([html.H3(title), same], className="said")]
    left, right, whole = changed_words(one, other)
    more = (
        None
        if whole
        else html.P("Only the beginning is compared, as the texts are long.", className="remark")
    )
    sides = html.Div(
        [
            _side("First", f"{title} of the first", left),
            _side("Second", f"{title} of the second", right),
        ],
        className="sides",
    )
    return [html.Section([html.H3(title), more, sides], className="said")]


def _side(name: str, label: str, content: list[Any]) -> Any:
    return html.Div([html.Div(name, className="remark"), _box(label, content or [html.Em("empty")])])


def _box(label: str, content: list[Any]) -> Any:
    return html.Div(content, className="text", tabIndex="0", role="region", **aria(label=label))
