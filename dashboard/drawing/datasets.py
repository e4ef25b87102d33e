"""Datasets as a list, and one of them with its runs, items and versions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from dash import dcc, html

from app.schemas.datasets import DatasetVersion, Item, Run
from app.storage.datasets.overviews import DatasetOverview
from dashboard.data.datasets import DatasetFound
from dashboard.data.view import kept_fields, with_fields
from dashboard.drawing.components import aria
from dashboard.drawing.confirmation import confirmation
from dashboard.drawing.formatting import UNKNOWN, clip, instant, percent, score
from dashboard.drawing.lists import facts, listing

__all__ = [
    "DATASETS_PATH",
    "EXPERIMENTS_PATH",
    "MOST_UPLOADED",
    "UPLOAD_PATH",
    "dataset_address",
    "dataset_list",
    "dataset_shown",
    "run_figures",
]

DATASETS_PATH: Final = "/datasets"
EXPERIMENTS_PATH: Final = "/experiments"
UPLOAD_PATH: Final = "/upload/dataset"
MOST_UPLOADED: Final = 16 * 1024 * 1024
"""Bytes of one file."""
_CLIPPED: Final = 160
_LONGEST: Final = 20_000


def dataset_address(search: str, dataset_id: object, **fields: str | None) -> str:
    """Return the address of a dataset, with what every page keeps of the present address."""
    return f"{DATASETS_PATH}{with_fields(kept_fields(search), dataset=str(dataset_id), **fields)}"


def dataset_list(found: Sequence[DatasetOverview], search: str) -> list[Any]:
    """Return the table of all datasets, or what to do where there is none."""
    if not found:
        return [
            html.P("There is no dataset yet."),
            html.P(
                [
                    "Choose a file above, or ",
                    dcc.Link("open the traces", href=f"/traces{kept_fields(search)}"),
                    " and make a dataset of those that a filter shows.",
                ],
                className="remark",
            ),
        ]
    heads = ("Dataset", "Items", "Version", "Changed", "Runs", "Approved baseline")
    rows = [
        [
            dcc.Link(html.Bdi(one.dataset.name), href=dataset_address(search, one.dataset.dataset_id)),
            f"{one.dataset.items:,}",
            str(one.dataset.version),
            _moment(one.changed_at),
            f"{one.runs:,}",
            html.Bdi(one.approved) if one.approved else "none",
        ]
        for one in found
    ]
    return [listing("Datasets of this project", heads, rows, "")]


def dataset_shown(found: DatasetFound, search: str, approving: str | None) -> list[Any]:
    """Return a dataset; `approving` is the id of the run that is about to become its baseline."""
    dataset = found.dataset
    approved = next((run for run in found.runs if run.run_id == dataset.approved_run), None)
    wanted = next((run for run in found.runs if str(run.run_id) == approving), None)
    baseline = "none yet: approve a run below" if dataset.approved_run is None else "a run that is older"
    return [
        dcc.Link("All datasets", href=f"{DATASETS_PATH}{kept_fields(search)}"),
        html.H3(html.Bdi(dataset.name), className="named"),
        facts(
            [
                ("Items", f"{dataset.items:,} in version {dataset.version}"),
                ("Approved baseline", html.Bdi(approved.name) if approved else baseline),
            ]
        ),
        _question(wanted, approved, found, search) if wanted else None,
        html.H3("Runs"),
        _runs(found, search),
        html.H3("Items" if found.version == dataset.version else f"Items of version {found.version}"),
        _items(found, search),
        html.H3("Versions"),
        _versions(found.versions, found, search),
    ]


def _question(run: Run, approved: Run | None, found: DatasetFound, search: str) -> Any:
    before = f" It takes the place of “{approved.name}”." if approved else ""
    return confirmation(
        "datasets",
        f"Make the run “{run.name}” the approved baseline of “{found.dataset.name}”? "
        f"Builds with --baseline approved are then compared with it.{before}",
        "Approve this run",
        dataset_address(search, found.dataset.dataset_id),
    )


def run_figures(run: Run) -> list[Any]:
    """Return the cells of a run: how far it is, pass rate and quality."""
    if run.figures is None:
        return [f"{run.done:,} of {run.total:,} scored", UNKNOWN, UNKNOWN]
    quality = run.figures.scores.get("overall_quality")
    missing = f", {run.missing:,} items without" if run.missing else ""
    return [
        f"{run.total:,} outputs{missing}",
        percent(run.figures.pass_rate),
        score(quality.mean if quality else None),
    ]


def _runs(found: DatasetFound, search: str) -> Any:
    heads = ("Run", "Version", "Outputs", "Passed", "Quality", "Made", "By", "")
    rows = [
        [
            html.Bdi(run.name),
            str(run.version),
            *run_figures(run),
            _moment(run.created_at),
            html.Bdi(run.actor),
            _acts(run, found, search),
        ]
        for run in found.runs
    ]
    return listing(
        "Runs", heads, rows, "Nothing answered this dataset yet: send outputs with POST /experiments."
    )


def _acts(run: Run, found: DatasetFound, search: str) -> Any:
    dataset, run_id = found.dataset, str(run.run_id)
    if run.run_id == dataset.approved_run:
        return html.Span("Approved baseline", className="word")
    links = []
    if run.figures is not None:
        fields = {"base": "approved", "other": run_id} if dataset.approved_run else {"base": run_id}
        compare = f"{EXPERIMENTS_PATH}{with_fields(kept_fields(search), **fields)}"
        links.append(dcc.Link("Compare", href=compare))
    if run.figures is not None and not run.missing and not run.figures.unjudged:
        links.append(dcc.Link("Approve …", href=dataset_address(search, dataset.dataset_id, approve=run_id)))
    return html.Span(links, className="links")


def _items(found: DatasetFound, search: str) -> Any:
    heads = ("Item", "Prompt", "Reference", "Context", "Metadata", "Split", "Call")
    shown = listing(
        "Items", heads, [_item(item, search) for item in found.items], "This version has no item."
    )
    place = {"version": str(found.version)}
    pages = [
        dcc.Link(
            "Next items", href=dataset_address(search, found.dataset.dataset_id, after=found.after, **place)
        )
        if found.after
        else None,
    ]
    return html.Div([shown, html.Nav(pages, className="pages")])


def _item(item: Item, search: str) -> list[Any]:
    metadata = json.dumps(item.metadata, ensure_ascii=False) if item.metadata else ""
    return [
        html.Bdi(clip(item.item_id, 40)),
        _text(item.prompt),
        _text(item.reference),
        _text("\n\n".join(item.context)),
        _text(metadata),
        html.Bdi(item.split) if item.split else UNKNOWN,
        dcc.Link(
            "Open", href=with_fields(search, trace=str(item.trace_id)), title="Open the call it was made from"
        )
        if item.trace_id
        else UNKNOWN,
    ]


def _text(text: str | None) -> Any:
    """Return a text of foreign origin, folded where it is long."""
    if not text:
        return UNKNOWN
    short = clip(text, _CLIPPED)
    if short == text:
        return html.Bdi(text)
    return html.Details(
        [
            html.Summary(html.Bdi(short)),
            html.Div(
                text[:_LONGEST], className="text", tabIndex="0", role="region", **aria(label="The whole text")
            ),
        ],
        className="cell",
    )


def _versions(versions: Sequence[DatasetVersion], found: DatasetFound, search: str) -> Any:
    heads = ("Version", "What changed", "Items", "By", "When")
    rows = [
        [
            dcc.Link(
                f"Version {one.version}",
                href=dataset_address(search, found.dataset.dataset_id, version=str(one.version)),
            ),
            one.change,
            f"{one.items:,}",
            html.Bdi(one.actor),
            _moment(one.created_at),
        ]
        for one in versions[:_MOST_VERSIONS]
    ]
    return listing("Versions", heads, rows, "There is no version.")


_MOST_VERSIONS: Final = 50


def _moment(at: Any) -> str:
    return instant(at).replace("T", " ").removesuffix("Z")
