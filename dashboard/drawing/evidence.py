"""Making evidence visible: a text is cut into what was found and what lies between."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from dash import html

from dashboard.drawing.components import flag_name

__all__ = ["Highlight", "Segment", "cut", "finding_id", "marked"]

# A browser is slow with megabytes in one drawer. The API returns the rest.
SHOWN_CHARACTERS = 20_000
_MOST_LATER = 20
_AROUND = 200


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


def finding_id(field: str, start: int) -> str:
    """Return the id of the place of a finding on the page."""
    return f"finding-{field}-{start}"


def marked(text: str, highlights: Sequence[Highlight], field: str = "") -> list[Any]:
    """Return a text with its highlights; each has the evaluator and the reason.

    Of a long text the beginning is shown, and what surrounds the first highlights behind it. Where
    a `field` is named, `finding_id` finds the place of each highlight.
    """
    children: list[Any] = []
    end = 0
    for begin, stop in _shown(len(text), highlights):
        if begin > end:
            children.append(_left_out(begin - end))
        moved = [one._replace(start=one.start - begin, end=one.end - begin) for one in highlights]
        children += _pieces(text[begin:stop], moved, field, begin)
        end = stop
    if len(text) > end:
        rest = f" … {len(text) - end:,} more characters, which GET /traces/{{id}} returns."
        children.append(html.Em(rest, className="remark"))
    return children


def _shown(length: int, highlights: Sequence[Highlight]) -> list[tuple[int, int]]:
    """Return the parts of a text that are shown, in order: begin and end of each."""
    shown = [(0, min(length, SHOWN_CHARACTERS))]
    later = sorted(one for one in highlights if one.end > SHOWN_CHARACTERS and one.start < length)
    for one in later[:_MOST_LATER]:
        begin = max(0, one.start - _AROUND)
        end = min(length, min(one.end, one.start + _AROUND) + _AROUND)
        if begin <= shown[-1][1]:
            shown[-1] = (shown[-1][0], max(end, shown[-1][1]))
        else:
            shown.append((begin, end))
    return shown


def _left_out(characters: int) -> Any:
    return html.Em(f" … {characters:,} characters are left out … ", className="remark")


def _pieces(text: str, highlights: Sequence[Highlight], field: str, begin: int) -> list[Any]:
    pieces: list[Any] = []
    at = 0
    begun = {one.start for one in highlights}
    for segment in cut(text, highlights):
        if segment.highlights:
            place: Any = html.Mark(segment.text, title=_why(segment), className="finding")
            if field and at in begun:
                place.id, place.tabIndex = finding_id(field, begin + at), "-1"
            pieces.append(place)
        else:
            pieces.append(segment.text)
        at += len(segment.text)
    return pieces


def _why(segment: Segment) -> str:
    return "; ".join(
        f"{flag_name(highlight.evaluator)}: {highlight.reason}" for highlight in segment.highlights
    )
