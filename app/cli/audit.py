"""`llm-monitor audit`: who administered what, straight from the database of the running stack."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from app.local.clients import transact
from app.schemas.ids import minted_at
from app.storage.access.audit import read_acts
from app.terminal import plain

__all__ = ["audit"]


def audit(
    project: Annotated[str | None, typer.Option(help="Only acts on this project.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 100,
) -> None:
    """Print acts of administration, one a line: moment, project, actor, act, subject, detail."""
    for act in transact(lambda connection: read_acts(connection, project, limit=limit)):
        moment = f"{minted_at(act.act_id):%Y-%m-%dT%H:%M:%SZ}"
        detail = msgspec.json.encode(act.detail).decode()
        said = (act.project_id, act.actor, act.act, act.subject, detail)
        typer.echo("\t".join([moment, *map(plain, said)]))
