"""What changed, and which alerts are active: two lists that say where to look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from dash import dcc, html

from app.reports.one_score import GroupScore
from app.reports.quality import Falling
from app.storage.alerts.rules import StoredRule
from dashboard.data.view import View, search_of, with_condition
from dashboard.drawing.changes import Worse, change_mark, points
from dashboard.drawing.components import attributes
from dashboard.drawing.formatting import ago, clip, milliseconds, moment, money, percent, score
from dashboard.drawing.quality import PAIR, named_group
from monitoring.statistics.group_changes import Figure, GroupChange

__all__ = ["alert_list", "fall_line", "moved_list"]

_MOST_SHOWN = 6
_LONGEST_NAME = 60
_WORDS: Final[dict[Figure, tuple[str, Worse, Callable[[float], str], Callable[[float], str]]]] = {
    "share": ("share of calls", "neither", percent, points),
    "quality": ("quality", "lower", score, score),
    "cost": ("cost per call", "higher", money, money),
    "latency": ("latency", "higher", milliseconds, milliseconds),
}


def fall_line(fall: Falling | None, worst: GroupScore | None, now: datetime, view: View) -> Any:
    """Return when quality fell within the period, and where most, with a link to all places.

    Returns None without a fall.
    """
    if fall is None:
        return None
    when = "over this period" if fall.since is None else f"at {moment(fall.since, now)}"
    said = [f" from {score(fall.before)} to {score(fall.after)} {when}"]
    if worst is not None and worst.change is not None:
        change = worst.change
        where = named_group(PAIR, worst.values)
        said.append(f", most in {where}: {score(change.before)} → {score(change.after)}")
    link = dcc.Link("Quality fell", href=f"/quality{search_of(view, by=PAIR)}")
    return html.P([link, *said, "."], className="fell")


def moved_list(changes: Sequence[GroupChange], view: View, *, known: str | None) -> Any:
    """Return the largest changes, each with a link to its calls.

    `known` says why nothing could be compared, and is None where it was.
    """
    if known:
        return html.P(known, className="remark")
    if not changes:
        nothing = "No model, template or tag changed by more than chance explains."
        return html.P(nothing, className="remark")
    left = len(changes) - _MOST_SHOWN
    more = html.P(f"{left} smaller changes are not shown.", className="remark") if left > 0 else None
    return [html.Ul([_moved(one, view) for one in changes[:_MOST_SHOWN]], className="moved"), more]


def _moved(one: GroupChange, view: View) -> Any:
    words, worse, text, difference = _WORDS[one.figure]
    address = with_condition(search_of(view), one.field, one.value)
    name = clip(one.value or "", _LONGEST_NAME)
    change = one.change
    return html.Li(
        [
            html.Span(
                [f"{one.field.capitalize()} ", dcc.Link(name, href=f"/traces{address}"), f": {words} "]
            ),
            html.Span(f"{text(change.before)} → {text(change.after)} "),
            change_mark(change, difference, worse=worse),
        ]
    )


def alert_list(rules: Sequence[StoredRule], now: datetime, view: View) -> Any:
    """Return the alerts that fire, the worst first, with a link to the page of alerts."""
    page = dcc.Link("Alerts", href=f"/alerts{search_of(view)}")
    if not rules:
        return html.P(["No alert rule is set. ", page, " has ready ones."], className="remark")
    firing = [rule for rule in rules if rule.enabled and rule.state.level]
    failing = sum(rule.enabled and rule.state.failing for rule in rules)
    broken = html.P(f"{failing} rules cannot be evaluated.", className="remark") if failing else None
    if not firing:
        return [html.P([f"None of {len(rules)} rules fires. ", page], className="remark"), broken]
    firing.sort(key=lambda rule: (rule.state.level != "critical", rule.rule.name))
    left = len(firing) - _MOST_SHOWN
    return [
        html.Ul([_alert(rule, now, view) for rule in firing[:_MOST_SHOWN]], className="moved"),
        html.P(f"{left} more alerts fire.", className="remark") if left > 0 else None,
        broken,
    ]


def _alert(rule: StoredRule, now: datetime, view: View) -> Any:
    state, level = rule.state, rule.state.level
    names = [name for name, group in state.groups.items() if group.level and name]
    where = f" in {', '.join(clip(name, _LONGEST_NAME) for name in names[:3])}" if names else ""
    seen = " · acknowledged" if state.acknowledged else ""
    return html.Li(
        [
            html.Span(level, className="level", **attributes(data_level=str(level))),
            " ",
            dcc.Link(clip(rule.rule.name, _LONGEST_NAME), href=f"/alerts{search_of(view)}"),
            html.Span(f"{where} · since {ago(state.alert_since, now)}{seen}", className="remark"),
        ]
    )
