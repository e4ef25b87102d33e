"""`llm-monitor calibrate`: thresholds from a project's own traffic, or from labels of people."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.access.administration import Line
from app.catalogue import read_judges
from app.errors import InvalidParameter
from app.local.clients import Clients, command_actor, open_clients
from app.policies import change_policy, propose_by_labels, propose_thresholds
from app.schemas.projects import DEFAULT_PROJECT
from app.storage.engine import reading, writing
from app.terminal import cell
from monitoring.statistics.calibration import LabelProposal, Proposal
from monitoring.statistics.trends import parse_period
from monitoring.verdict import Policy

__all__ = ["calibrate"]

Proposals = Mapping[str, Proposal | LabelProposal]


def calibrate(
    *,
    project: Annotated[
        str, typer.Option(help="The project with the traffic and the thresholds.")
    ] = DEFAULT_PROJECT,
    rate: Annotated[float, typer.Option(help="The share of records that may be beyond a threshold.")] = 0.01,
    from_: Annotated[str, typer.Option("--from", help="The period to read: 24h, 7d, 30d.")] = "7d",
    from_labels: Annotated[
        bool,
        typer.Option("--from-labels", help="Follow the labels of people in this period, and not a rate."),
    ] = False,
    evaluator: Annotated[list[str] | None, typer.Option(help="Only this evaluator; may be repeated.")] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Set the proposed thresholds for the project.")
    ] = False,
) -> None:
    """Print for each evaluator the threshold beyond which a share RATE of records would be.

    The records are the project's stored ones. With --from-labels, print the threshold that decides
    most labelled calls as people do.
    """
    try:
        start = datetime.now(UTC) - parse_period(from_)
    except ValueError as error:
        raise InvalidParameter(f"--from: {error}.") from error
    asked = None if from_labels else rate
    proposals = asyncio.run(_calibrate(project, asked, start, frozenset(evaluator or ()), apply=apply))
    if from_labels and not proposals:
        typer.echo(f"nobody labelled a finding of {project} in this period")
        return
    Console().print(_table(proposals))
    taken = sum(one.proposed is not None for one in proposals.values())
    if apply:
        typer.echo(f"{taken} thresholds of {project} are set; new records are judged by them")
    elif taken:
        typer.echo("nothing was changed: --apply sets these thresholds for the project")


async def _calibrate(
    project: str, rate: float | None, start: datetime, chosen: frozenset[str], *, apply: bool
) -> Proposals:
    """Propose by a rate, or by labels where it is None."""
    async with open_clients() as clients:
        judges = await read_judges(clients.redis)
        if unknown := chosen - {judge.name for judge in judges if judge.threshold is not None}:
            known = ", ".join(judge.name for judge in judges if judge.threshold is not None)
            raise InvalidParameter(
                f"--evaluator {', '.join(sorted(unknown))} is no evaluator. Choose from {known or 'none, because no worker ran yet'}."
            )
        proposals: Proposals
        async with reading(clients.engine) as connection:
            if rate is None:
                proposals = await propose_by_labels(connection, project, judges, start)
            else:
                proposals = await propose_thresholds(connection, project, judges, rate, start)
        if chosen:
            proposals = {name: one for name, one in proposals.items() if name in chosen}
        if apply:
            await _apply(clients, project, proposals)
    return proposals


async def _apply(clients: Clients, project: str, proposals: Proposals) -> None:
    found = {name: one.proposed for name, one in proposals.items() if one.proposed is not None}
    judges = await read_judges(clients.redis)
    async with writing(clients.engine) as connection:
        line = Line(project, command_actor(), datetime.now(UTC))
        await change_policy(
            connection, line, judges, lambda own: Policy({**own.thresholds, **found}, own.weights)
        )


def _table(proposals: Proposals) -> Table:
    by_labels = any(isinstance(one, LabelProposal) for one in proposals.values())
    said = ("labels", "now at", "right", "proposed", "would be right")
    counted = ("records", "now at", "beyond", "proposed", "would be beyond")
    table = Table("evaluator", *(said if by_labels else counted), box=None)
    for name, one in proposals.items():
        if isinstance(one, LabelProposal):
            number, now, then = one.true_alarms + one.false_alarms, one.right, one.right_then
        else:
            number, now, then = one.records, one.beyond, one.beyond_then
        found = ("-", one.reason) if one.proposed is None else (f"{one.proposed:g}", f"{then:,}")
        table.add_row(cell(name), f"{number:,}", f"{one.current:g}", f"{now:,}", *found)
    return table
