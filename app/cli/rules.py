"""`llm-monitor rules`: check a file of rules, and try it on a text, before a stack starts with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.rules import read_rules
from monitoring.evaluation import evaluate
from monitoring.evaluator import Evaluator
from monitoring.models import Record, Score
from monitoring.rules.evaluators import build_evaluators

__all__ = ["rules"]


def rules(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A YAML file of rules.")],
    *,
    prompt: Annotated[str, typer.Option(help="A prompt to try the rules on.")] = "",
    response: Annotated[str, typer.Option(help="A response to try the rules on.")] = "",
) -> None:
    """Print what a file of rules says, or the line that is wrong; with a text, what its rules find there."""
    found = read_rules(file)
    evaluators = build_evaluators(found.rules)
    (scores,) = evaluate([Record(prompt=prompt, response=response)], evaluators)
    for evaluator in evaluators:
        typer.echo(_describe(evaluator))
        score = scores[evaluator.name]
        if (prompt or response) and isinstance(score, Score):
            value = "nothing known" if score.value is None else f"{score.value:g}"
            typer.echo(f"  {value}, {score.label}")
            for one in score.evidence:
                typer.echo(f"  {one.field} {one.start}-{one.end}: {one.reason}")
    if found.bias:
        words = sum(map(len, found.bias.groups.values()))
        typer.echo(f"bias: {words} words for groups and {len(found.bias.patterns)} patterns are added")


def _describe(evaluator: Evaluator) -> str:
    judged = "" if evaluator.threshold is None else f", threshold {evaluator.threshold:g}"
    flag = f", raises {evaluator.flag}" if evaluator.flag else ""
    return f"{evaluator.name}: {evaluator.category}{flag}{judged}, reads {', '.join(sorted(evaluator.needs))}"
