"""`llm-monitor budgets`: make, list, change and remove budgets of the running stack."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from app.access.administration import Line, find_project
from app.budgets.changes import BudgetRequest, change_budget, make_budget, remove_budget
from app.budgets.standing import BudgetOut, show_budgets
from app.config import load_settings
from app.errors import InvalidParameter
from app.local.clients import Clients, command_actor, open_clients
from app.privacy import Privacy
from app.schemas.budgets import Subject
from app.schemas.projects import DEFAULT_PROJECT
from app.storage.budgets.definitions import read_budgets
from app.storage.engine import reading
from app.terminal import cell, plain
from monitoring.spending.budgets import Cycle

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Make, list, change and remove budgets.")

Result = TypeVar("Result")
Project = Annotated[str, typer.Option(help="Id of the project.")]
Id = Annotated[UUID, typer.Argument(help="The id of the budget, which `list` shows.")]
_PLACES = Decimal("0.000001")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="A name that says what the budget is for.")],
    amount: Annotated[str, typer.Argument(help="US dollars per period.")],
    period: Annotated[Cycle, typer.Option(help="day, week (from Monday) or month.")] = "month",
    time_zone: Annotated[str, typer.Option(help="The time zone, such as Europe/Berlin.")] = "UTC",
    by: Annotated[Subject, typer.Option(help="What is counted.")] = "project",
    value: Annotated[str | None, typer.Option(help="The model, provider, user, tag or value.")] = None,
    key: Annotated[str | None, typer.Option(help="The name in the metadata.")] = None,
    project: Project = DEFAULT_PROJECT,
) -> None:
    """Make a budget, and add up the calls of its present period."""
    request = BudgetRequest(
        name=name,
        amount_usd=_dollars(amount),
        period=period,
        time_zone=time_zone,
        by=by,
        key=key,
        value=value,
    )
    privacy = Privacy(load_settings().secret_key)
    line = Line(project, command_actor(), datetime.now(UTC))
    made = _run(
        lambda clients: make_budget(
            clients.engine, line, request, lambda user: privacy.stored_forms(project, "USER_ID", user)
        )
    )
    typer.echo(f"{made.budget_id} ({plain(made.name)}) is made")


@app.command("list")
def list_(project: Project = DEFAULT_PROJECT) -> None:
    """List budgets with what is spent and reserved."""

    async def read(clients: Clients) -> list[BudgetOut]:
        async with reading(clients.engine) as connection:
            await find_project(connection, project)
            budgets = await read_budgets(connection, project)
            return await show_budgets(connection, clients.redis, budgets, datetime.now(UTC))

    table = Table(
        "budget", "name", "of", "period", "USD", "spent", "reserved", "%", "level", "ends", box=None
    )
    for one in _run(read):
        about = " ".join(text for text in (one.by, one.key, one.value) if text)
        amounts = [_shown(amount) for amount in (one.amount_usd, one.spent_usd, one.reserved_usd)]
        used = "" if one.used_pct is None else f"{one.used_pct:.1f}"
        table.add_row(
            str(one.budget_id),
            cell(one.name),
            cell(about),
            f"{one.period} {one.time_zone}",
            *amounts,
            used,
            one.level or "counting",
            f"{one.period_end:%Y-%m-%d %H:%M}",
        )
    Console().print(table)


@app.command()
def change(
    budget_id: Id,
    name: Annotated[str | None, typer.Option(help="The new name.")] = None,
    amount: Annotated[str | None, typer.Option(help="US dollars per period.")] = None,
    period: Annotated[
        Literal["day", "week", "month"] | None, typer.Option(help="day, week or month.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="The time zone.")] = None,
    project: Project = DEFAULT_PROJECT,
) -> None:
    """Change a budget. With another period or time zone it begins anew with the present period."""
    given = {
        "name": name,
        "amount_usd": None if amount is None else _dollars(amount),
        "period": period,
        "time_zone": time_zone,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    line = Line(project, command_actor(), datetime.now(UTC))
    changed = _run(lambda clients: change_budget(clients.engine, line, budget_id, changes))
    typer.echo(f"{budget_id} ({plain(changed.name)}) is changed")


@app.command()
def remove(budget_id: Id, project: Project = DEFAULT_PROJECT) -> None:
    """Remove a budget with what is known of it. The calls stay."""
    line = Line(project, command_actor(), datetime.now(UTC))
    _run(lambda clients: remove_budget(clients.engine, line, budget_id))
    typer.echo(f"{budget_id} is removed")


def _run(work: Callable[[Clients], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with open_clients() as clients:
            return await work(clients)

    return asyncio.run(run())


def _dollars(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise InvalidParameter(f"The amount must be a number of US dollars, not {text!r}.") from error


def _shown(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount.quantize(_PLACES).normalize():f}"
