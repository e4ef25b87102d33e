"""`llm-monitor dead`: the records that were given up, through the API of a running stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Self
from uuid import UUID

import httpx
import typer
from rich.console import Console
from rich.table import Table

from app.config import load_settings
from app.errors import InvalidParameter, Unavailable
from app.refusal import read_refusal
from app.terminal import cell, plain

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Look at records that could not be scored or stored, try them again, or throw them away.",
)
_PAGE = 500
Url = Annotated[str | None, typer.Option(help="Base address of the API; default: the local stack.")]
Reason = Annotated[str | None, typer.Option(help="Only those given up for this reason.")]
Before = Annotated[datetime | None, typer.Option(help="Only those given up earlier, in UTC.")]
Ids = Annotated[list[UUID] | None, typer.Argument(metavar="[TRACE_ID]...", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Every one that --reason and --before leave.")]


@app.command("list")
def list_letters(
    reason: Reason = None,
    before: Before = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    url: Url = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """List them, the last received first: trace id, when, how often it was tried, why."""
    table = Table("trace id", "given up", "tries", "replayed", "reason", "detail", box=None)
    with _Api(url) as api:
        for letter in api.letters(_chosen(reason, before), limit):
            if as_json:
                typer.echo(json.dumps(letter))
                continue
            when, replayed = (_short(letter[name]) for name in ("created_at", "replayed_at"))
            table.add_row(
                letter["trace_id"],
                when,
                str(letter["attempts"]),
                replayed,
                cell(letter["reason"]),
                cell(letter["detail"]),
            )
    if table.row_count:
        Console().print(table)
    elif not as_json:
        typer.echo("no record was given up")


@app.command()
def show(trace_id: UUID, url: Url = None) -> None:
    """Print one with its record as JSON; a record that cannot be read is printed as base64."""
    with _Api(url) as api:
        shown = json.dumps(api.ask("GET", f"/{trace_id}"), indent=2, ensure_ascii=False)
        typer.echo("\n".join(map(plain, shown.split("\n"))))


@app.command()
def replay(
    trace_ids: Ids = None,
    *,
    every: All = False,
    reason: Reason = None,
    before: Before = None,
    url: Url = None,
) -> None:
    """Queue records once more under their trace ids: the named ones, or with --all those never replayed.

    One that is stored then is no dead letter any more; one that fails again stays, with the new reason.
    """
    _check(trace_ids, every=every, narrowed=bool(reason or before))
    replayed = unreadable = 0
    with _Api(url) as api:
        for trace_id in trace_ids or ():
            api.ask("POST", f"/{trace_id}/replay")
            replayed += 1
        # What fails again meanwhile is given up later than now, and not replayed without end.
        chosen = _chosen(reason, before or datetime.now(UTC).replace(tzinfo=None))
        while every:
            done = api.ask("POST", "/replay", chosen)
            replayed, unreadable = replayed + done["replayed"], unreadable + done["unreadable"]
            every = bool(done["replayed"] or done["unreadable"])
    typer.echo(f"replayed {replayed:,}" + (f"  unreadable {unreadable:,}" if unreadable else ""))


@app.command()
def purge(
    trace_ids: Ids = None,
    *,
    every: All = False,
    reason: Reason = None,
    before: Before = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    url: Url = None,
) -> None:
    """Throw records away for good: the named ones, or with --all those that --reason and --before leave."""
    _check(trace_ids, every=every, narrowed=bool(reason or before))
    if not yes:
        which = f"{len(trace_ids)} records" if trace_ids else "all records that were given up and are meant"
        typer.confirm(f"Throw away {which}? Nothing brings them back.", abort=True)
    with _Api(url) as api:
        if every:
            purged = api.ask("DELETE", "", _chosen(reason, before))["purged"]
        else:
            purged = sum(api.ask("DELETE", f"/{trace_id}")["purged"] for trace_id in trace_ids or ())
    typer.echo(f"purged {purged:,}")


class _Api:
    """The dead letters of a running API."""

    def __init__(self, url: str | None) -> None:
        settings = load_settings()
        headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        self._client = httpx.Client(base_url=url or settings.api_url, timeout=60, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, method: str, path: str, parameters: dict[str, Any] | None = None) -> Any:
        """Return the JSON of an answer; raises MonitorError with what the API says."""
        try:
            response = self._client.request(method, f"/pipeline/dead{path}", params=parameters)
        except httpx.TransportError as error:
            raise Unavailable(
                f"No API answers at {self._client.base_url}: start one, or give --url."
            ) from error
        if response.is_error:
            raise read_refusal(response, scope="admin")
        return response.json()

    def letters(self, parameters: dict[str, Any], limit: int) -> Iterator[dict[str, Any]]:
        """Yield at most `limit` letters, page by page."""
        cursor: str | None = ""
        while limit > 0 and cursor is not None:
            asked = {**parameters, "limit": min(limit, _PAGE), **({"cursor": cursor} if cursor else {})}
            page = self.ask("GET", "", asked)
            yield from page["dead_letters"]
            limit -= len(page["dead_letters"])
            cursor = page["next"]


def _chosen(reason: str | None, before: datetime | None) -> dict[str, Any]:
    chosen = {"reason": reason, "before": f"{before.isoformat()}Z" if before else None}
    return {name: value for name, value in chosen.items() if value is not None}


def _check(trace_ids: list[UUID] | None, *, every: bool, narrowed: bool) -> None:
    if bool(trace_ids) == every:
        raise InvalidParameter("Give either trace ids or --all.")
    if trace_ids and narrowed:
        raise InvalidParameter("--reason and --before go with --all.")


def _short(moment: str | None) -> str:
    return moment[:19].replace("T", " ") if moment else ""
