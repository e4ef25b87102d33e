"""`llm-monitor projects`: make and list projects, directly in the running stack's database."""

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
    project_id: Annotated[str, typer.Argument(help="The id of the project: a-z, 0-9, - and _.")],
    name: Annotated[
        str | None, typer.Option(help="The name of the project for people; default: the id.")
    ] = None,
) -> None:
    """Make a project; `llm-monitor keys create --project ID` then makes its keys."""
    line = Line(project_id, command_actor(), datetime.now(UTC))
    made = transact(lambda connection: make_project(connection, line, name or project_id, ProjectSettings()))
    typer.echo(f"project {made.project_id} is made")


@app.command()
def password(
    project_id: Annotated[
        str, typer.Argument(help="The project whose admins sign in with the password.")
    ] = DEFAULT_PROJECT,
) -> None:
    """Set the password with which admins sign in to the dashboard.

    The command asks for it, or reads a line of standard input.
    """
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
