"""`llm-monitor ingest`: send a file of recorded calls to a running API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.config import load_settings
from app.errors import InvalidParameter
from app.importing.mapping import DEFAULT_FIELDS
from app.importing.sending import Report, Target, send_file
from app.terminal import cell

__all__ = ["ingest"]


def ingest(  # noqa: PLR0913, PLR0917 one parameter per option of the command line
    file: Annotated[Path, typer.Argument(help=".jsonl, .ndjson or .csv, plain or .gz", show_default=False)],
    url: Annotated[
        str | None, typer.Option(help="Base address of the API; default: the local stack.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="live or import: which records metrics show unless asked.")
    ] = "live",
    prompt_field: Annotated[str | None, typer.Option(help="Where the prompt is, as a dotted path.")] = None,
    response_field: Annotated[str | None, typer.Option(help="Where the response is.")] = None,
    model_field: Annotated[str | None, typer.Option(help="Where the model's name is.")] = None,
    context_field: Annotated[str | None, typer.Option(help="Where the retrieved context is.")] = None,
    id_field: Annotated[str | None, typer.Option(help="Where the record's own id is.")] = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="Any other field, as field=path; may be repeated.")
    ] = None,
) -> None:
    """Send FILE in bulk; sending it twice adds nothing. Ends with what was taken and what was not, and why."""
    if source not in {"live", "import"}:
        raise InvalidParameter(f"--source takes live or import, not {source!r}.")
    named = {
        "prompt": prompt_field,
        "response": response_field,
        "model_name": model_field,
        "context": context_field,
        "id": id_field,
    }
    chosen = {name: path for name, path in named.items() if path} | _parse_map(map_ or [])
    settings = load_settings()
    target = Target(url or settings.api_url, source, chosen, settings.api_key)
    console = Console()
    size = file.stat().st_size if file.exists() else None
    report = asyncio.run(_send(file, size, target, console))
    _print(report, console)
    if report.rejected:
        raise typer.Exit(1)


def _parse_map(pairs: list[str]) -> dict[str, str]:
    chosen = {}
    for pair in pairs:
        name, separator, path = pair.partition("=")
        if not separator or name not in DEFAULT_FIELDS:
            raise InvalidParameter(f"--map takes field=path with a field of a record, not {pair!r}.")
        chosen[name] = path
    return chosen


async def _send(file: Path, size: int | None, target: Target, console: Console) -> Report:
    columns = (
        BarColumn(),
        TextColumn("{task.fields[records]:,} records"),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        task = bars.add_task("sending", total=size, records=0, rate=0.0)
        report = await send_file(file, target, progress=lambda report: _show(bars, task, report))
        bars.update(task, completed=size)
    return report


def _show(bars: Progress, task: TaskID, report: Report) -> None:
    elapsed = bars.tasks[task].elapsed
    rate = report.sent / elapsed if elapsed else 0.0
    bars.update(task, completed=report.position, records=report.sent, rate=rate)


def _print(report: Report, console: Console) -> None:
    console.print(
        f"sent {report.sent:,}  accepted {report.accepted:,}  duplicates {report.duplicates:,}  "
        f"rejected {report.rejected:,}"
    )
    if report.reasons:
        table = Table("rows", "first line", "reason", box=None)
        for reason, count in report.reasons.most_common():
            table.add_row(f"{count:,}", str(report.examples[reason]), cell(reason))
        console.print(table)
