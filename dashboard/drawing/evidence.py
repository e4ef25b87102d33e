"""Making evidence visible: a text is cut into what was found and what lies between."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from dash import html

from dashboard.drawing.components import flag_name

__all__ = ["Highlight", "Segment", "cut", "marked"]

# A browser is slow with megabytes in one drawer. The API returns the rest.
SHOWN_CHARACTERS = 20_000


class Highlight(NamedTuple):
    """A part of one text that an evaluator found: character offsets (end exclusive), and why."""

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

    The joined segments are the text. Offsets beyond its end are moved to its end, and empty
    highlights are left out. The cost is one pass over the sorted borders; it grows with the number
    of highlights and of overlaps.
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
    """Return a text with its highlights; each has the evaluator and the reason."""
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
