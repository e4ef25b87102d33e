"""`llm-monitor policy`: by which thresholds and weights a project's records are judged, and changing them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.access.administration import Line
from app.catalogue import read_judges
from app.errors import InvalidParameter
from app.local.clients import command_actor, open_clients
from app.policies import PolicyReport, change_policy, read_policy
from app.schemas.projects import DEFAULT_PROJECT
from app.storage.engine import reading, writing
from app.terminal import cell
from monitoring.verdict import Policy

__all__ = ["policy"]

_DEFAULT = "default"
Changes = Mapping[str, float | None]


def policy(
    *,
    project: Annotated[str, typer.Option(help="Whose policy.")] = DEFAULT_PROJECT,
    threshold: Annotated[
        list[str] | None, typer.Option(help="evaluator=0.8, or evaluator=default; may be repeated.")
    ] = None,
    weight: Annotated[
        list[str] | None, typer.Option(help="evaluator=0.3, or evaluator=default; may be repeated.")
    ] = None,
) -> None:
    """Print a project's thresholds and weights; with options, change them first, for records from now on."""
    thresholds, weights = _read("--threshold", threshold or ()), _read("--weight", weight or ())
    report = asyncio.run(_run(project, thresholds, weights))
    Console().print(_table(report))
    if report.decided:
        typer.echo(f"decided on {report.decided}; in brackets what holds for everybody")


async def _run(project: str, thresholds: Changes, weights: Changes) -> PolicyReport:
    async with open_clients() as clients:
        judges = await read_judges(clients.redis)
        if not thresholds and not weights:
            async with reading(clients.engine) as connection:
                return await read_policy(connection, project, judges)
        async with writing(clients.engine) as connection:
            line = Line(project, command_actor(), datetime.now(UTC))
            return await change_policy(
                connection, line, judges, lambda own: _changed(own, thresholds, weights)
            )


def _changed(own: Policy, thresholds: Changes, weights: Changes) -> Policy:
    try:
        return Policy(_merge(own.thresholds, thresholds), _merge(own.weights, weights))
    except ValueError as error:
        raise InvalidParameter(f"{error}.") from error


def _read(option: str, entries: Sequence[str]) -> Changes:
    changes: dict[str, float | None] = {}
    for entry in entries:
        name, _, value = entry.partition("=")
        try:
            changes[name] = None if value == _DEFAULT else float(value)
        except ValueError as error:
            raise InvalidParameter(
                f"{option} {entry}: write evaluator=number, or evaluator={_DEFAULT}."
            ) from error
    return changes


def _merge(own: Mapping[str, float], changes: Changes) -> dict[str, float]:
    return {name: value for name, value in {**own, **changes}.items() if value is not None}


def _table(report: PolicyReport) -> Table:
    table = Table("evaluator", "category", "raises", "threshold", "weight", box=None)
    for name, one in report.evaluators.items():
        cells = (
            _cell(one.threshold, one.default_threshold),
            _cell(one.weight, one.default_weight) if one.category == "quality" else "-",
        )
        table.add_row(cell(name), cell(one.category), cell(one.flag or "-"), *cells)
    return table


def _cell(value: float | None, default: float | None) -> str:
    shown = "-" if value is None else f"{value:g}"
    return shown if value == default else f"{shown} ({'-' if default is None else f'{default:g}'})"
