"""Evidence made visible: a text cut into what was found and what lies between."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from dash import html

from dashboard.drawing.components import flag_name

__all__ = ["Finding", "Segment", "cut", "marked"]

# A browser stumbles over megabytes in one drawer; whoever needs the rest has the API.
SHOWN_CHARACTERS = 20_000


class Finding(NamedTuple):
    """A span of one text: character offsets, end exclusive, the evaluator that found it, and its reason."""

    start: int
    end: int
    evaluator: str
    reason: str


class Segment(NamedTuple):
    """A piece of text and the findings that cover all of it."""

    text: str
    findings: tuple[Finding, ...]


def cut(text: str, findings: Sequence[Finding]) -> list[Segment]:
    """Cut a text at every border of a finding, so that overlapping ones are told apart.

    Joined, the segments are the text. Offsets beyond it are moved to its end, empty findings left out. One
    sweep over sorted borders: the cost grows with the findings and with how many overlap.
    """
    spans = [
        finding._replace(start=max(0, finding.start), end=min(len(text), finding.end)) for finding in findings
    ]
    spans = sorted(span for span in spans if span.start < span.end)
    borders = sorted({0, len(text), *(span.start for span in spans), *(span.end for span in spans)})
    segments: list[Segment] = []
    covering: list[Finding] = []
    following = 0
    for start, end in pairwise(borders):
        covering = [span for span in covering if span.end > start]
        while following < len(spans) and spans[following].start <= start:
            covering.append(spans[following])
            following += 1
        segments.append(Segment(text[start:end], tuple(covering)))
    return segments


def marked(text: str, findings: Sequence[Finding]) -> list[Any]:
    """Return a text with its findings highlighted; each says who found it and why."""
    shown = text[:SHOWN_CHARACTERS]
    children: list[Any] = [
        html.Mark(segment.text, title=_why(segment), className="finding")
        if segment.findings
        else segment.text
        for segment in cut(shown, findings)
    ]
    if len(text) > len(shown):
        rest = f" … {len(text) - len(shown):,} more characters, which GET /traces/{{id}} returns."
        children.append(html.Em(rest, className="remark"))
    return children


def _why(segment: Segment) -> str:
    return "; ".join(f"{flag_name(finding.evaluator)}: {finding.reason}" for finding in segment.findings)
