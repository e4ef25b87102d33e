"""Results of an evaluation: progress, a table, and the rows of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import dash_mantine_components as dmc
from dash import dcc, html

from app.schemas.columns import ColumnType
from app.schemas.exported import ExportColumn
from dashboard.data.view import with_fields
from dashboard.drawing.components import aria, flag_name
from dashboard.drawing.formatting import UNKNOWN, clip, money, score
from dashboard.drawing.lists import listing

__all__ = ["RESULT_COLUMNS", "evaluation_shown", "result_rows"]

RESULT_COLUMNS: Final = (
    ExportColumn("line", ColumnType.COUNT),
    ExportColumn("trace_id", ColumnType.ID),
    ExportColumn("model_name", ColumnType.TEXT),
    ExportColumn("quality_score", ColumnType.NUMBER),
    ExportColumn("safety_score", ColumnType.NUMBER),
    ExportColumn("is_safe", ColumnType.TRUTH),
    ExportColumn("safety_flags", ColumnType.TEXTS),
    ExportColumn("cost_usd", ColumnType.MONEY),
    ExportColumn("error", ColumnType.TEXT),
)
"""The columns of a file of results."""
_LONGEST_NAME: Final = 80
_FULL: Final = 100


def evaluation_shown(answer: Mapping[str, Any], search: str) -> list[Any]:
    """Return the progress and results of an evaluation as the API answers it."""
    rows = list(result_rows(answer))
    heads = ("Pair", "Quality", "Safety", "Flags", "Model", "Cost")
    return [
        *_progress(answer),
        listing("Results", heads, [_cells(row, search) for row in rows], "No pair was accepted."),
    ]


def result_rows(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield results and errors in the order of the pairs, numbered from 1."""
    failed = set(answer.get("failed", ()))
    errors = {one["line"]: one for one in answer["errors"]}
    results = iter(answer["results"])
    for line in range(1, len(answer["results"]) + len(errors) + 1):
        if line in errors:
            one = errors[line]
            yield {
                "line": line,
                "error": f"{one['field']}: {one['message']}" if one["field"] else one["message"],
            }
        elif (found := next(results, None)) is not None:
            given_up = {"error": "it could not be scored"} if found["trace_id"] in failed else {}
            yield {"line": line, **found, **given_up}


def _progress(answer: Mapping[str, Any]) -> list[Any]:
    done, total = answer["evaluated_count"], len(answer["results"])
    unsafe = sum(one["is_safe"] is False for one in answer["results"])
    values = [one["quality_score"] for one in answer["results"] if one["quality_score"] is not None]
    mean = f" Their mean quality is {score(sum(values) / len(values))}." if values else ""
    refused = f" {len(answer['errors']):,} pairs were refused." if answer["errors"] else ""
    if answer["state"] == "running":
        return [
            html.P(f"{done:,} of {total:,} pairs are scored. This page continues by itself.{refused}"),
            dmc.Progress(value=_FULL * done / max(total, 1), mb="md", **aria(label="Pairs that are scored")),
        ]
    return [html.P(f"{done:,} of {total:,} pairs are scored, {unsafe:,} of them flagged.{mean}{refused}")]


def _cells(row: Mapping[str, Any], search: str) -> Sequence[Any]:
    if "trace_id" not in row or "error" in row:
        return [f"{row['line']:,}", UNKNOWN, UNKNOWN, html.Bdi(row["error"]), UNKNOWN, UNKNOWN]
    flags = [html.Span(flag_name(flag), className="flag") for flag in row["safety_flags"]]
    cost = row["cost_usd"]
    return [
        dcc.Link(f"{row['line']:,}", href=with_fields(search, trace=str(row["trace_id"]))),
        score(row["quality_score"]),
        score(row["safety_score"]),
        html.Span(flags, className="flags") if flags else "none" if row["is_safe"] else UNKNOWN,
        html.Bdi(clip(row["model_name"], _LONGEST_NAME)),
        money(None if cost is None else Decimal(str(cost))),
    ]
