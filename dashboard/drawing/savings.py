"""What would lower the bill, and models whose price is unknown."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from app.filters.filter import quoted
from app.reports.answers import CostAnswer
from app.reports.suggestions import Suggestion
from dashboard.data.view import View, search_of, with_fields
from dashboard.drawing.formatting import clip, count, money

__all__ = ["savings_list", "unpriced_line", "unpriced_models"]

_TITLES = {
    "cache_answers": "Keep answers to repeated prompts",
    "use_prompt_cache": "Use the provider's prompt cache",
    "move_changing_text": "Move changing text behind what stays",
    "try_cheaper_model": "Try a cheaper model",
    "retries": "Stop needless retries",
    "cut_answers": "Mend answers that are cut off",
    "unused_context": "Retrieve fewer documents",
}
_NAMED = 3
_SHOWN = 3
_LONGEST_NAME = 60
_LONGEST_FIGURE = 80
_MOST_OFFERED = 200


def savings_list(answer: CostAnswer, view: View) -> Any:
    """Return the suggestions, the largest amount first, each with its evidence and its traces."""
    if answer.filter:
        return html.P(
            "Savings are looked for among all calls. Remove the filter to see them.", className="remark"
        )
    looked = answer.looked_at
    if looked is None or not answer.suggestions:
        return html.P("Nothing was found that is worth half a percent of the cost.", className="remark")
    basis = (
        f"Amounts are of the newest {count(looked.calls)} of {count(looked.of_requests)} calls, which cost "
        f"{money(looked.cost_usd)}. Several may concern the same calls, so they do not add up."
    )
    begin = looked.begin.isoformat() if looked.begin else None
    items = [_item(one, view, begin) for one in answer.suggestions]
    more = html.Details(
        [html.Summary(f"{len(items) - _SHOWN} more"), html.Ol(items[_SHOWN:], className="savings")],
        className="folded",
    )
    return [
        html.Ol(items[:_SHOWN], className="savings"),
        *([more] if len(items) > _SHOWN else []),
        html.P(basis, className="remark"),
    ]


def _item(one: Suggestion, view: View, begin: str | None) -> Any:
    chosen = f"model = {quoted(one.model_name)}"
    if one.template_id is not None:
        chosen += f" and template = {quoted(one.template_id)}"
    times = {"period": None, "from": begin} if begin and not view.start else {}
    address = with_fields(search_of(view), **{**times, "filter": chosen})
    links = [dcc.Link("Its traces", href=f"/traces{address}")]
    if one.trace_ids:
        example = with_fields(address, trace=str(one.trace_ids[0]))
        links.append(dcc.Link("An example", href=f"/traces{example}"))
    evidence = ", ".join(
        f"{name.replace('_', ' ')} {_figure(value)}"
        for name, value in one.evidence.items()
        if value is not None
    )
    return html.Li(
        [
            html.Div(
                [html.Strong(money(one.amount_usd)), html.Strong(_TITLES[one.kind])], className="heading"
            ),
            html.Div(one.text),
            html.Div(links, className="links"),
            html.Details([html.Summary("Evidence"), evidence], className="remark"),
        ]
    )


def _figure(value: float | str) -> str:
    if isinstance(value, str):
        return clip(value, _LONGEST_FIGURE)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def unpriced_models(answer: CostAnswer) -> list[str]:
    """Return the names of models with unpriced calls, those with most such calls first."""
    return [name for name, _ in _unpriced(answer)][:_MOST_OFFERED]


def unpriced_line(answer: CostAnswer) -> str:
    """Say how many calls have no known price, and of which models most of them are."""
    if not answer.unpriced_requests:
        return "Every call of this period has a known price."
    models = _unpriced(answer)
    named = ", ".join(f"{clip(name, _LONGEST_NAME)} ({count(calls)})" for name, calls in models[:_NAMED])
    more = f" and {count(len(models) - _NAMED)} more models" if len(models) > _NAMED else ""
    return (
        f"{count(answer.unpriced_requests)} of {count(answer.total_requests)} calls have no known price and "
        f"are missing from every total: {named}{more}."
    )


def _unpriced(answer: CostAnswer) -> list[tuple[str, int]]:
    missing = [(model.model_name, model.requests - model.priced_requests) for model in answer.by_model]
    return sorted(((name, calls) for name, calls in missing if calls), key=lambda one: (-one[1], one[0]))
