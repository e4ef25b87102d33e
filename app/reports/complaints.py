"""What users complain about: in words, by categories, and by what they do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal
from uuid import UUID

from app.reports.report import Report
from app.reports.terms import frequent_terms
from app.schemas.feedback import ImplicitKind, ImplicitSign, Opinion
from monitoring.statistics.changes import change_of_shares

__all__ = ["Complaint", "Example", "clean", "group_opinions", "list_implicit"]

_LISTED: Final = 10
_EXAMPLES: Final = 3
_TERMS: Final = 3
_FEWEST_ALIKE: Final = 2
_LONGEST_NAME: Final = 80
_LONGEST_EXAMPLE: Final = 200
Kind = Literal["category", "comments"] | ImplicitKind
Trend = Literal["rising", "falling", "unclear"]
_NAMES: Mapping[ImplicitKind, str] = {
    "refused": "The answer refuses",
    "off_topic": "The answer is off topic",
    "repeated_question": "The same question is asked again",
    "cut_off": "The answer is cut off",
}


class Example(Report):
    """One call that a complaint is about, and what shows it."""

    trace_id: UUID
    text: str | None


class Complaint(Report):
    """What several users complain about.

    It is what comments of like meaning say, a category that users chose, or a sign of calls.
    `count` of `of` negative opinions, or of calls for a sign, have it; `share` is 0..1.
    `count_before` and `of_before` are those of the period before. `trend` says whether the share
    rose or fell by more than chance explains. `terms` are words that the comments share.
    """

    complaint: str
    kind: Kind
    count: int
    of: int
    share: float
    count_before: int
    of_before: int
    trend: Trend
    terms: tuple[str, ...] = ()
    example: str | None
    example_trace_ids: tuple[UUID, ...]
    examples: tuple[Example, ...]


def group_opinions(
    opinions: Sequence[Opinion], before: Sequence[Opinion], clusters: Sequence[Sequence[int]]
) -> tuple[Complaint, ...]:
    """Return the most frequent complaints of negative opinions, ten at most.

    `clusters` hold positions in both lists together, of comments of like meaning; the most typical
    comment is first.
    """
    every = [*opinions, *before]
    groups: list[tuple[Kind, str, list[int]]] = [
        ("category", name, members) for name, members in _by_category(every).items()
    ]
    for members in clusters:
        typical = [one for one in members if one < len(opinions)]
        if len(typical) >= _FEWEST_ALIKE:
            name = clean(every[typical[0]].comment or "", _LONGEST_NAME)
            groups.append(("comments", name, [*members]))
    sizes = len(opinions), len(before)
    found = [_complaint(every, sizes, group, claims=len(groups)) for group in groups]
    kept = [one for one in found if one.count]
    kept.sort(key=lambda one: (-one.count, one.kind != "comments", one.complaint))
    return tuple(kept[:_LISTED])


def _by_category(opinions: Iterable[Opinion]) -> dict[str, list[int]]:
    members: dict[str, list[int]] = defaultdict(list)
    for place, opinion in enumerate(opinions):
        for category in dict.fromkeys(opinion.categories):
            members[category].append(place)
    return members


def _complaint(
    every: Sequence[Opinion], sizes: tuple[int, int], group: tuple[Kind, str, list[int]], claims: int
) -> Complaint:
    kind, name, members = group
    here = [every[one] for one in members if one < sizes[0]]
    comments = [opinion.comment or "" for opinion in here]
    examples = tuple(
        Example(trace_id=one.trace_id, text=clean(one.comment) if one.comment else None)
        for one in {opinion.trace_id: opinion for opinion in reversed(here)}.values()
    )
    shown = tuple(reversed(examples))[:_EXAMPLES]
    counts = (len(members) - len(here), sizes[1]), (len(here), sizes[0])
    return Complaint(
        complaint=name,
        kind=kind,
        count=len(here),
        of=sizes[0],
        share=len(here) / max(sizes[0], 1),
        count_before=counts[0][0],
        of_before=counts[0][1],
        trend=_trend(*counts, claims),
        terms=tuple(frequent_terms(comments))[:_TERMS] if kind == "comments" else (),
        example=next((one.text for one in shown if one.text), None),
        example_trace_ids=tuple(one.trace_id for one in shown),
        examples=shown,
    )


def list_implicit(signs: Iterable[ImplicitSign], before: Iterable[ImplicitSign]) -> tuple[Complaint, ...]:
    """Return the signs that calls show, the most frequent first."""
    earlier = {one.kind: (one.count, one.calls) for one in before}
    found = [_implicit(one, earlier.get(one.kind, (0, 0))) for one in signs if one.count]
    return tuple(sorted(found, key=lambda one: (-one.count, one.kind)))


def _implicit(sign: ImplicitSign, before: tuple[int, int]) -> Complaint:
    pairs = zip(sign.trace_ids, sign.texts, strict=True)
    examples = tuple(Example(trace_id=trace_id, text=clean(text)) for trace_id, text in pairs)
    return Complaint(
        complaint=_NAMES[sign.kind],
        kind=sign.kind,
        count=sign.count,
        of=sign.calls,
        share=sign.count / sign.calls,
        count_before=before[0],
        of_before=before[1],
        trend=_trend(before, (sign.count, sign.calls), len(_NAMES)),
        example=next((one.text for one in examples if one.text), None),
        example_trace_ids=sign.trace_ids,
        examples=examples,
    )


def _trend(before: tuple[int, int], now: tuple[int, int], claims: int) -> Trend:
    change = change_of_shares(before, now, claims)
    if change is None or not change.certain:
        return "unclear"
    return "rising" if change.difference > 0 else "falling"


def clean(text: str, longest: int = _LONGEST_EXAMPLE) -> str:
    """Return a text in one line of printable characters, and short."""
    line = " ".join("".join(_printable(text)).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _printable(text: str) -> Iterator[str]:
    return (one if one.isprintable() else " " for one in text)
