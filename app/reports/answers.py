"""Reports with what a caller may ask beside: only some calls, and figures by fields."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, Final, NamedTuple, TypeVar

from app.figures.measures import Order
from app.filters.grouping import Dimension
from app.reports.breakdown import (
    Breakdown,
    ComputedFrom,
    Truncation,
    read_breakdown,
    truncation_of,
    with_splits,
)
from app.reports.detailed_cost import (
    DetailedCostReport,
    Divided,
    read_detailed_cost,
    read_divided,
    read_filtered_detailed_cost,
)
from app.reports.filtered import Scored, read_filtered_quality, read_filtered_safety, read_scored
from app.reports.looks import Looks
from app.reports.quality import QualityReport, read_quality
from app.reports.report import Report
from app.reports.safety import SafetyReport, read_safety
from app.storage.engine import Connection
from app.storage.traces.sampling import MOST_SCORED, Chosen, Sample, every, take_sample

__all__ = [
    "DEFAULT_TOP",
    "Asked",
    "CostAnswer",
    "QualityAnswer",
    "SafetyAnswer",
    "answer_cost",
    "answer_quality",
    "answer_quality_and_safety",
    "answer_safety",
]

DEFAULT_TOP: Final = 10
Of = TypeVar("Of")


class Asked(NamedTuple):
    """The calls of a report, the fields to group them by, how many groups, and the zone of days."""

    chosen: Chosen
    dimensions: Sequence[Dimension] = ()
    top: int = DEFAULT_TOP
    zone: tzinfo = UTC


class Basis(Report):
    """What the figures are computed from, and whether that is everything.

    `computed_from` and `truncated` are about all figures but `breakdown`, which has its own.
    """

    filter: str | None = None
    computed_from: ComputedFrom = "rollups"
    truncated: Truncation | None = None
    breakdown: Breakdown | None = None


class CostAnswer(DetailedCostReport, Basis):
    """The answer of GET /metrics/cost."""


class QualityAnswer(QualityReport, Basis):
    """The answer of GET /metrics/quality."""


class SafetyAnswer(SafetyReport, Basis):
    """The answer of GET /metrics/safety."""


async def answer_cost(connection: Connection, asked: Asked, *, looks: Looks) -> CostAnswer:
    """Read the cost report; groups with the highest cost come first. `looks` keeps what is slow.

    The cost of each group is divided as that of all calls is.
    """
    of = asked.chosen
    divided: Divided | None = None

    async def whole() -> DetailedCostReport:
        nonlocal divided
        divided = await _divide(connection, asked, every(of), looks) if asked.dimensions else None
        told = (connection, of.project_id, of.window, of.source, asked.zone)
        return await read_detailed_cost(*told, looks=looks, divided=_in_all(divided, asked.dimensions))

    async def filtered(sample: Sample) -> DetailedCostReport:
        nonlocal divided
        divided = await _divide(connection, asked, sample, looks) if asked.dimensions else None
        known = _in_all(divided, asked.dimensions)
        return await read_filtered_detailed_cost(connection, sample, asked.zone, known)

    report, basis, _ = await _read(connection, asked, "cost", whole, filtered)
    found: Breakdown | None = basis["breakdown"]
    if found is not None and divided is not None:
        basis["breakdown"] = with_splits(found, divided.spent, divided.own)
    return CostAnswer(**dict(report), **basis)


def _in_all(divided: Divided | None, dimensions: Sequence[Dimension]) -> Divided | None:
    """Return how all calls divide, None where a call may be in several groups or in none."""
    overlap = any(one.overlaps for one in dimensions)
    return None if divided is None or overlap else divided.in_all()


async def _divide(connection: Connection, asked: Asked, sample: Sample, looks: Looks) -> Divided:
    of = asked.chosen
    names = tuple(one.name for one in asked.dimensions)
    key = ("divided", of.project_id, of.source, of.window.start, of.window.end, of.filter.to_text(), names)
    return await looks.take(key, lambda: read_divided(connection, sample, asked.dimensions))


async def answer_quality_and_safety(
    connection: Connection, asked: Asked, *, raisers: Mapping[str, Collection[str]]
) -> tuple[QualityAnswer, SafetyAnswer]:
    """Read both reports; groups are in the second one alone.

    Filtered calls are looked for and their scores are read once for both.
    """
    known: Scored | None = None
    if asked.chosen.filter.condition is not None:
        sample = await take_sample(connection, asked.chosen, MOST_SCORED)
        known = await read_scored(connection, sample, asked.zone)
    quality = await answer_quality(connection, asked._replace(dimensions=()), known)
    return quality, await answer_safety(connection, asked, raisers=raisers, known=known)


async def answer_quality(connection: Connection, asked: Asked, known: Scored | None = None) -> QualityAnswer:
    """Read the quality report; groups with most calls come first.

    `known` is what was read of filtered calls already.
    """
    of = asked.chosen
    report, basis, _ = await _read(
        connection,
        asked,
        "requests",
        lambda: read_quality(connection, of.project_id, of.window, of.source, asked.zone),
        lambda sample: read_filtered_quality(connection, sample, asked.zone, known),
        MOST_SCORED,
        known and known.sample,
    )
    return QualityAnswer(**dict(report), **basis)


async def answer_safety(
    connection: Connection,
    asked: Asked,
    *,
    raisers: Mapping[str, Collection[str]],
    known: Scored | None = None,
) -> SafetyAnswer:
    """Read the safety report; groups with most violations come first.

    `known` is what was read of filtered calls already.
    """
    of = asked.chosen
    report, basis, _ = await _read(
        connection,
        asked,
        "violations",
        lambda: read_safety(
            connection, of.project_id, of.window, of.source, raisers=raisers, zone=asked.zone
        ),
        lambda sample: read_filtered_safety(connection, sample, asked.zone, raisers=raisers, known=known),
        MOST_SCORED,
        known and known.sample,
    )
    return SafetyAnswer(**dict(report), **basis)


async def _read(
    connection: Connection,
    asked: Asked,
    order: Order,
    whole: Callable[[], Awaitable[Of]],
    filtered: Callable[[Sample], Awaitable[Of]],
    most: int | None = None,
    sample: Sample | None = None,
) -> tuple[Of, dict[str, Any], Sample | None]:
    """Return the report, the fields of Basis, and the filtered calls.

    Rollups answer where nothing is filtered. The filtered calls are looked for, unless `sample` has
    them.
    """
    basis: dict[str, Any] = {}
    if asked.chosen.filter.condition is None:
        report = await whole()
    else:
        sample = sample or await take_sample(connection, asked.chosen, most)
        report = await filtered(sample)
        basis = {
            "filter": asked.chosen.filter.to_text(),
            "computed_from": "traces",
            "truncated": truncation_of(sample.read, sample.since),
        }
    breakdown = await read_breakdown(
        connection, asked.chosen, asked.dimensions, order=order, top=asked.top, sample=sample
    )
    return report, basis | {"breakdown": breakdown}, sample
