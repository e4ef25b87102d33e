"""`llm-monitor keys`: make, list and revoke API keys, directly in the running stack's database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, get_args

import typer
from rich.console import Console
from rich.table import Table

from app.access.administration import KeyRequest, Line, find_project, issue_key, withdraw_key
from app.config import MOST_DAYS
from app.errors import InvalidParameter
from app.local.clients import command_actor, transact
from app.schemas.keys import Key, Scope
from app.schemas.projects import DEFAULT_PROJECT
from app.storage.access.keys import read_keys
from app.storage.engine import Connection
from app.terminal import cell, plain

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")

Project = Annotated[str, typer.Option(help="Id of the project.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="A name that says what the key is for.")],
    scope: Annotated[list[str], typer.Option(help="feedback, ingest, read or admin; may be repeated.")],
    project: Project = DEFAULT_PROJECT,
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=MOST_DAYS, help="Days until the key expires.")
    ] = None,
    requests_per_minute: Annotated[
        int | None,
        typer.Option(min=1, max=1_000_000, help="The rate limit of the key in requests per minute."),
    ] = None,
) -> None:
    """Make a key and print it, only this once.

    With the first key, the API begins to require keys.
    """
    now = datetime.now(UTC)
    request = KeyRequest(
        name=name,
        scopes=tuple(_scope(value) for value in scope),
        requests_per_minute=requests_per_minute,
        expires_at=now + timedelta(days=expires_days) if expires_days else None,
    )
    line = Line(project, command_actor(), now)
    key, text = transact(lambda connection: issue_key(connection, line, request))
    typer.echo(f"{key.prefix} for project {project}; it is shown only this once:", err=True)
    typer.echo(text)


@app.command("list")
def list_(project: Annotated[str | None, typer.Option(help="Only keys of this project.")] = None) -> None:
    """List keys without their secrets, including those that ended."""

    async def read(connection: Connection) -> list[Key]:
        if project is not None:
            await find_project(connection, project)
        return await read_keys(connection, project)

    now = datetime.now(UTC)
    table = Table("key", "project", "name", "scopes", "state", "made", "ends", box=None)
    for key in transact(read):
        ends = key.revoked_at or key.expires_at
        scopes = " ".join(key.scopes)
        days = (f"{moment:%Y-%m-%d}" if moment else "" for moment in (key.created_at, ends))
        table.add_row(key.prefix, cell(key.project_id), cell(key.name), scopes, key.state(now), *days)
    Console().print(table)


@app.command()
def revoke(
    prefix: Annotated[str, typer.Argument(help="The public beginning of the key: lm_ and 12 digits.")],
    project: Project = DEFAULT_PROJECT,
) -> None:
    """Revoke a key forever. Every process refuses it within two seconds."""
    line = Line(project, command_actor(), datetime.now(UTC))
    key = transact(lambda connection: withdraw_key(connection, line, prefix))
    typer.echo(f"{key.prefix} ({plain(key.name)}) is revoked")


def _scope(value: str) -> Scope:
    for scope in get_args(Scope):
        if scope == value:
            found: Scope = scope
            return found
    raise InvalidParameter(f"--scope must be feedback, ingest, read or admin, not {value!r}.")
