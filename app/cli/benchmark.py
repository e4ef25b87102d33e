"""`llm-monitor benchmark`: the quality and speed of the evaluators on labelled files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.config import load_settings
from app.errors import InvalidParameter
from app.rules import load_evaluators
from monitoring.benchmarking.feeds import FEEDS, UNLABELLED
from monitoring.benchmarking.fitting import hold_out
from monitoring.benchmarking.measurement import TIER, Measurement, measure, measure_traffic
from monitoring.benchmarking.sources import LabelledSource, find_files, read_sources
from monitoring.benchmarking.table import format_header, format_measurement
from monitoring.evaluator import Evaluator

__all__ = ["benchmark"]

Evaluators = Mapping[str, Evaluator]


def benchmark(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of .jsonl and .jsonl.gz files.")],
    *,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object per line instead of a table.")
    ] = False,
    task: Annotated[str | None, typer.Option(help=f"Only this task: one of {', '.join(FEEDS)}.")] = None,
    detail: Annotated[
        bool, typer.Option("--detail", help="Print also figures per meta.sub, and per type of personal data.")
    ] = False,
    tier: Annotated[str, typer.Option(help="The evaluators to use: fast.")] = TIER,
    limit: Annotated[
        int | None, typer.Option(min=1, help="The most rows per source, chosen at random with a fixed seed.")
    ] = None,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Leave out rows to which the shipped weights were fitted.")
    ] = False,
) -> None:
    """Score labelled files with the evaluators. Print their errors and speed for each source."""
    _check_choices(task, tier)
    files = find_files(folder)
    if not files:
        raise InvalidParameter(f"There is no .jsonl or .jsonl.gz file in {folder}.")
    evaluators = {one.name: one for one in load_evaluators(load_settings())}
    if not json:
        typer.echo(format_header())
    count = 0
    with _progress() as bars:
        every = bars.add_task("files", total=len(files))
        for path in files:
            try:
                for source in read_sources(path, task):
                    sample = source.sample(limit)
                    for measured in _measure(sample, evaluators, bars, detail=detail, held_out=held_out):
                        count += 1
                        _print(_format(measured, json=json, detail=detail), bars)
            except (ValueError, OSError) as error:
                raise InvalidParameter(str(error)) from error
            bars.advance(every)
    if not count:
        raise InvalidParameter(f"There is no labelled row of {task or 'a known task'} in {folder}.")


def _check_choices(task: str | None, tier: str) -> None:
    if task is not None and task not in FEEDS:
        raise InvalidParameter(f"--task takes one of {', '.join(FEEDS)}, not {task!r}.")
    if tier != TIER:
        raise InvalidParameter(f"--tier takes {TIER}, not {tier!r}.")


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    # No extra thread redraws the bars, because the measured time is the CPU time of all threads.
    console = Console(stderr=True)
    return Progress(*columns, console=console, auto_refresh=False, transient=True, redirect_stdout=False)


def _format(measured: Measurement, *, json: bool, detail: bool) -> str:
    return msgspec.json.encode(measured).decode() if json else format_measurement(measured, detail=detail)


def _measure(
    source: LabelledSource, evaluators: Evaluators, bars: Progress, *, detail: bool, held_out: bool
) -> Iterator[Measurement]:
    if source.task == UNLABELLED:
        for name in evaluators if held_out else ():
            source = hold_out(name, source)
        with _Bar(bars, source, len(source.rows) * (len(evaluators) + 1)) as advance:
            yield from measure_traffic(source, tuple(evaluators.values()), time.process_time, advance)
        return
    for feed in FEEDS[source.task]:
        if not feed.reads(source.name):
            continue
        rows = hold_out(feed.evaluator, source) if held_out else source
        if rows.rows:
            with _Bar(bars, source, len(rows.rows)) as advance:
                evaluator = evaluators[feed.evaluator]
                yield from measure(rows, evaluator, feed, time.process_time, advance, detail=detail)


def _print(line: str, bars: Progress) -> None:
    """Print a line above the bars, which move down."""
    if not bars.console.is_interactive:
        typer.echo(line)
        return
    bars.stop()
    typer.echo(line)
    bars.start()


class _Bar:
    """The bar of one source. It moves with scored rows, and disappears at the end."""

    def __init__(self, bars: Progress, source: LabelledSource, total: int) -> None:
        self._bars = bars
        self._bar = bars.add_task(f"{source.task}/{source.name}", total=total)

    def __enter__(self) -> Callable[[int], None]:
        return self._advance

    def __exit__(self, *error: object) -> None:
        self._bars.remove_task(self._bar)

    def _advance(self, rows: int) -> None:
        self._bars.advance(self._bar, rows)
        self._bars.refresh()
