"""The page Quality: from one score of a period to the properties of the page's components."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from dash import dcc, html

from app.reports.agreement import AgreementReport
from app.reports.one_score import GroupScore, OneScore
from app.reports.score_labels import MOST_LABELLED, LabelShare
from dashboard.data.view import View, search_of, with_condition
from dashboard.drawing.agreement import agreement_list
from dashboard.drawing.changes import Worse, change_mark, signed
from dashboard.drawing.components import aria, attributes, flag_name
from dashboard.drawing.figures import Point, describe_trend, trend
from dashboard.drawing.formatting import UNKNOWN, clip, count, moment, percent, score
from dashboard.drawing.links import LinkedBar, choices, linked_bars
from dashboard.drawing.theme import Palette
from dashboard.drawing.tiles import figure_tile, sparkline

__all__ = ["FIELDS", "PAIR", "USUAL_SCORE", "QualityFound", "named_group", "quality_parts"]

PAIR = "template,model"
"""The fields by which a fault of one template on one model is seen."""
FIELDS = ("model", "template", PAIR, "tag", "user")
"""The fields that calls can be grouped by."""
USUAL_SCORE = "overall_quality"
_MOST_SHOWN = 50
_MOST_LABELS = 8
_LONGEST_NAME = 60
_MISSING = {"model": "no model", "template": "no template", "tag": "no tag", "user": "no user"}
_OTHER = "(other)"
# The label of the overall quality names what lowered it most: a fault, or a score that is low.
_NO_FAULT = "ordinary"


class QualityFound(NamedTuple):
    """What the page shows: one score, the field of its groups, and all scores to choose from.

    With `harmful` a high score is bad news. `agreement` compares all scores with people.
    """

    found: OneScore
    field: str
    scores: Sequence[str]
    harmful: bool
    now: datetime
    agreement: AgreementReport


def quality_parts(read: QualityFound, view: View, colors: Palette) -> dict[str, Any]:
    """Return the properties of the page's components by name; a pure function."""
    found = read.found
    worse: Worse = "higher" if read.harmful else "lower"
    over_time = [Point(at.bucket, at.count, at.average_quality, at.p10, at.p50, at.p90) for at in found.trend]
    name = _name(found.score)
    return {
        "said": _said(read, view, worse),
        "tiles": _tiles(found, worse, colors),
        "trend": trend(over_time, name="mean", unit="score", color=colors.quality, colors=colors),
        "trend-text": describe_trend(over_time, name=name, unit="score"),
        "scores": [{"value": one, "label": _name(one)} for one in read.scores],
        "fields": _fields(read, view),
        "groups": _table(read, view, worse),
        "labels": _labels(read, view),
        "labels-basis": _labels_basis(found),
        "basis": _basis(found),
        "agreement": agreement_list(read.agreement, view, found.score.partition(".")[0]),
    }


def _name(one: str) -> str:
    evaluator, _, part = one.partition(".")
    return f"{flag_name(evaluator)}: {part.replace('_', ' ')}" if part else flag_name(evaluator)


def _address(read: QualityFound, view: View, **changes: str) -> str:
    fields = {"score": read.found.score, "by": read.field} | changes
    usual = {"score": USUAL_SCORE, "by": FIELDS[0]}
    return search_of(
        view, **{name: None if usual[name] == value else value for name, value in fields.items()}
    )


def _fields(read: QualityFound, view: View) -> Any:
    offered = [(_words(field), f"/quality{_address(read, view, by=field)}") for field in FIELDS]
    return choices("Group by", offered, _words(read.field))


def _words(field: str) -> str:
    return field.replace(",", " and ")


def _tiles(found: OneScore, worse: Worse, colors: Palette) -> list[Any]:
    p10, p50, p90 = found.percentiles
    line = sparkline([at.average_quality for at in found.trend], colors.quality)
    change = [change_mark(found.change, score, worse=worse), " against the period before"]
    return [
        figure_tile("Mean", score(found.mean), f"of {count(found.count)} calls", change=change, line=line),
        figure_tile("Half are below", score(p50), "the median"),
        figure_tile("A tenth is below", score(p10), f"and a tenth above {score(p90)}"),
    ]


def _said(read: QualityFound, view: View, worse: Worse) -> list[Any]:
    """Return what got better or worse, and where, in at most two sentences."""
    found, name = read.found, _name(read.found.score)
    if not found.count:
        nothing = f"No call of this period has the score {name}. Choose a longer period or another filter."
        return [html.P(nothing)]
    sentences: list[Any] = [_fall(found, name, read.now)] if found.decline and worse == "lower" else []
    if not sentences:
        sentences.append(_compared(found, name))
    clearest = next(iter(found.groups), None)
    if clearest and _is_worse(clearest, worse):
        field, group = read.field.partition(",")[0], _link(read, view, clearest)
        change = clearest.change
        low, high = (score(change.before), score(change.after)) if change else (UNKNOWN, UNKNOWN)
        sentences.append(
            html.Span(
                [
                    f" The clearest change for the worse is in the {field} ",
                    group,
                    f": {low} before, {high} {'since' if found.since else 'now'}.",
                ]
            )
        )
    return [html.P(sentences)]


def _fall(found: OneScore, name: str, now: datetime) -> Any:
    fall = found.decline
    if fall is None:
        return None
    since = "over this period" if fall.since is None else f"at {moment(fall.since, now)}"
    return html.Strong(f"{name} fell from {score(fall.before)} to {score(fall.after)} {since}.")


def _compared(found: OneScore, name: str) -> str:
    change = found.change
    if change is None:
        return (
            f"{name} does not fall within this period. The period before has too few calls to compare with."
        )
    if not change.certain:
        return f"{name} shows no change that chance does not explain."
    if signed(change.difference, score) == score(0.0):
        return f"{name} changed by less than 0.01 from the period before."
    way = "rose" if change.difference > 0 else "fell"
    return f"{name} {way} from {score(change.before)} in the period before to {score(change.after)}."


def _is_worse(group: GroupScore, worse: Worse) -> bool:
    change = group.change
    return change is not None and change.certain and (change.difference > 0) == (worse == "higher")


def named_group(field: str, values: Sequence[str | None]) -> str:
    """Return the name of a group, such as the one of a template on a model."""
    pairs = zip(field.split(","), values, strict=True)
    return " on ".join(_MISSING[one] if value is None else clip(value, _LONGEST_NAME) for one, value in pairs)


def _link(read: QualityFound, view: View, group: GroupScore) -> Any:
    shown = named_group(read.field, group.values)
    if _OTHER in group.values:
        return html.Span(shown, title="Names beyond the number that is kept apart each day")
    address = _only(_address(read, view), read.field, group)
    return dcc.Link(shown, href=f"/quality{address}", title=f"Show only {shown}")


def _only(search: str, field: str, group: GroupScore) -> str:
    for one, value in zip(field.split(","), group.values, strict=True):
        search = with_condition(search, one, value)
    return search


def _table(read: QualityFound, view: View, worse: Worse) -> Any:
    groups = read.found.groups
    if not groups:
        return html.P("There are no calls to group in this period.", className="remark")
    titles = (
        _words(read.field).capitalize(),
        "Calls",
        "Mean",
        f"Change{_since(read)} (95 % interval)",
        "Flagged",
        "",
    )
    table = html.Table(
        [
            html.Thead(
                html.Tr(
                    [
                        html.Th(title or html.Span("Traces", className="unseen"), scope="col")
                        for title in titles
                    ]
                )
            ),
            html.Tbody([_row(read, view, group, worse) for group in groups[:_MOST_SHOWN]]),
        ],
        className="groups",
    )
    left = len(groups) - _MOST_SHOWN
    more = html.P(f"{left} more groups are not shown.", className="remark") if left > 0 else None
    region = html.Div(table, className="scrolled", tabIndex="0", role="region", **aria(label="Groups"))
    return [region, more]


def _since(read: QualityFound) -> str:
    return f" since {moment(read.found.since, read.now)}" if read.found.since else ""


def _row(read: QualityFound, view: View, group: GroupScore, worse: Worse) -> Any:
    traces = None
    if _OTHER not in group.values:
        address = _only(search_of(_shown_since(read, view)), read.field, group)
        shown = named_group(read.field, group.values)
        traces = dcc.Link("Traces", href=f"/traces{address}", title=f"Traces of {shown}")
    rate = group.flagged / group.assessed if group.assessed else None
    calls = (
        count(group.count)
        if group.count == group.records
        else f"{count(group.count)} of {count(group.records)}"
    )
    return html.Tr(
        [
            html.Th(_link(read, view, group), scope="row"),
            html.Td(calls),
            html.Td(score(group.mean)),
            html.Td(change_mark(group.change, score, worse=worse)),
            html.Td(f"{percent(rate)} of {count(group.assessed)}" if group.assessed else UNKNOWN),
            html.Td(traces),
        ],
        **attributes(data_worse=str(_is_worse(group, worse)).lower()),
    )


def _shown_since(read: QualityFound, view: View) -> View:
    """Return the view from the fall on, if there is one."""
    return view._replace(start=read.found.since) if read.found.since else view


def _labels(read: QualityFound, view: View) -> Any:
    found, evaluator = read.found, read.found.score.partition(".")[0]
    rows = [
        LinkedBar(
            _label_name(one.label, read),
            one.count / one.of,
            _share_text(one),
            f"/traces{with_condition(search_of(_shown_since(read, view)), f'label.{evaluator}', one.label)}",
        )
        for one in found.labels[:_MOST_LABELS]
    ]
    return linked_bars(rows, nothing="No call of this period has a label of this score.", kind="quality")


def _label_name(label: str, read: QualityFound) -> str:
    if read.found.score != USUAL_SCORE:
        return flag_name(label)
    if label == _NO_FAULT:
        return "No fault"
    return f"Low {label.replace('_', ' ')}" if label in read.scores else flag_name(label)


def _share_text(one: LabelShare) -> str:
    of = f"{percent(one.count / one.of)} of {count(one.of)}"
    if one.change is None:
        return of
    return f"{of}, {percent(one.change.before)} before"


def _labels_basis(found: OneScore) -> str:
    earlier = "the calls before the fall" if found.since else "the period before"
    most = f"{count(MOST_LABELLED)} newest calls of each"
    return f"labels of this score, against {earlier}; at most the {most}"


def _basis(found: OneScore) -> str:
    what = "calls since the fall" if found.since else "calls of this period"
    if found.calls_read is not None:
        what = f"at most {count(found.calls_read)} newest {what}"
    return f"{what}; groups that surely got worse come first"
