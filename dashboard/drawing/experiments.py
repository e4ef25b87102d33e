"""Two runs compared: what may be claimed, figure by figure, and the items that changed most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from dash import dcc, html

from app.schemas.datasets import Run
from app.storage.datasets.overviews import RunOutput
from dashboard.data.datasets import ComparedRuns, RunsFound
from dashboard.data.view import kept_fields, with_fields
from dashboard.drawing.changes import signed
from dashboard.drawing.components import aria, attributes, flag_name
from dashboard.drawing.datasets import DATASETS_PATH, EXPERIMENTS_PATH, dataset_address, run_figures
from dashboard.drawing.formatting import UNKNOWN, clip, score
from dashboard.drawing.lists import listing
from dashboard.drawing.word_changes import changed_words
from monitoring.experiments.answers import PASSING
from monitoring.experiments.comparison import ChangedItem, FigureChange

__all__ = ["comparison_shown", "runs_shown"]

_LONGEST: Final = 4_000
_SCORES_SHOWN: Final = 8


def runs_shown(found: RunsFound, search: str, base: str | None, other: str | None) -> list[Any]:
    """Return the runs that may be chosen: a base first, then one that answers the same dataset."""
    if not found.runs:
        return [
            html.P("No run was sent yet."),
            html.P(
                [
                    "Make a dataset on the page ",
                    dcc.Link("Datasets", href=f"{DATASETS_PATH}{kept_fields(search)}"),
                    ", and send what a model answers with POST /experiments or llm-monitor evaluate.",
                ],
                className="remark",
            ),
        ]
    chosen = next((run for run in found.runs if str(run.run_id) in {base, other}), None)
    shown = [run for run in found.runs if chosen is None or run.dataset_id == chosen.dataset_id]
    heads = ("Run", "Dataset", "Outputs", "Passed", "Quality", "Made", "")
    rows = [_row(run, found, search, {"base": base, "other": other}) for run in shown]
    clear = dcc.Link("Choose among all runs", href=f"{EXPERIMENTS_PATH}{kept_fields(search)}")
    return [listing("Runs", heads, rows, ""), html.P(clear) if chosen else None]


def _row(run: Run, found: RunsFound, search: str, chosen: Mapping[str, str | None]) -> list[Any]:
    dataset = found.datasets.get(run.dataset_id)
    named = (
        dcc.Link(html.Bdi(dataset.name), href=dataset_address(search, dataset.dataset_id))
        if dataset
        else UNKNOWN
    )
    return [
        html.Bdi(run.name),
        html.Span([named, f", version {run.version}"]),
        *run_figures(run),
        f"{run.created_at:%Y-%m-%d %H:%M}",
        html.Span(
            [
                _choice("Base", "base", run, chosen, search),
                _choice("Compare", "other", run, chosen, search),
            ],
            className="acts",
        ),
    ]


def _choice(title: str, field: str, run: Run, chosen: Mapping[str, str | None], search: str) -> Any:
    run_id = str(run.run_id)
    if chosen[field] == run_id:
        return html.Span(f"{title}: this one", className="word")
    changes: dict[str, str | None] = {"trace": None}
    # A run is not compared with itself.
    changes |= {name: None for name, value in chosen.items() if value == run_id}
    href = f"{EXPERIMENTS_PATH}{with_fields(search, **changes | {field: run_id})}"
    about = f"Take {run.name} as the base" if field == "base" else f"Compare {run.name} with the base"
    return dcc.Link(title, href=href, className="plain", title=about)


def comparison_shown(found: ComparedRuns, search: str) -> list[Any]:
    """Return the comparison: the claim about the pass rate, all figures, and changed items."""
    compared, base, other = found.comparison, found.base, found.other
    passing = next((one for one in compared.figures if one.figure == PASSING), None)
    alone = compared.only_base + compared.only_other
    parts = f"{compared.items:,} items were answered in both runs" + (
        f", and {alone:,} in one of them alone." if alone else "."
    )
    names = (clip(base.name, 40), clip(other.name, 40))
    heads = ("Figure", *names, "Difference", "95 % interval", "p", "Items", "What may be claimed")
    return [
        html.P(
            [
                html.Bdi(base.name),
                " is the base, and ",
                html.Bdi(other.name),
                " is compared with it, over ",
                dcc.Link(
                    html.Bdi(found.dataset.name), href=dataset_address(search, found.dataset.dataset_id)
                ),
                f". {parts}",
            ]
        ),
        html.P(_claim(passing), className="claim") if passing else None,
        listing(
            "Figures of both runs",
            heads,
            [_figure(one) for one in compared.figures],
            "No item was answered in both runs: nothing can be compared.",
        ),
        html.H3("Items that changed most"),
        *_changed(found, search),
    ]


def _claim(change: FigureChange) -> Any:
    return html.Span(["Pass rate: ", html.Bdi(change.sentence), "."], **_state(change))


def _state(change: FigureChange) -> dict[str, Any]:
    if not change.real:
        return {}
    return attributes(data_state="good" if change.better else "bad")


def _figure(change: FigureChange) -> list[Any]:
    bounds = (
        UNKNOWN
        if change.low is None or change.high is None
        else f"{signed(change.low, score)} to {signed(change.high, score)}"
    )
    difference = UNKNOWN if change.difference is None else signed(change.difference, score)
    return [
        html.Bdi(flag_name(change.figure)),
        score(change.base),
        score(change.other),
        html.Span(difference, className="change", **_state(change)),
        html.Span(bounds, className="number"),
        f"{change.adjusted_p:.3f}",
        f"{change.n:,}",
        html.Bdi(change.sentence),
    ]


def _changed(found: ComparedRuns, search: str) -> list[Any]:
    changed = [one for one in found.comparison.changed_most if _outputs(found, found.base.run_id, one)]
    if not changed:
        return [html.P("No item changed.", className="remark")]
    listed = {one.item_id for one in found.outputs}
    return [_card(found, one, search) for one in changed if one.item_id in listed]


def _outputs(found: ComparedRuns, run_id: UUID, one: ChangedItem) -> list[RunOutput]:
    return [each for each in found.outputs if each.run_id == run_id and each.item_id == one.item_id]


def _card(found: ComparedRuns, one: ChangedItem, search: str) -> Any:
    item = found.items.get(one.item_id)
    left, right = (_outputs(found, run.run_id, one) for run in (found.base, found.other))
    texts = [(each[0].response or "")[:_LONGEST] if each else "" for each in (left, right)]
    mine, others, _ = changed_words(*texts)
    return html.Article(
        [
            html.H4(html.Bdi(clip(item.prompt if item else one.item_id, 200))),
            html.P(["Expected: ", html.Bdi(clip(item.reference, 300))], className="remark")
            if item and item.reference
            else None,
            html.Div(
                [
                    _half("Base", found.base, left, mine, search),
                    _half("Compared", found.other, right, others, search),
                ],
                className="halves",
            ),
            html.Ul([html.Li(each) for each in _moves(one)], className="keys"),
        ],
        className="card",
    )


def _half(title: str, run: Run, outputs: Sequence[RunOutput], shown: list[Any], search: str) -> Any:
    first = outputs[0] if outputs else None
    more = f" The first of {len(outputs)} repetitions." if len(outputs) > 1 else ""
    gone = first is None or first.response is None
    content = "This output is no longer stored." if gone else shown or html.Em("empty")
    opened = (
        dcc.Link("Open the call", href=with_fields(search, trace=str(first.trace_id)))
        if first and first.trace_id and not gone
        else None
    )
    return html.Div(
        [
            html.P([f"{title}: ", html.Bdi(clip(run.name, 60)), more, " ", opened], className="remark"),
            html.Div(content, className="text", tabIndex="0", role="region", **aria(label=f"{title} output")),
        ]
    )


def _moves(one: ChangedItem) -> list[str]:
    """Return how the scores of an item changed, the greatest change first."""
    both = [
        (name, value, one.other[name])
        for name, value in one.base.items()
        if name in one.other and abs(one.other[name] - value) > 0.005  # noqa: PLR2004 less is not seen
    ]
    both.sort(key=lambda each: -abs(each[2] - each[1]))
    return [f"{flag_name(name)} {before:.2f} → {after:.2f}" for name, before, after in both[:_SCORES_SHOWN]]
