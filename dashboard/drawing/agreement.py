"""How well scores agree with people: a line for each comparison, and for each flag of raters."""

from __future__ import annotations

from typing import Any, Final

from dash import dcc, html

from app.reports.agreement import AgreementReport, Bounds, Comparison
from dashboard.data.view import View, search_of
from dashboard.drawing.components import flag_name
from dashboard.drawing.formatting import count

__all__ = ["agreement_list", "figures_of"]

_AGAINST: Final = {"findings": "verdicts", "scores": "scores", "feedback": "ratings"}
_MOST: Final = 12


def agreement_list(report: AgreementReport, view: View, first: str) -> list[Any]:
    """Return the comparisons with their sentences, those of the score `first` before all others."""
    ranked = sorted(report.comparisons, key=lambda one: (one.evaluator != first, -one.n, one.evaluator))
    if not ranked:
        link = dcc.Link("Review some calls", href=f"/review{search_of(view)}")
        return [html.P([report.message or "Nobody judged these calls.", " ", link], className="remark")]
    lines = [
        _line(f"{flag_name(one.evaluator)} and {_AGAINST[one.against]}", figures_of(one), one.sentence)
        for one in ranked[:_MOST]
    ]
    lines += [
        _line(f"{flag_name(one.flag)}: two people", f"{count(one.n)} pairs", one.sentence)
        for one in report.raters[:_MOST]
    ]
    return [html.Ul(lines, className="agreements")]


def figures_of(one: Comparison) -> str:
    """Return the number of calls, and kappa or the rank correlation where it is known."""
    said = "1 call" if one.n == 1 else f"{count(one.n)} calls"
    if one.rank_correlation is not None:
        return f"{said} · rank correlation {_plain(one.rank_correlation)}"
    return f"{said} · kappa {_plain(one.kappa)}" if one.kappa is not None else said


def _plain(bounds: Bounds) -> str:
    return f"{round(bounds.estimate, 2) + 0.0:.2f}"  # adding zero turns -0.0 into 0.0


def _line(title: str, figures: str, sentence: str) -> Any:
    heading = html.Div([html.Strong(title), html.Span(figures, className="remark")], className="heading")
    return html.Li([heading, html.P(sentence)])
