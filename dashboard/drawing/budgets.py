"""Budgets as a page shows them: what is spent, reserved and left, and when the period ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import dcc, html

from app.budgets.standing import BudgetOut
from dashboard.data.view import with_fields
from dashboard.drawing.components import attributes
from dashboard.drawing.formatting import UNKNOWN, clip, money, percent

__all__ = ["budget_rows", "tightest"]

_LONGEST_NAME = 60
_LEVELS = {"none": "good", "info": "good", "warning": "warn", "critical": "bad"}
_WORDS = {"none": "well within", "info": "60 % passed", "warning": "80 % passed", "critical": "used up"}
_FULL = 100.0


def tightest(budgets: Sequence[BudgetOut]) -> dict[str, Any]:
    """Return value and remark of the tile about the budget of which most is used."""
    counted = [budget for budget in budgets if budget.used_pct is not None]
    if not counted:
        told = "still being added up" if budgets else "there is none yet: make one below"
        return {"budget-value": UNKNOWN, "budget-remark": [html.Div(told)]}
    most = max(counted, key=lambda budget: budget.used_pct or 0)
    name = clip(most.name, _LONGEST_NAME)
    return {
        "budget-value": percent((most.used_pct or 0) / _FULL),
        "budget-remark": [
            html.Div(f"{money(most.spent_usd)} of {money(most.amount_usd)} of {name}"),
            html.Div(f"until {_end(most)}"),
        ],
    }


def budget_rows(budgets: Sequence[BudgetOut], now: datetime, search: str = "") -> Any:
    """Return one block for each budget, or a sentence where there is none.

    `search` is the query part of the page's address, to which a link adds the chosen budget.
    """
    if not budgets:
        return html.P("There is no budget yet.", className="remark")
    return html.Ul(
        [html.Li([*_block(budget, now), _choice(budget, search)]) for budget in budgets], className="budgets"
    )


def _block(budget: BudgetOut, now: datetime) -> list[Any]:
    subject = "all calls" if budget.by == "project" else f"{_subject(budget)} {clip(budget.value or '', 60)}"
    level = budget.level or "none"
    heading = html.Div(
        [
            html.Span(className="dot", **attributes(data_state=_LEVELS[level])),
            html.Strong(clip(budget.name, _LONGEST_NAME)),
            html.Span(f"{subject}, {money(budget.amount_usd)} per {budget.period}", className="remark"),
        ],
        className="heading",
    )
    if not budget.counted:
        return [heading, html.P("The calls of this period are being added up.", className="remark")]
    left = f"{money(budget.remaining_usd)} left"
    said = f"{money(budget.spent_usd)} spent, {money(budget.reserved_usd)} reserved, {left}"
    return [
        heading,
        _bar(budget, now),
        html.Div(f"{percent((budget.used_pct or 0) / _FULL)} used ({_WORDS[level]}): {said}."),
        html.Div(f"The period ends {_end(budget)}. {_outlook(budget)}", className="remark"),
    ]


def _choice(budget: BudgetOut, search: str) -> Any:
    href = with_fields(search, budget=str(budget.budget_id))
    name = clip(budget.name, _LONGEST_NAME)
    link = dcc.Link("Change or remove", href=f"/cost{href}", title=f"Change or remove {name}")
    return html.Div(link, className="links")


def _subject(budget: BudgetOut) -> str:
    return clip(budget.key or "", _LONGEST_NAME) if budget.by == "metadata" else budget.by


def _outlook(budget: BudgetOut) -> str:
    if budget.projected_usd is None:
        return "It is too early to say how it will end."
    ends = f"At the present rate, {money(budget.projected_usd)} will be spent"
    return (
        f"{ends}, and the amount on {_moment(budget, budget.runs_out_at)}."
        if budget.runs_out_at
        else f"{ends}."
    )


def _bar(budget: BudgetOut, now: datetime) -> Any:
    """Return a bar of what is spent and reserved, with a mark at the share of time that passed."""
    amount = float(budget.amount_usd)
    spent = min(float(budget.spent_usd or 0) / amount, 1.0)
    reserved = min(float(budget.reserved_usd or 0) / amount, 1.0 - spent)
    length = budget.period_end - budget.period_start
    passed = min(max((now - budget.period_start) / length, 0.0), 1.0)
    return html.Div(
        [
            html.Span(className="spent", style={"width": f"{100 * spent:.1f}%"}),
            html.Span(className="reserved", style={"width": f"{100 * reserved:.1f}%"}),
            html.Span(className="passed", style={"left": f"{100 * passed:.1f}%"}),
        ],
        className="burn",
        role="img",
        title=f"The line marks the time: {percent(passed)} of the period has passed",
        **attributes(
            aria_label=f"{percent(spent)} spent, {percent(passed)} of the period has passed",
            data_state=_LEVELS[budget.level or "none"],
        ),
    )


def _end(budget: BudgetOut) -> str:
    return _moment(budget, budget.period_end)


def _moment(budget: BudgetOut, at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(budget.time_zone)):%Y-%m-%d %H:%M} {budget.time_zone}"
