"""A judgement in the forms that CI systems show: Markdown, JUnit XML, and lines of JSON."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

import msgspec

from app.experiments.judging import Judgement
from monitoring.experiments.answers import Answer
from monitoring.experiments.comparison import ChangedItem, FigureChange
from monitoring.experiments.gates import Outcome
from monitoring.experiments.scoring import Output

__all__ = ["to_junit", "to_lines", "to_markdown"]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKUP = re.compile(r"([\\`*_\[\]|~])")
_SHOWN = 80
_LISTED = 10
_MARKS = {Outcome.PASSED: "✅", Outcome.FAILED: "❌", Outcome.UNJUDGED: "⚠️"}


def to_junit(judgement: Judgement) -> str:
    """Return JUnit XML with one test case for each gate; what could not be judged is an error."""
    outcomes = [finding.outcome for finding in judgement.findings]
    suite = ET.Element(
        "testsuite",
        name=_xml(f"llm-monitor evaluate: {judgement.run}"),
        tests=str(len(outcomes)),
        failures=str(outcomes.count(Outcome.FAILED)),
        errors=str(outcomes.count(Outcome.UNJUDGED)),
    )
    for finding in judgement.findings:
        case = ET.SubElement(suite, "testcase", classname="llm-monitor", name=_xml(finding.gate))
        if finding.outcome is Outcome.PASSED:
            ET.SubElement(case, "system-out").text = _xml(finding.reason)
        else:
            kind = "failure" if finding.outcome is Outcome.FAILED else "error"
            ET.SubElement(case, kind, message=_xml(finding.reason))
    suites = ET.Element("testsuites")
    suites.append(suite)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _xml(text: str) -> str:
    return _NOT_XML.sub("�", text)


def to_markdown(judgement: Judgement) -> str:
    """Return a summary for people: the outcome, every gate, the figures and what changed most."""
    return (
        "\n".join([*_heading(judgement), *_gates(judgement), *_figures(judgement), *_changes(judgement)])
        + "\n"
    )


def _heading(judgement: Judgement) -> Iterator[str]:
    figures = judgement.figures
    yield f"## {_MARKS[judgement.outcome]} {_plain(judgement.run)} {judgement.outcome}"
    yield ""
    rate = "unknown" if figures.pass_rate is None else f"{figures.pass_rate:.1%}"
    yield f"{figures.answers:,} answers to {figures.items:,} items, of which {figures.passed:,} passed ({rate})."


def _gates(judgement: Judgement) -> Iterator[str]:
    if judgement.findings:
        yield from ("", "| gate | outcome | reason |", "|---|---|---|")
    for finding in judgement.findings:
        mark = f"{_MARKS[finding.outcome]} {finding.outcome}"
        yield f"| {_plain(finding.gate)} | {mark} | {_plain(finding.reason, 300)} |"


def _figures(judgement: Judgement) -> Iterator[str]:
    if judgement.comparison is None:
        yield from ("", "| score | mean | answers |", "|---|---|---|")
        for name, score in judgement.figures.scores.items():
            yield f"| {_plain(name)} | {score.mean:.3f} | {score.count:,} |"
        return
    comparison = judgement.comparison
    names = f"{_plain(comparison.base)} | {_plain(comparison.other)}"
    yield from (
        "",
        f"| figure | {names} | difference (95 % interval) | p | what it means |",
        "|---|---|---|---|---|---|",
    )
    for change in comparison.figures:
        yield _row(change)


def _row(change: FigureChange) -> str:
    shown = [_number(value) for value in (change.base, change.other)]
    bounds = f"{_number(change.difference)} ({_number(change.low)} to {_number(change.high)})"
    cells = [_plain(change.figure), *shown, bounds, f"{change.adjusted_p:.3f}", _plain(change.sentence, 300)]
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _changes(judgement: Judgement) -> Iterator[str]:
    changed = judgement.comparison.changed_most[:_LISTED] if judgement.comparison else ()
    if changed:
        yield from ("", "### Items that changed most", "", "| item | changes |", "|---|---|")
    for item in changed:
        yield f"| {_plain(item.item_id)} | {_plain(', '.join(_moves(item)), 300)} |"


def _moves(item: ChangedItem) -> Sequence[str]:
    both = [(name, value, item.other[name]) for name, value in item.base.items() if name in item.other]
    both.sort(key=lambda one: -abs(one[2] - one[1]))
    return [f"{name} {before:.2f} → {after:.2f}" for name, before, after in both[:3] if before != after]


def _plain(text: str, most: int = _SHOWN) -> str:
    """Return foreign text for a table cell, shortened, in which nothing is markup."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    short = line if len(line) <= most else f"{line[: most - 1]}…"
    # An invisible space keeps a name after @ from being told that it was mentioned.
    return _MARKUP.sub(r"\\\1", html.escape(short, quote=False)).replace("@", "@\u200b")


def to_lines(outputs: Sequence[Output], answers: Sequence[Answer]) -> Iterator[bytes]:
    """Yield a line of JSON for each answer: what was scored, own scores, and the evaluation.

    Such a file can be the baseline of a later run.
    """
    for output, answer in zip(outputs, answers, strict=True):
        record = output.record
        line = {
            "id": output.item_id,
            "repetition": output.repetition,
            "prompt": record.prompt,
            "response": record.response,
            "model_name": record.model_name,
            "context": list(record.context) or None,
            "reference": record.reference,
            "error": record.error,
            "metadata": record.metadata or None,
            "scores": output.own or None,
            "evaluation": answer,
        }
        yield msgspec.json.encode({name: value for name, value in line.items() if value is not None}) + b"\n"
