"""How well evaluators agree with the labels and the feedback of people, and raters with another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

import msgspec

from app.figures.measures import Measure
from app.reports.agreement_words import (
    compare_words,
    nothing_said,
    rater_words,
    reasons_of,
)
from app.reports.breakdown import Truncation, truncation_of
from app.reports.report import Report
from app.schemas.agreement import JudgedCall, Said
from app.schemas.catalogue import Judge
from app.storage.engine import Connection
from app.storage.rollups.reading import read_measures
from app.storage.traces.agreement import read_judged, read_ratings_of_calls, read_said
from app.storage.traces.figures import read_scores
from app.storage.traces.sampling import MOST_SCORED, Chosen, Sample, every, take_sample
from monitoring.benchmarking.agreement import (
    Decisions,
    alpha,
    calibration_curve,
    compare_decisions,
    compare_raters,
    correlate,
    estimate_whole,
    majority,
)
from monitoring.overall_quality import NAME as OVERALL_QUALITY
from monitoring.statistics.intervals import Interval, share

__all__ = ["AgreementReport", "Bounds", "Comparison", "RaterAgreement", "read_agreement"]

_GOOD: Final = 0.5
"""From this score 0..1 on, people call a call good. It is the overall quality of ordinary calls."""
_RATINGS: Final = 4  # a rating is 1 to 5
Against = Literal["findings", "scores", "feedback"]


class Bounds(Report):
    """An estimate, and the bounds of its 95 % interval."""

    estimate: float
    low: float
    high: float


class CurvePoint(Report):
    """The calls with a value from `low` to below `high`.

    `true_share` is the share of them of which people say that the finding is right, or that the
    call is good.
    """

    low: float
    high: float
    n: int
    mean_value: float
    true_share: float
    true_low: float
    true_high: float


class Estimated(Report):
    """What the labelled calls say of all calls, if people chose them by chance."""

    prevalence: Bounds
    recall: Bounds | None


class Comparison(Report):
    """One evaluator beside what people say of the same calls.

    `against` says what of people: verdicts on `findings`, `scores` of whole calls, or ratings of
    `feedback`. `positives` are the calls with something to find: for `findings`, those whose alarm
    is true; else those that people call bad (a score below 0.5, a rating of 1 or 2; a rating
    around 3 is neither and is left out). `flagged` are those beyond the evaluator's threshold of
    their time; for the overall quality, those below 0.5. Of `n` calls, `agreed` are those of which
    both say the same. A figure that the labels cannot give is null, and `reasons` says why.
    `estimated` is about all calls of the period, and not only about those with labels.
    """

    evaluator: str
    against: Against
    n: int
    agreed: int
    positives: int
    flagged: int
    prevalence: Bounds | None = None
    precision: Bounds | None = None
    recall: Bounds | None = None
    kappa: Bounds | None = None
    rank_correlation: Bounds | None = None
    reasons: dict[str, str]
    estimated: Estimated | None = None
    calibration: tuple[CurvePoint, ...] = ()
    sentence: str


class RaterAgreement(Report):
    """People on the same findings, by flag: pairs of verdicts, how many agree, and kappa.

    `findings` were labelled by at least two of `raters` people. `alpha` is that of Krippendorff,
    for any number of people; `kappa` is that of Cohen, over all pairs.
    """

    flag: str
    n: int
    agreed: int
    share_agreed: Bounds | None = None
    raters: int
    findings: int
    kappa: Bounds | None = None
    alpha: Bounds | None = None
    sentence: str


class AgreementReport(Report):
    """The answer of GET /metrics/agreement."""

    time_period: str
    filter: str | None = None
    labelled_calls: int
    rated_calls: int
    comparisons: tuple[Comparison, ...] = ()
    raters: tuple[RaterAgreement, ...] = ()
    truncated: Truncation | None = None
    message: str | None = None


class _Read(NamedTuple):
    """All that was read: labels, calls by id, and the values of all calls by evaluator."""

    said: Sequence[Said]
    calls: Mapping[UUID, JudgedCall]
    measures: Mapping[str, Measure]


async def read_agreement(connection: Connection, chosen: Chosen, judges: Sequence[Judge]) -> AgreementReport:
    """Compare the evaluators with what people say of the chosen calls.

    At most the newest 20,000 labels and 20,000 calls with feedback are compared.
    """
    filtered = chosen.filter.condition is not None
    sample = await take_sample(connection, chosen, MOST_SCORED) if filtered else every(chosen)
    said = await read_said(connection, sample, filtered=filtered)
    ratings = await read_ratings_of_calls(connection, sample, filtered=filtered)
    labelled = {one.trace_id for one in said}
    calls = await read_judged(connection, chosen.project_id, labelled | ratings.keys())
    calls = {id_: msgspec.structs.replace(one, rating=ratings.get(id_)) for id_, one in calls.items()}
    read = _Read(said, calls, await _measures(connection, sample, filtered=filtered) if said else {})
    return AgreementReport(
        time_period=chosen.window.period,
        filter=chosen.filter.to_text() if filtered else None,
        labelled_calls=len(labelled & calls.keys()),
        rated_calls=len(ratings.keys() & calls.keys()),
        comparisons=tuple(_compare(read, judges)),
        raters=tuple(_raters(said)),
        truncated=truncation_of(sample.read, sample.since),
        message=None if said or ratings else nothing_said(chosen.window.period),
    )


async def _measures(connection: Connection, sample: Sample, *, filtered: bool) -> Mapping[str, Measure]:
    if filtered:
        return (await read_scores(connection, sample, ())).measures
    chosen = sample.chosen
    return await read_measures(connection, chosen.project_id, chosen.window, chosen.source)


def _compare(read: _Read, judges: Sequence[Judge]) -> Iterator[Comparison]:
    rated = {id_: (call.rating - 1) / _RATINGS for id_, call in read.calls.items() if call.rating is not None}
    scored = _scores(read.said)
    for judge in sorted(judges, key=lambda one: (one.category, one.name)):
        if judge.category == "descriptive":
            continue
        verdicts = _verdicts(read.said, judge)
        if found := _of_findings(read, judge, verdicts):
            yield found
        if judge.category == "quality":
            yield from _of_quality(read, judge.name, scored, rated)
    yield from _of_quality(read, OVERALL_QUALITY, scored, rated)


def _scores(said: Sequence[Said]) -> dict[UUID, float]:
    """Return the mean score 0..1 of each call over the people who scored it."""
    newest: dict[UUID, dict[str, float]] = defaultdict(dict)
    for one in said:
        if one.finding is None:
            newest[one.trace_id].setdefault(one.actor, one.value)
    return {id_: sum(scores.values()) / len(scores) for id_, scores in newest.items()}


def _verdicts(said: Sequence[Said], judge: Judge) -> dict[UUID, bool]:
    """Return by call what most people say of what an evaluator looks for: whether it is there.

    A call of which as many say one as the other is left out.
    """
    votes: dict[UUID, dict[str, bool]] = defaultdict(dict)
    for one in said:
        flag = judge.flag is not None and judge.flag in {one.flag, one.finding}
        if one.finding is not None and (flag or one.finding == judge.name):
            votes[one.trace_id].setdefault(one.actor, one.label == "true_alarm")
    found = {trace_id: majority(by.values()) for trace_id, by in votes.items()}
    return {trace_id: there for trace_id, there in found.items() if there is not None}


def _of_findings(read: _Read, judge: Judge, verdicts: Mapping[UUID, bool]) -> Comparison | None:
    name = judge.name
    kept = [(read.calls[id_], there) for id_, there in verdicts.items() if _judged(read, id_, name)]
    if not kept:
        return None
    truth = [there for _, there in kept]
    found = compare_decisions(truth, [name in call.hits for call, _ in kept])
    whole = None
    if (measure := read.measures.get(name)) is not None:
        flagged = measure.hits + sum(name in call.dismissed for call in read.calls.values())
        whole = estimate_whole(found, flagged, max(measure.count - flagged, 0))
    estimated = whole and Estimated(prevalence=_must(whole.prevalence), recall=_bounds(whole.recall))
    values = [call.values[name] for call, _ in kept]
    curve = _curve(truth, values) if judge.category == "safety" else ()
    return _comparison(name, "findings", found, estimated=estimated, calibration=curve)


def _of_quality(
    read: _Read, name: str, scored: Mapping[UUID, float], rated: Mapping[UUID, float]
) -> Iterator[Comparison]:
    told: tuple[tuple[Against, Mapping[UUID, float]], ...] = (("scores", scored), ("feedback", rated))
    for against, given in told:
        kept = [(read.calls[id_], one) for id_, one in given.items() if _judged(read, id_, name)]
        if not kept:
            continue
        clear = [pair for pair in kept if against == "scores" or not _is_between(pair[1])]
        bad = [one < _GOOD for _, one in clear]
        found = compare_decisions(bad, [_is_low(call, name) for call, _ in clear])
        ranked = correlate([call.values[name] for call, _ in kept], [one for _, one in kept])
        good = [not one for one in bad]
        curve = _curve(good, [call.values[name] for call, _ in clear])
        yield _comparison(name, against, found, ranked=ranked, calibration=curve)


def _is_between(rating: float) -> bool:
    """Tell whether a mean rating, as 0..1, is neither bad (1 and 2) nor good (4 and 5)."""
    return 1 / _RATINGS < rating < 3 / _RATINGS


def _is_low(call: JudgedCall, name: str) -> bool:
    return call.values[name] < _GOOD if name == OVERALL_QUALITY else name in call.hits


def _judged(read: _Read, trace_id: UUID, name: str) -> bool:
    return trace_id in read.calls and name in read.calls[trace_id].values


def _comparison(
    name: str, against: Against, found: Decisions, ranked: Interval | None = None, **more: Any
) -> Comparison:
    return Comparison(
        evaluator=name,
        against=against,
        n=found.number,
        agreed=found.tp + found.tn,
        positives=found.tp + found.fn,
        flagged=found.tp + found.fp,
        prevalence=_bounds(found.prevalence),
        precision=_bounds(found.precision),
        recall=_bounds(found.recall),
        kappa=_bounds(found.kappa),
        rank_correlation=_bounds(ranked),
        reasons=reasons_of(found, against, ranked),
        sentence=compare_words(name, against, found, ranked),
        **more,
    )


def _curve(truth: Sequence[bool], values: Sequence[float]) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(**msgspec.structs.asdict(one)) for one in calibration_curve(truth, values))


def _bounds(interval: Interval | None) -> Bounds | None:
    return None if interval is None else _must(interval)


def _must(interval: Interval) -> Bounds:
    return Bounds(estimate=interval.estimate, low=interval.low, high=interval.high)


def _raters(said: Sequence[Said]) -> Iterator[RaterAgreement]:
    findings: dict[str, dict[UUID, dict[str, bool]]] = defaultdict(lambda: defaultdict(dict))
    for one in said:
        if one.finding is not None:
            of_call = findings[one.flag or one.finding][one.trace_id]
            of_call.setdefault(one.actor, one.label == "true_alarm")
    for flag, calls in sorted(findings.items()):
        several = [verdicts for verdicts in calls.values() if len(verdicts) > 1]
        found = compare_raters(several)
        if found.number:
            yield RaterAgreement(
                flag=flag,
                n=found.number,
                agreed=found.tp + found.tn,
                share_agreed=_bounds(share(found.tp + found.tn, found.number)),
                raters=len({actor for one in several for actor in one}),
                findings=len(several),
                kappa=_bounds(found.kappa),
                alpha=_bounds(alpha(several)),
                sentence=rater_words(flag, found),
            )
