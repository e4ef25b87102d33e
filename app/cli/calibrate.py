"""`llm-monitor calibrate`: thresholds of a project from quantiles of its own traffic."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.access.administration import Line
from app.catalogue import read_judges
from app.errors import InvalidParameter
from app.local.clients import Clients, command_actor, open_clients
from app.policies import change_policy, propose_thresholds
from app.schemas.projects import DEFAULT_PROJECT
from app.storage.engine import reading, writing
from app.terminal import cell
from monitoring.statistics.calibration import Proposal
from monitoring.statistics.trends import parse_period
from monitoring.verdict import Policy

__all__ = ["calibrate"]


def calibrate(
    *,
    project: Annotated[str, typer.Option(help="Whose traffic and thresholds.")] = DEFAULT_PROJECT,
    rate: Annotated[float, typer.Option(help="Share of records that may lie beyond a threshold.")] = 0.01,
    from_: Annotated[str, typer.Option("--from", help="How far back: 24h, 7d, 30d.")] = "7d",
    evaluator: Annotated[list[str] | None, typer.Option(help="Only this evaluator; may be repeated.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Make the proposals the project's own.")] = False,
) -> None:
    """Print for each evaluator the threshold beyond which RATE of the project's stored records would lie."""
    try:
        start = datetime.now(UTC) - parse_period(from_)
    except ValueError as error:
        raise InvalidParameter(f"--from: {error}.") from error
    proposals = asyncio.run(_calibrate(project, rate, start, frozenset(evaluator or ()), apply=apply))
    Console().print(_table(proposals))
    taken = sum(one.proposed is not None for one in proposals.values())
    if apply:
        typer.echo(f"{taken} thresholds are now those of {project}; records from now on are judged by them")
    elif taken:
        typer.echo("nothing was changed: --apply makes these thresholds the project's own")


async def _calibrate(
    project: str, rate: float, start: datetime, chosen: frozenset[str], *, apply: bool
) -> dict[str, Proposal]:
    async with open_clients() as clients:
        judges = await read_judges(clients.redis)
        async with reading(clients.engine) as connection:
            proposals = await propose_thresholds(connection, project, judges, rate, start)
        if unknown := chosen - proposals.keys():
            raise InvalidParameter(
                f"--evaluator {', '.join(sorted(unknown))}: take of {', '.join(proposals) or 'none: no worker ran yet'}."
            )
        if chosen:
            proposals = {name: one for name, one in proposals.items() if name in chosen}
        if apply:
            await _apply(clients, project, proposals)
    return proposals


async def _apply(clients: Clients, project: str, proposals: dict[str, Proposal]) -> None:
    found = {name: one.proposed for name, one in proposals.items() if one.proposed is not None}
    judges = await read_judges(clients.redis)
    async with writing(clients.engine) as connection:
        line = Line(project, command_actor(), datetime.now(UTC))
        await change_policy(
            connection, line, judges, lambda own: Policy({**own.thresholds, **found}, own.weights)
        )


def _table(proposals: dict[str, Proposal]) -> Table:
    table = Table("evaluator", "records", "now at", "beyond", "proposed", "would be beyond", box=None)
    for name, one in proposals.items():
        cells = (
            (f"{one.proposed:g}", f"{one.beyond_then:,}") if one.proposed is not None else ("-", one.reason)
        )
        table.add_row(cell(name), f"{one.records:,}", f"{one.current:g}", f"{one.beyond:,}", *cells)
    return table
