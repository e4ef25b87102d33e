"""What people thought of the responses of a window, their complaints, and suggestions."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from app.figures.measures import Measure
from app.reports.complaints import Complaint, group_opinions, list_implicit
from app.reports.report import Report, empty_message
from app.schemas.feedback import Opinion
from app.storage.engine import Connection
from app.storage.rollups.reading import read_measures, read_models, read_totals
from app.storage.traces.feedback import MOST_OPINIONS, read_negative, read_ratings
from app.storage.traces.implicit_feedback import MOST_SEARCHED, read_implicit_feedback
from monitoring.statistics.trends import Window

__all__ = ["FeedbackReport", "read_feedback_report"]

_FEWEST_COMMENTS = 2
# Fewer negative opinions of one kind say nothing.
_FEWEST = 3
# The distance of a share or an average from the window's own that is worth a sentence.
_SHARE_FACTOR = 1.5
_SCORE_GAP = 0.1
_NOT_SCORES = {"overall_quality", "safety_score"}
_REMEDIES: Mapping[str, str] = {
    "comments": "{count} of {of} negative opinions say something like {name}: read them, and change what they name.",
    "category": "{count} of {of} negative opinions chose the category {name}: look at their calls.",
    "refused": "{count} of {of} calls are refused: look whether the system prompt forbids what users may ask.",
    "off_topic": "{count} of {of} answers are off topic: look whether the prompt passes on the whole question.",
    "repeated_question": "{count} of {of} calls repeat a question of the same user within an hour: the answer "
    "before did not serve.",
    "cut_off": "{count} of {of} answers are cut off: raise the limit of output tokens, or ask for less.",
}


class LookedAt(Report):
    """What complaints were found in: the newest negative opinions and calls, and those before.

    `most_opinions` and `most_calls` are the most that are looked at in either period.
    """

    opinions: int
    opinions_before: int
    most_opinions: int = MOST_OPINIONS
    calls: int
    calls_before: int
    most_calls: int = MOST_SEARCHED


class FeedbackReport(Report):
    """The answer of GET /feedback.

    Ratings 4 and 5 are positive, 1 and 2 negative; shares are 0..1.
    """

    time_period: str
    total_feedback: int
    positive_feedback: int
    negative_feedback: int
    satisfaction_rate: float | None
    common_complaints: tuple[Complaint, ...]
    improvement_suggestions: tuple[str, ...]
    looked_at: LookedAt
    message: str | None = None


async def read_feedback_report(connection: Connection, project_id: str, window: Window) -> FeedbackReport:
    """Read the feedback report of one window, and the period before for comparison."""
    ratings = await read_ratings(connection, project_id, window)
    earlier = msgspec.structs.replace(
        window, start=window.start - (window.end - window.start), end=window.start
    )
    opinions = await read_negative(connection, project_id, window)
    before = await read_negative(connection, project_id, earlier)
    signs = await read_implicit_feedback(connection, project_id, window)
    signs_before = await read_implicit_feedback(connection, project_id, earlier)
    clusters = await asyncio.to_thread(_cluster, [*opinions, *before])
    complaints = (*group_opinions(opinions, before, clusters), *list_implicit(signs, signs_before))
    return FeedbackReport(
        time_period=window.period,
        total_feedback=ratings.total,
        positive_feedback=ratings.positive,
        negative_feedback=ratings.negative,
        satisfaction_rate=ratings.positive / ratings.total if ratings.total else None,
        common_complaints=complaints,
        improvement_suggestions=(
            *suggest_remedies(complaints),
            *await _suggest(connection, project_id, window, opinions),
        ),
        looked_at=LookedAt(
            opinions=len(opinions),
            opinions_before=len(before),
            calls=max((one.calls for one in signs), default=0),
            calls_before=max((one.calls for one in signs_before), default=0),
        ),
        message=empty_message(window, ratings.total, "feedback"),
    )


def _cluster(opinions: Sequence[Opinion]) -> list[list[int]]:
    """Return groups of opinions whose comments mean the same, by position."""
    said = [(place, one.comment) for place, one in enumerate(opinions) if one.comment]
    if len(said) < _FEWEST_COMMENTS:
        return []
    # The word vectors take a second to load, and only projects with comments need them.
    from monitoring.text.clusters import cluster_texts

    return [[said[at][0] for at in group] for group in cluster_texts([text for _, text in said])]


def suggest_remedies(complaints: Iterable[Complaint]) -> Iterable[str]:
    """Say what to do about complaints that at least three users or calls have."""
    for one in complaints:
        if one.count < _FEWEST:
            continue
        what = _REMEDIES[one.kind].format(count=one.count, of=one.of, name=_quoted(one.complaint))
        yield f"{what} That is more than in the period before." if one.trend == "rising" else what


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'


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
    """Name models whose share of the negative ratings is larger than their share of the traffic."""
    records = sum(traffic.values())
    for model, count in Counter(str(opinion.model_name) for opinion in opinions).most_common():
        share, usual = count / len(opinions), traffic.get(model, 0) / records if records else 0.0
        if count >= _FEWEST and usual and share >= _SHARE_FACTOR * usual:
            yield (
                f"{model} gets {share:.0%} of the negative ratings with {usual:.0%} of the traffic "
                f"({count} of {len(opinions)}): "
                "compare its answers with those of another model."
            )


def suggest_flags(opinions: Sequence[Opinion], counts: dict[str, int], records: int) -> Iterable[str]:
    """Name safety flags that negatively rated responses have more often than others."""
    for flag, count in Counter(flag for opinion in opinions for flag in opinion.flags).most_common():
        share, usual = count / len(opinions), counts.get(f"flag:{flag}", 0) / records if records else 0.0
        if count >= _FEWEST and share >= _SHARE_FACTOR * usual:
            yield (
                f"{share:.0%} of the negatively rated responses ({count} of {len(opinions)}) are flagged {flag}, "
                f"against {usual:.0%} of all: hold such responses back or rephrase the prompt."
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
                f"{name} averages {average:.2f} in {len(found)} negatively rated responses, against {usual:.2f} "
                "in all: "
                "it tells them apart, so watch it."
            )
