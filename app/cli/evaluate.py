"""`llm-monitor evaluate`: score the outputs of a model, and decide whether a build goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.config import load_settings
from app.errors import InvalidParameter
from app.experiments.bulk import evaluate_file
from app.experiments.judging import EXIT_STATUS, Gates, Judgement, judge
from app.experiments.offline import score_file
from app.experiments.reading import read_items
from app.experiments.remote import APPROVED, Evaluated, open_server
from app.experiments.writing import to_junit, to_lines, to_markdown
from app.rules import load_evaluators
from app.terminal import cell, plain
from monitoring.evaluator import Evaluator
from monitoring.experiments.gates import Condition, Outcome, parse_condition
from monitoring.experiments.scoring import choose_evaluators

__all__ = ["evaluate"]

_SHOWN_ERRORS = 20
_COLOURS = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.UNJUDGED: "yellow"}


Begin = Callable[[str, int], Callable[[int], None]]
File = Annotated[
    Path,
    typer.Argument(
        help="The outputs: .jsonl, .ndjson or .csv, plain or .gz; with --url also .json and .parquet",
        show_default=False,
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(help="The items that must be answered: a file, or the name of a dataset of the API."),
]
Name = Annotated[str | None, typer.Option(help="The name of the run; default: that of FILE.")]
Out = Annotated[Path | None, typer.Option(help="Write each answer with its scores, as JSON lines.")]
Baseline = Annotated[
    str | None,
    typer.Option(
        help="What to compare with: a file of outputs, or of the API `approved` or the id of a run."
    ),
]
Url = Annotated[str | None, typer.Option(help="The base address of an API that scores and keeps the run.")]
FailIf = Annotated[
    list[str] | None, typer.Option(help='Fail if this is true: "pass_rate<0.95". May be repeated.')
]
FailOnRegression = Annotated[
    bool, typer.Option("--fail-on-regression", help="Fail if a figure is worse than in the baseline.")
]
Only = Annotated[list[str] | None, typer.Option(help="Only this evaluator. May be repeated.")]
AllowUnknown = Annotated[
    float, typer.Option(min=0, max=1, help="Share of answers that may lack a value that a gate needs.")
]
Junit = Annotated[Path | None, typer.Option(help="Write the gates as JUnit XML.")]
Markdown = Annotated[Path | None, typer.Option(help="Write a summary as Markdown.")]


def evaluate(  # noqa: PLR0913 one parameter per option of the command line
    file: File,
    dataset: Dataset = None,
    name: Name = None,
    out: Out = None,
    baseline: Baseline = None,
    fail_if: FailIf = None,
    *,
    fail_on_regression: FailOnRegression = False,
    evaluator: Only = None,
    allow_unknown: AllowUnknown = 0.0,
    junit: Junit = None,
    markdown: Markdown = None,
    url: Url = None,
) -> None:
    """Score the outputs in FILE: in this process, or by an API.

    With --url and without --dataset, FILE may have 1,000,000 rows, also in Parquet, and no gates.
    The exit status is 0 if every gate passed, 1 if one failed, and 2 if one could not be judged.
    """
    if url and not dataset:
        judged = (baseline, fail_if, fail_on_regression, evaluator, junit, markdown, name)
        _in_bulk(url, file, out, is_judged=any(judged))
        return
    gates = Gates(_parse(fail_if or []), fail_on_regression, allow_unknown)
    if fail_on_regression and baseline is None:
        raise InvalidParameter("--fail-on-regression needs --baseline, to compare with.")
    evaluators = _choose(evaluator or [])
    with _progress() as bars:
        begin = _Bars(bars).begin
        if url or baseline == APPROVED or (dataset and not Path(dataset).is_file()):
            if not dataset or evaluator:
                raise InvalidParameter(
                    "An API needs --dataset, and runs all its evaluators: leave out --evaluator."
                )
            found = _by_api(url, file, dataset, name=name, baseline=baseline, begin=begin)
        else:
            found = _here(file, dataset, evaluators, name=name, baseline=baseline, begin=begin)
    judgement = judge(found.scored.run, evaluators, gates, found.base)
    _write(out, b"".join(to_lines(found.scored.outputs, found.scored.run.answers)))
    _write(junit, to_junit(judgement).encode())
    _write(markdown, to_markdown(judgement).encode())
    _print(judgement)
    raise typer.Exit(EXIT_STATUS[judgement.outcome])


def _in_bulk(url: str, file: Path, out: Path | None, *, is_judged: bool) -> None:
    if is_judged:
        raise InvalidParameter(
            "An API judges gates and baselines over a dataset: name one with --dataset, or leave out --url."
        )
    with _progress() as bars:
        found = evaluate_file(file, load_settings(), url, out=out, begin=_Bars(bars).begin)
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{found.evaluated:,} of {found.total:,} scored, {found.failed:,} failed, {found.rejected:,} refused: "
        f"{found.state}"
    )
    for error in found.errors[:_SHOWN_ERRORS]:
        console.print(cell(error))
    if found.failed or found.rejected or found.state != "done":
        raise typer.Exit(EXIT_STATUS[Outcome.UNJUDGED])


def _here(
    file: Path,
    dataset: str | None,
    evaluators: Sequence[Evaluator],
    *,
    name: str | None,
    baseline: str | None,
    begin: Begin,
) -> Evaluated:
    items = read_items(Path(dataset)) if dataset else None
    scored = score_file(file, evaluators, name=name, items=items, begin=begin)
    base = None
    if baseline:
        base = score_file(Path(baseline), evaluators, items=items, only_items=False, begin=begin).run
    return Evaluated(scored, base)


def _by_api(
    url: str | None, file: Path, dataset: str, *, name: str | None, baseline: str | None, begin: Begin
) -> Evaluated:
    with open_server(url, load_settings()) as server:
        return server.evaluate(file, dataset, name=name, baseline=baseline, begin=begin)


def _parse(conditions: Sequence[str]) -> tuple[Condition, ...]:
    try:
        return tuple(map(parse_condition, conditions))
    except ValueError as error:
        raise InvalidParameter(f"--fail-if: {error}.") from error


def _choose(names: Sequence[str]) -> tuple[Evaluator, ...]:
    try:
        return choose_evaluators(load_evaluators(load_settings()), names)
    except ValueError as error:
        raise InvalidParameter(f"--evaluator: {error}.") from error


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True)


class _Bars:
    """One bar for each file that is scored."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars

    def begin(self, name: str, total: int) -> Callable[[int], None]:
        bar = self._bars.add_task(plain(name), total=total)
        return lambda count: self._bars.advance(bar, count)


def _write(path: Path | None, content: bytes) -> None:
    if path is None:
        return
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InvalidParameter(f"{path} cannot be written: {error.strerror}.") from error


def _print(judgement: Judgement) -> None:
    console = Console(highlight=False, soft_wrap=True)
    figures = judgement.figures
    rate = "unknown" if figures.pass_rate is None else f"{figures.pass_rate:.1%}"
    console.print(
        f"{figures.answers:,} answers to {figures.items:,} items, {figures.passed:,} passed ({rate})"
    )
    if judgement.comparison is not None:
        for change in judgement.comparison.figures:
            console.print(cell(f"{change.figure}: {change.sentence}"))
    for finding in judgement.findings:
        console.print(
            f"[{_COLOURS[finding.outcome]}]{finding.outcome}[/]", cell(f"{finding.gate}: {finding.reason}")
        )
    console.print(f"[bold {_COLOURS[judgement.outcome]}]{judgement.outcome}[/]")
