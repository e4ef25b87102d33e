"""What people thought of the responses of a window, what they complain about, and what that suggests."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from app.figures.measures import Measure
from app.reports.report import Report, empty_message
from app.reports.terms import frequent_terms
from app.schemas.feedback import Opinion
from app.storage.engine import Connection
from app.storage.rollups.reading import read_measures, read_models, read_totals
from app.storage.traces.feedback import read_negative, read_ratings
from monitoring.statistics.trends import Window

__all__ = ["Complaint", "FeedbackReport", "read_feedback_report"]

_LISTED = 10
_EXAMPLES = 3
# Fewer negative opinions of one kind are an anecdote.
_FEWEST = 3
# How far a share or an average must lie from the window's own before it is worth a sentence.
_SHARE_FACTOR = 1.5
_SCORE_GAP = 0.1
_NOT_SCORES = {"overall_quality", "safety_score"}


class Complaint(Report):
    """What several negative opinions have in common: a category they chose or a term they use."""

    complaint: str
    kind: str
    count: int
    share: float
    example: str | None
    example_trace_ids: tuple[UUID, ...]


class FeedbackReport(Report):
    """What GET /feedback answers: ratings of 4 and 5 are positive, of 1 and 2 negative; shares are 0..1."""

    time_period: str
    total_feedback: int
    positive_feedback: int
    negative_feedback: int
    satisfaction_rate: float | None
    common_complaints: tuple[Complaint, ...]
    improvement_suggestions: tuple[str, ...]
    message: str | None = None


async def read_feedback_report(connection: Connection, project_id: str, window: Window) -> FeedbackReport:
    """Read the feedback report of one window; complaints are those of the newest thousand negatives."""
    ratings = await read_ratings(connection, project_id, window)
    opinions = await read_negative(connection, project_id, window) if ratings.negative else []
    return FeedbackReport(
        time_period=window.period,
        total_feedback=ratings.total,
        positive_feedback=ratings.positive,
        negative_feedback=ratings.negative,
        satisfaction_rate=ratings.positive / ratings.total if ratings.total else None,
        common_complaints=find_complaints(opinions),
        improvement_suggestions=await _suggest(connection, project_id, window, opinions),
        message=empty_message(window, ratings.total, "feedback"),
    )


def find_complaints(opinions: Sequence[Opinion]) -> tuple[Complaint, ...]:
    """Return the most frequent categories and terms of negative opinions."""
    members: dict[tuple[str, str], list[Opinion]] = defaultdict(list)
    for opinion in opinions:
        for category in dict.fromkeys(opinion.categories):
            members["category", category].append(opinion)
    comments = [opinion.comment or "" for opinion in opinions]
    for term, rows in frequent_terms(comments).items():
        members["term", term] = [opinions[row] for row in rows]
    ranked = sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(_complaint(kind, name, found, len(opinions)) for (kind, name), found in ranked[:_LISTED])


def _complaint(kind: str, name: str, found: Sequence[Opinion], total: int) -> Complaint:
    return Complaint(
        complaint=name,
        kind=kind,
        count=len(found),
        share=len(found) / total,
        example=next((opinion.comment for opinion in found if opinion.comment), None),
        example_trace_ids=tuple(dict.fromkeys(opinion.trace_id for opinion in found))[:_EXAMPLES],
    )


async def _suggest(
    connection: Connection, project_id: str, window: Window, opinions: Sequence[Opinion]
) -> tuple[str, ...]:
    known = [opinion for opinion in opinions if opinion.model_name is not None]
    if len(known) < _FEWEST:
        return ()
    totals = await read_totals(connection, project_id, window)
    measures = await read_measures(connection, project_id, window)
    models = await read_models(connection, project_id, window)
    traffic = {group.value: group.counts.records for group in models}
    return (
        *suggest_models(known, traffic),
        *suggest_flags(known, {name: measure.count for name, measure in measures.items()}, totals.records),
        *suggest_scores(known, measures),
    )


def suggest_models(opinions: Sequence[Opinion], traffic: dict[str, int]) -> Iterable[str]:
    """Name models that get more of the negative ratings than of the traffic."""
    records = sum(traffic.values())
    for model, count in Counter(str(opinion.model_name) for opinion in opinions).most_common():
        share, usual = count / len(opinions), traffic.get(model, 0) / records if records else 0.0
        if count >= _FEWEST and usual and share >= _SHARE_FACTOR * usual:
            yield (
                f"{model} gets {share:.0%} of the negative ratings with {usual:.0%} of the traffic: "
                "compare its answers with those of another model."
            )


def suggest_flags(opinions: Sequence[Opinion], counts: dict[str, int], records: int) -> Iterable[str]:
    """Name safety flags that negatively rated responses carry more often than others."""
    for flag, count in Counter(flag for opinion in opinions for flag in opinion.flags).most_common():
        share, usual = count / len(opinions), counts.get(f"flag:{flag}", 0) / records if records else 0.0
        if count >= _FEWEST and share >= _SHARE_FACTOR * usual:
            yield (
                f"{share:.0%} of the negatively rated responses are flagged {flag}, against {usual:.0%} "
                "of all: hold such responses back or rephrase the prompt."
            )


def suggest_scores(opinions: Sequence[Opinion], measures: dict[str, Measure]) -> Iterable[str]:
    """Name scores that are much lower in negatively rated responses than in general."""
    values: dict[str, list[float]] = defaultdict(list)
    for opinion in opinions:
        for name, value in opinion.scores.items():
            values[name].append(value)
    for name, found in sorted(values.items()):
        usual = measures.get(name, Measure()).average
        average = sum(found) / len(found)
        if name in _NOT_SCORES or len(found) < _FEWEST or usual is None:
            continue
        if abs(average - usual) >= _SCORE_GAP:
            yield (
                f"{name} averages {average:.2f} in negatively rated responses, against {usual:.2f} in all: "
                "it tells them apart, so watch it."
            )
