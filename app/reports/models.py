"""Models or prompt templates side by side: volume, latency, errors, quality, safety and cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

from app.errors import InvalidParameter
from app.figures.measures import Counts
from app.filters.grouping import Dimension
from app.reports.breakdown import ComputedFrom, Truncation, truncation_of
from app.reports.detailed_cost import read_divided
from app.reports.looks import Looks
from app.reports.report import Report, empty_message
from app.reports.side_by_side import (
    FEWEST,
    FIGURES,
    MEASURES,
    QUANTILES,
    Difference,
    ModelFigures,
    differences,
    figures_of,
    measured_of,
)
from app.reports.spending import CostPerGoodAnswer, per_good_answer
from app.storage.engine import Connection
from app.storage.rollups.model_reading import read_model_histograms
from app.storage.rollups.reading import read_model_measures, read_models
from app.storage.traces.sampling import MOST_SCORED, Chosen, Sample, every, take_sample
from app.storage.traces.side_by_side import Measured, read_side_by_side
from app.storage.traces.spent import Spent

__all__ = ["ModelDifference", "ModelsReport", "Subject", "read_model_comparison"]

Subject = Literal["model", "template"]

_LISTED = 50
_COMPARED = 5
_PAIR = 2
# Five models make ten pairs of four figures: of all claims of one answer together, at most 5 % of
# answers hold a wrong one (Bonferroni).
_FIGURES = 4
_WRONG_ANSWERS = 0.05


class ModelDifference(Report):
    """A difference of two models or templates that chance does not explain: `name` less `than`.

    `low` and `high` are the bounds of its confidence interval, which leaves out zero. `confidence`
    is so high that at most one of twenty answers holds any wrong claim. `model_name` is null for
    templates.
    """

    name: str
    model_name: str | None
    than: str
    figure: Literal["quality", "violation_rate", "error_rate", "cost_per_request"]
    difference: float
    low: float
    high: float
    confidence: float


class ModelsReport(Report):
    """The answer of GET /metrics/models.

    The models or templates with most requests come first, at most fifty. `differences` compares the
    first five with each other, where both have at least thirty calls. `compared` holds every
    figure of the two that were asked for, also where chance explains the difference; of twenty
    such answers, at most one calls any difference real that is not.
    """

    by: Subject
    filter: str | None
    computed_from: ComputedFrom
    truncated: Truncation | None
    time_period: str
    total_requests: int
    total_models: int
    models: tuple[ModelFigures, ...]
    differences: tuple[ModelDifference, ...]
    compared: tuple[Difference, ...] = ()
    message: str | None = None


class _Found(NamedTuple):
    measured: Sequence[Measured]
    number: int
    total: Counts
    sample: Sample | None


async def read_model_comparison(
    connection: Connection,
    chosen: Chosen,
    by: Subject = "model",
    compare: Sequence[str] = (),
    *,
    looks: Looks,
    first_two: bool = False,
) -> ModelsReport:
    """Compare the models or the templates of the chosen calls.

    `compare` names none or two. Without them, `first_two` compares the two with most calls.

    Rollups answer for models where nothing is filtered. Means are exact then. Percentiles, and the
    spreads behind intervals, come from histograms whose values are within 2.5 %. All else is
    computed from at most the newest 20,000 calls, exactly. `looks` keeps what is slow. Raises
    InvalidParameter where one of `compare` has no calls.
    """
    key = (by, chosen.project_id, chosen.source, chosen.window.start, chosen.window.end)
    about = chosen.filter.to_text()
    if by == "model" and chosen.filter.condition is None:
        found = await _from_rollups(connection, chosen)
    else:
        found = await looks.take(("models", *key, about), lambda: _from_traces(connection, chosen, by))
    sample = found.sample or every(chosen)
    divided = await looks.take(
        ("good", *key, about), lambda: read_divided(connection, sample, (Dimension(by),))
    )
    good = _good_answers(divided.spent)
    shown = found.measured[:_LISTED]
    busiest = [one.value for one in shown[:_PAIR]]
    pair = busiest if first_two and not compare and len(busiest) == _PAIR else compare
    return ModelsReport(
        by=by,
        filter=about or None,
        computed_from="traces" if found.sample else "rollups",
        truncated=truncation_of(found.sample.read, found.sample.since) if found.sample else None,
        time_period=chosen.window.period,
        total_requests=found.total.records,
        total_models=found.number,
        models=tuple(figures_of(one, good.get(one.value), is_model=by == "model") for one in shown),
        differences=tuple(_differences(shown, is_model=by == "model")),
        compared=tuple(_compared(found.measured, pair)),
        message=empty_message(chosen.window, found.total.records),
    )


async def _from_rollups(connection: Connection, chosen: Chosen) -> _Found:
    of = (chosen.project_id, chosen.window)
    groups = await read_models(connection, *of, chosen.source)
    names = [group.value for group in groups[:_LISTED]]
    measures = await read_model_measures(connection, *of, names, chosen.source)
    histograms = await read_model_histograms(connection, *of, names, MEASURES, chosen.source)
    measured = [
        measured_of(group, measures.get(group.value, {}), histograms.get(group.value, {}))
        for group in groups[:_LISTED]
    ]
    return _Found(measured, len(groups), sum((group.counts for group in groups), Counts()), None)


async def _from_traces(connection: Connection, chosen: Chosen, by: Subject) -> _Found:
    sample = await take_sample(connection, chosen, MOST_SCORED)
    measured = await read_side_by_side(connection, sample, Dimension(by), QUANTILES)
    return _Found(measured, len(measured), sum((one.counts for one in measured), Counts()), sample)


def _good_answers(spent: Sequence[Spent]) -> dict[str | None, CostPerGoodAnswer]:
    groups: dict[str | None, list[Spent]] = {}
    for one in spent:
        groups.setdefault(one.values[0], []).append(one)
    return {value: per_good_answer(parts) for value, parts in groups.items()}


def _differences(measured: Sequence[Measured], *, is_model: bool) -> Iterator[ModelDifference]:
    pairs = list(combinations([one for one in measured if one.counts.records >= FEWEST][:_COMPARED], 2))
    for one, other in pairs:
        for found in differences(one, other, 1 - _WRONG_ANSWERS / (len(pairs) * _FIGURES)):
            if found.real and found.figure != "response_time_ms":
                known = found.model_dump(exclude={"real"})
                yield ModelDifference(**known, model_name=found.name if is_model else None)


def _compared(measured: Sequence[Measured], names: Sequence[str]) -> Iterator[Difference]:
    if not names:
        return
    by_name = {one.value: one for one in measured}
    for name in names:
        if name not in by_name:
            message = f"there are no calls of {name[:64]!r} among those that are compared"
            raise InvalidParameter(f"compare: {message}.", errors=[{"field": "compare", "message": message}])
    one, other = (by_name[name] for name in names)
    yield from differences(one, other, 1 - _WRONG_ANSWERS / len(FIGURES))
