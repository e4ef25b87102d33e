"""`llm-monitor benchmark`: the quality and speed of the evaluators on labelled files."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from monitoring.benchmarking.left_out import LeftOut, Trainer, leave_out, summarise_headlines
from monitoring.benchmarking.measurement import TIER, Measurement, measure, measure_traffic
from monitoring.benchmarking.sources import LabelledSource, find_files, read_sources
from monitoring.benchmarking.table import (
    format_header,
    format_headline,
    format_left_out,
    format_measurement,
)
from monitoring.evaluator import Evaluator

__all__ = ["benchmark"]

Evaluators = Mapping[str, Evaluator]
_TRAINING = Path(__file__).resolve().parents[2] / "benchmarks" / "train"


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
    leave_one_source_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-source-out",
            help="Fit anew without each source and measure on it; needs a checkout with the train extra.",
        ),
    ] = False,
) -> None:
    """Score labelled files with the evaluators. Print their errors and speed for each source."""
    files = _find_files(folder, task, tier)
    evaluators = {one.name: one for one in load_evaluators(load_settings())}
    if leave_one_source_out:
        _leave_out(folder, files, evaluators, task=task, limit=limit, json=json)
        return
    options = {"json": json, "detail": detail, "held_out": held_out}
    if not _measure_files(files, evaluators, task, limit, **options):
        raise InvalidParameter(f"There is no labelled row of {task or 'a known task'} in {folder}.")


def _find_files(folder: Path, task: str | None, tier: str) -> list[Path]:
    """Return the files of a folder after the options were checked."""
    if task is not None and task not in FEEDS:
        raise InvalidParameter(f"--task takes one of {', '.join(FEEDS)}, not {task!r}.")
    if tier != TIER:
        raise InvalidParameter(f"--tier takes {TIER}, not {tier!r}.")
    files = find_files(folder)
    if not files:
        raise InvalidParameter(f"There is no .jsonl or .jsonl.gz file in {folder}.")
    return files


def _measure_files(
    files: Sequence[Path],
    evaluators: Evaluators,
    task: str | None,
    limit: int | None,
    *,
    json: bool,
    detail: bool,
    held_out: bool,
) -> int:
    """Print the figures of every source of the files, and return how many lines these are."""
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
    return count


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


def _leave_out(
    folder: Path,
    files: Sequence[Path],
    evaluators: Evaluators,
    *,
    task: str | None,
    limit: int | None,
    json: bool,
) -> None:
    """Print the figures of every source that was left out of the fit.

    The worst and the median source follow.
    """
    trainers = _load_trainers(folder)
    found: list[LeftOut] = []
    if not json:
        typer.echo(format_header())
    for one in [task] if task else [name for name in FEEDS if name != UNLABELLED]:
        try:
            sources = [source.sample(limit) for path in files for source in read_sources(path, one)]
            for result in leave_out(sources, evaluators, trainers, time.process_time, lambda _: None):
                found.append(result)
                typer.echo(msgspec.json.encode(result).decode() if json else format_left_out(result))
        except (ValueError, OSError) as error:
            raise InvalidParameter(str(error)) from error
    if not found:
        raise InvalidParameter(f"There is no labelled row of {task or 'a known task'} in {folder}.")
    if not json:
        for headline in summarise_headlines(found):
            typer.echo(format_headline(headline))


def _load_trainers(data: Path) -> Mapping[str, Trainer]:
    """Return the trainers of evaluators by name, from the scripts of the checkout."""
    sys.path.insert(0, str(_TRAINING))
    try:
        trainers: Mapping[str, Trainer] = importlib.import_module("trainers").load_trainers(data)
    except ModuleNotFoundError as error:
        raise InvalidParameter(
            f"--leave-one-source-out fits evaluators anew and lacks {error.name}: "
            "run it in a checkout with the train extra installed."
        ) from error
    return trainers


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
