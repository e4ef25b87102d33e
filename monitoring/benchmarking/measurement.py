"""Measuring an evaluator on a source, with the code that a worker runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.benchmarking import metrics
from monitoring.benchmarking.entity_types import EntityCount, count_entities, named_value
from monitoring.benchmarking.feeds import UNLABELLED, Feed, Row, ranking_part, to_fed_record
from monitoring.benchmarking.sources import LabelledSource
from monitoring.evaluation import evaluate
from monitoring.evaluator import Evaluator
from monitoring.models import Record, Score
from monitoring.text.tokens import count_tokens

__all__ = [
    "BATCH",
    "FEWEST_ROWS",
    "TIER",
    "Clock",
    "Judged",
    "Measurement",
    "measure",
    "measure_traffic",
    "split",
    "summarise",
]

BATCH = 256
FEWEST_ROWS = 100
"""With fewer labelled rows, figures are too uncertain to be shown as measured."""
TIER = "fast"
_PRESENT, _NEUTRAL = 0.5, 0.5
_PII = "pii"
_RANKED = "relevance"

Clock = Callable[[], float]
Advance = Callable[[int], None]
Floats = NDArray[np.float64]


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one evaluator on one source; None if a figure does not apply.

    `n` rows have a label, and `positives` of them have a label of 0.5 or more. AUROC, average
    precision, Spearman and mean average precision (over prompts) compare values with labels. An
    unknown value counts as 0 for safety and as 0.5 for quality; if no row has a value, these
    figures are None. The others compare labels with decisions at `threshold`: flagged for safety,
    not low for quality. Recorded traffic has no labels; its `false_positive_rate` is the share that
    is flagged, which is an upper bound. Times are CPU time of the process, which has one thread,
    and texts are counted in UTF-8.
    """

    task: str
    source: str
    evaluator: str
    n: int
    positives: int | None = None
    auroc: float | None = None
    average_precision: float | None = None
    threshold: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    f2: float | None = None
    balanced_accuracy: float | None = None
    false_positive_rate: float | None = None
    spearman: float | None = None
    map: float | None = None
    us_per_record: float | None = None
    mb_per_s: float | None = None
    by_entity: dict[str, EntityCount] | msgspec.UnsetType = msgspec.UNSET


class _Run(NamedTuple):
    """Scores in order, with their microseconds per record and megabytes per second."""

    scores: list[Score]
    us_per_record: float | None
    mb_per_s: float | None


class Judged(NamedTuple):
    """Columns (n,): values in the direction of the labels, and whether each is a positive.

    The second is None without a rule. `known` is False where nothing is known of any row.
    """

    values: Floats
    chosen: NDArray[np.bool_] | None
    known: bool


def measure(
    source: LabelledSource,
    evaluator: Evaluator,
    feed: Feed,
    clock: Clock,
    advance: Advance,
    *,
    detail: bool = False,
) -> list[Measurement]:
    """Return the figures of a source; with `detail` also those of each `meta.sub` as `source:sub`.

    `advance` is called with the number of scored rows. Raises ValueError if the evaluator fails on
    a row.
    """
    run = _score(source, evaluator, clock, advance)
    measured = [_summarise(source, source.rows, evaluator, feed, run)]
    if detail:
        for name, places in split(source.rows).items():
            part = _Run([run.scores[at] for at in places], None, None)
            rows = [source.rows[at] for at in places]
            named = source._replace(name=f"{source.name}:{name}")
            measured.append(_summarise(named, rows, evaluator, feed, part))
    return measured


def measure_traffic(
    source: LabelledSource, evaluators: Sequence[Evaluator], clock: Clock, advance: Advance
) -> list[Measurement]:
    """Return the figures of each evaluator on recorded traffic; `fast` is all, with token counts.

    Every second record has the response of the record before as its context, so that grounding
    takes its usual time. The flags are counted among the other records.
    """
    measured = []
    for evaluator in evaluators:
        run = _score(source, evaluator, clock, advance)
        flagged = [
            evaluator.threshold is not None and score.value is not None and score.value >= evaluator.threshold
            for score in run.scores[::2]
        ]
        measured.append(
            Measurement(
                task=source.task,
                source=source.name,
                evaluator=evaluator.name,
                n=len(run.scores),
                threshold=evaluator.threshold,
                false_positive_rate=float(np.mean(flagged)) if evaluator.category == "safety" else None,
                us_per_record=run.us_per_record,
                mb_per_s=run.mb_per_s,
            )
        )
    return [*measured, _measure_tier(source, evaluators, clock, advance)]


def _measure_tier(
    source: LabelledSource, evaluators: Sequence[Evaluator], clock: Clock, advance: Advance
) -> Measurement:
    seconds, size = 0.0, 0
    batches = _batches(source)
    _run_tier(batches[0], evaluators)
    for records in batches:
        start = clock()
        _run_tier(records, evaluators)
        seconds += clock() - start
        size += sum(map(_size, records))
        advance(len(records))
    speed = _speed(seconds, size, len(source.rows))
    return Measurement(
        task=source.task,
        source=source.name,
        evaluator=TIER,
        n=len(source.rows),
        us_per_record=speed[0],
        mb_per_s=speed[1],
    )


def split(rows: Sequence[Row]) -> Mapping[str, list[int]]:
    """Return the indexes of the rows of each `meta.sub`, by its name."""
    places: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        if (sub := (row.get("meta") or {}).get("sub")) is not None:
            places.setdefault(str(sub), []).append(at)
    return dict(sorted(places.items()))


def _run_tier(records: Sequence[Record], evaluators: Sequence[Evaluator]) -> None:
    evaluate(records, evaluators)
    count_tokens(records)


def _batches(source: LabelledSource) -> list[list[Record]]:
    records = [to_fed_record(source.task, source.name, row) for row in source.rows]
    if source.task == UNLABELLED:
        records = [
            msgspec.structs.replace(record, context=(records[at - 1].response,)) if at % 2 else record
            for at, record in enumerate(records)
        ]
    return [records[first : first + BATCH] for first in range(0, len(records), BATCH)]


def _score(source: LabelledSource, evaluator: Evaluator, clock: Clock, advance: Advance) -> _Run:
    """Score all rows; the first batch runs once before, so that the timing loads nothing."""
    batches = _batches(source)
    evaluate(batches[0], [evaluator])
    scores: list[Score] = []
    seconds, size = 0.0, 0
    for records in batches:
        start = clock()
        results = evaluate(records, [evaluator])
        seconds += clock() - start
        size += sum(map(_size, records))
        for result in (one[evaluator.name] for one in results):
            if not isinstance(result, Score):
                place = f"row {len(scores) + 1} of {source.task}/{source.name}"
                raise ValueError(f"{evaluator.name} failed on {place}: {result.error}: {result.message}")  # noqa: TRY004 the text failed, not its type
            scores.append(result)
        advance(len(records))
    return _Run(scores, *_speed(seconds, size, len(scores)))


def _speed(seconds: float, size: int, count: int) -> tuple[float | None, float | None]:
    return (seconds / count * 1e6, size / seconds / 1e6) if seconds > 0 else (None, None)


def _size(record: Record) -> int:
    texts = (record.prompt, record.response, record.reference or "", record.system_prompt or "")
    return sum(len(text.encode()) for text in (*texts, *record.context))


def summarise(source: LabelledSource, name: str, judged: Judged) -> Measurement:
    """Return the figures of a source's rows for the given values and decisions.

    `name` says what made them: an evaluator or a trivial rule.
    """
    rows = source.rows
    labels = np.array([row["label"] for row in rows], dtype=np.float64)
    positives = int(np.sum(labels >= _PRESENT))
    decisions = None if judged.chosen is None else metrics.count_decisions(labels, judged.chosen)
    both = judged.known and 0 < positives < len(rows)
    graded = judged.known and bool(np.any((labels > 0) & (labels < 1)))
    return Measurement(
        task=source.task,
        source=source.name,
        evaluator=name,
        n=len(rows),
        positives=positives,
        auroc=metrics.auroc(labels, judged.values) if both else None,
        average_precision=metrics.average_precision(labels, judged.values) if both else None,
        precision=decisions and decisions.precision,
        recall=decisions and decisions.recall,
        f1=decisions and decisions.f_score(1),
        f2=decisions and decisions.f_score(2),
        balanced_accuracy=decisions and decisions.balanced_accuracy,
        false_positive_rate=decisions and decisions.false_positive_rate,
        spearman=_correlate(labels, judged.values) if graded else None,
        map=_rank_by_prompt(rows, labels, judged.values) if both and source.task == _RANKED else None,
    )


def _summarise(
    source: LabelledSource, rows: Sequence[Row], evaluator: Evaluator, feed: Feed, run: _Run
) -> Measurement:
    judged = _judge(source.task, rows, evaluator, feed, run.scores)
    return msgspec.structs.replace(
        summarise(source._replace(rows=rows), evaluator.name, judged),
        threshold=evaluator.threshold,
        us_per_record=run.us_per_record,
        mb_per_s=run.mb_per_s,
        by_entity=count_entities(rows, run.scores) if evaluator.name == _PII else msgspec.UNSET,
    )


def _judge(
    task: str, rows: Sequence[Row], evaluator: Evaluator, feed: Feed, scores: Sequence[Score]
) -> Judged:
    values = [score.value for score in scores]
    if evaluator.name == _PII:
        values = [named_value(row, score) for row, score in zip(rows, scores, strict=True)]
    part = ranking_part(task, rows) if evaluator.name == task else None
    ranked = values if part is None else [score.parts.get(part) for score in scores]
    safety = evaluator.category == "safety"
    numbers = _fill(ranked, 0.0 if safety else _NEUTRAL)
    chosen = None
    if evaluator.threshold is not None and any(value is not None for value in values):
        # An unknown value is neither flagged nor low.
        chosen = _fill(values, 0.0 if safety else 1.0) >= evaluator.threshold
        chosen = chosen ^ feed.opposite
    return Judged(
        1 - numbers if feed.opposite else numbers, chosen, any(value is not None for value in ranked)
    )


def _fill(values: Sequence[float | None], unknown: float) -> Floats:
    return np.array([unknown if value is None else value for value in values], dtype=np.float64)


def _correlate(labels: Floats, values: Floats) -> float | None:
    varied = np.ptp(labels) > 0 and np.ptp(values) > 0
    return metrics.spearman(labels, values) if varied else None


def _rank_by_prompt(rows: Sequence[Row], labels: Floats, values: Floats) -> float | None:
    prompts = [row.get("prompt") or "" for row in rows]
    kinds: dict[str, set[bool]] = {}
    for prompt, label in zip(prompts, labels, strict=True):
        kinds.setdefault(prompt, set()).add(bool(label >= _PRESENT))
    ranked = any(len(found) > 1 for found in kinds.values())
    return metrics.mean_average_precision(labels, values, prompts) if ranked else None
