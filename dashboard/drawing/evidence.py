"""Evidence made visible: a text cut into what was found and what lies between."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from dash import html

from dashboard.drawing.components import flag_name

__all__ = ["Highlight", "Segment", "cut", "marked"]

# A browser stumbles over megabytes in one drawer; whoever needs the rest has the API.
SHOWN_CHARACTERS = 20_000


class Highlight(NamedTuple):
    """A span of one text: character offsets, end exclusive, the evaluator that found it, and its reason."""

    start: int
    end: int
    evaluator: str
    reason: str


class Segment(NamedTuple):
    """A piece of text and the highlights that cover all of it."""

    text: str
    highlights: tuple[Highlight, ...]


def cut(text: str, highlights: Sequence[Highlight]) -> list[Segment]:
    """Cut a text at every border of a highlight, so that overlapping ones are told apart.

    Joined, the segments are the text. Offsets beyond it are moved to its end, empty highlights left out. One
    sweep over sorted borders: the cost grows with the highlights and with how many overlap.
    """
    spans = [
        highlight._replace(start=max(0, highlight.start), end=min(len(text), highlight.end))
        for highlight in highlights
    ]
    spans = sorted(span for span in spans if span.start < span.end)
    borders = sorted({0, len(text), *(span.start for span in spans), *(span.end for span in spans)})
    segments: list[Segment] = []
    covering: list[Highlight] = []
    following = 0
    for start, end in pairwise(borders):
        covering = [span for span in covering if span.end > start]
        while following < len(spans) and spans[following].start <= start:
            covering.append(spans[following])
            following += 1
        segments.append(Segment(text[start:end], tuple(covering)))
    return segments


def marked(text: str, highlights: Sequence[Highlight]) -> list[Any]:
    """Return a text with its highlights; each says who found it and why."""
    shown = text[:SHOWN_CHARACTERS]
    children: list[Any] = [
        html.Mark(segment.text, title=_why(segment), className="highlight")
        if segment.highlights
        else segment.text
        for segment in cut(shown, highlights)
    ]
    if len(text) > len(shown):
        rest = f" … {len(text) - len(shown):,} more characters, which GET /traces/{{id}} returns."
        children.append(html.Em(rest, className="remark"))
    return children


def _why(segment: Segment) -> str:
    return "; ".join(
        f"{flag_name(highlight.evaluator)}: {highlight.reason}" for highlight in segment.highlights
    )
