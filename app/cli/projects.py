"""`llm-monitor projects`: make and list projects, straight in the database of the running stack."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.access.administration import Line, make_project, set_password
from app.local.clients import command_actor, transact
from app.schemas.projects import DEFAULT_PROJECT, ProjectSettings
from app.storage.access.projects import read_projects
from app.terminal import cell

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Make and list projects.")


@app.command()
def create(
    project_id: Annotated[str, typer.Argument(help="Its id: a-z, 0-9, - and _.")],
    name: Annotated[str | None, typer.Option(help="Its name for people; default: the id.")] = None,
) -> None:
    """Make a project; `llm-monitor keys create --project ID` then makes its keys."""
    line = Line(project_id, command_actor(), datetime.now(UTC))
    made = transact(lambda connection: make_project(connection, line, name or project_id, ProjectSettings()))
    typer.echo(f"project {made.project_id} is made")


@app.command()
def password(
    project_id: Annotated[str, typer.Argument(help="Whose admins sign in with it.")] = DEFAULT_PROJECT,
) -> None:
    """Set the password with which admins sign in to the dashboard; asks for it, or reads a line of standard input."""
    if sys.stdin.isatty():
        chosen = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        chosen = sys.stdin.readline().rstrip("\n")
    line = Line(project_id, command_actor(), datetime.now(UTC))
    transact(lambda connection: set_password(connection, line, chosen))
    typer.echo(f"the password of project {project_id} is set")


@app.command("list")
def list_() -> None:
    """List every project."""
    table = Table("project", "name", "made", box=None)
    for project in transact(read_projects):
        table.add_row(cell(project.project_id), cell(project.name), f"{project.created_at:%Y-%m-%d}")
    Console().print(table)
