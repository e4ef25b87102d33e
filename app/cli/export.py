"""`llm-monitor export`: fetch stored data from a running API into a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.config import load_settings
from app.errors import InvalidParameter, Unavailable
from app.exporting.fetching import Fetched, Wanted, fetch
from app.schemas.exported import FORMATS, KINDS
from app.terminal import plain

__all__ = ["export"]

_INTERRUPTED = 130


def export(  # noqa: PLR0913, PLR0917 one parameter per option of the command line
    kind: Annotated[str, typer.Argument(help=", ".join(KINDS))] = "traces",
    out: Annotated[
        Path | None, typer.Option(help="The file; default: the kind and the format, such as traces.csv.")
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="ndjson, csv or parquet; default: as the file is named.")
    ] = None,
    period: Annotated[str | None, typer.Option(help="The last 15m, 24h, 7d; default: everything.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First moment of calls, RFC 3339.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="End of the calls, RFC 3339, exclusive.")] = None,
    filter_: Annotated[
        str | None, typer.Option("--filter", help='As for GET /traces: quality < 0.5 and user = "ada".')
    ] = None,
    source: Annotated[str, typer.Option(help="live, evaluate, import or all.")] = "live",
    url: Annotated[
        str | None, typer.Option(help="Base address of the API; default: the local stack.")
    ] = None,
    *,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin again, and forget what was fetched before.")
    ] = False,
) -> None:
    """Fetch stored data into a file. It appears under its name when it is whole.

    After an interruption, the same command goes on where it ended. The status is 0 for a whole
    file, 1 if the rest could not be fetched now, and 2 if the API or the options forbid it.
    """
    form = format_ or (out.suffix.removeprefix(".") if out is not None else "ndjson")
    _check(kind, form, out)
    asked = {"time_period": period, "from": start, "to": end, "filter": filter_}
    parameters = {"kind": kind, "format": form, "source": source}
    parameters |= {name: value for name, value in asked.items() if value is not None}
    settings = load_settings()
    wanted = Wanted(url or settings.api_url, parameters, settings.api_key)
    path = out or Path(f"{kind}.{form}")
    fetched = _fetch_or_exit(wanted, path, restart=restart)
    calls = f"{fetched.calls:,} calls, " if kind != "rollups" else ""
    typer.echo(f"{path}: {calls}{fetched.size:,} bytes; everything accepted before {fetched.cut}")


def _fetch_or_exit(wanted: Wanted, path: Path, *, restart: bool) -> Fetched:
    try:
        return _fetch(wanted, path, Console(stderr=True), restart=restart)
    except Unavailable as error:
        typer.echo(f"llm-monitor: {plain(error.detail)}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command goes on where this one ended.", err=True)
        raise typer.Exit(_INTERRUPTED) from None


def _check(kind: str, form: str, out: Path | None) -> None:
    for name, value, known in (("KIND", kind, KINDS), ("--format", form, FORMATS)):
        if value not in known:
            raise InvalidParameter(f"{name} must be one of {', '.join(known)}, not {value!r}.")
    if out is not None and not out.parent.is_dir():
        raise InvalidParameter(f"--out: there is no folder {out.parent}.")


def _fetch(wanted: Wanted, path: Path, console: Console, *, restart: bool) -> Fetched:
    columns = (
        BarColumn(),
        TextColumn("{task.fields[calls]:,} calls"),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TextColumn("{task.fields[size]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        task = bars.add_task("fetching", total=1.0, calls=0, rate=0.0, size="")
        begun: list[int] = []

        def show(fetched: Fetched, coming: int) -> None:
            if not begun:
                begun.append(fetched.calls)
            elapsed = bars.tasks[task].elapsed
            rate = (fetched.calls - begun[0]) / elapsed if elapsed else 0.0
            size = f"{(fetched.size + coming) / 1e6:,.1f} MB"
            bars.update(task, completed=fetched.share, calls=fetched.calls, rate=rate, size=size)

        return fetch(wanted, path, show, restart=restart)
