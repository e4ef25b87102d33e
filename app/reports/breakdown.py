"""Figures by one or two fields: the first groups, all others together, and the total."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from app.figures.measures import Counts, Grouped, Groups, Order
from app.figures.observation import OTHER
from app.filters.grouping import Dimension
from app.reports.report import Report
from app.reports.spending import CostSplit, split_cost
from app.storage.engine import Connection
from app.storage.rollups import breakdown as rollups
from app.storage.traces import breakdown as stored
from app.storage.traces.sampling import Chosen, Sample, take_sample
from app.storage.traces.spent import Spent
from monitoring.models import Money
from monitoring.spending.own_prices import OwnPrices

__all__ = ["Breakdown", "GroupFigures", "Truncation", "read_breakdown", "truncation_of", "with_splits"]

ComputedFrom = Literal["rollups", "traces"]
_KEYS: Final[Mapping[Order, Callable[[Counts], tuple[Decimal | int, ...]]]] = {
    "cost": lambda counts: (counts.cost_usd, counts.records),
    "requests": lambda counts: (counts.records,),
    "violations": lambda counts: (counts.unsafe, counts.records),
}


class Truncation(Report):
    """The part of the window that was read, where it holds too many calls for one answer.

    `calls_read` newest calls were read. All were received since `since`.
    """

    calls_read: int
    since: datetime


class GroupFigures(Report):
    """The calls of one group, of all further groups together, or of all groups.

    `values` holds the value of each field, null where calls have none. `filter` chooses these calls
    among those of the answer, for GET /traces; it is null where no filter can. Costs are US
    dollars, qualities and rates 0..1. `cost_split` is given by reports on costs, except where none
    of the newest calls is of the group.
    """

    values: dict[str, str | None]
    filter: str | None
    requests: int
    priced_requests: int
    total_cost_usd: Money | None
    prompt_tokens: int
    completion_tokens: int
    quality_count: int
    average_quality: float | None
    assessed: int
    violations: int
    violation_rate: float | None
    cost_split: CostSplit | None = None


class Breakdown(Report):
    """Figures by one or two fields, the largest groups first.

    `rest` sums `rest_groups` further groups. Groups and rest add up to the total, unless they
    `overlap`: a call with two tags is then in both groups, and one without tags in none. `since` is
    where the counting begins, because rollups of most fields begin with a whole hour.
    """

    group_by: tuple[str, ...]
    groups: tuple[GroupFigures, ...]
    rest: GroupFigures | None
    rest_groups: int
    total: GroupFigures
    overlap: bool
    since: datetime
    computed_from: ComputedFrom
    truncated: Truncation | None


async def read_breakdown(
    connection: Connection,
    chosen: Chosen,
    dimensions: Sequence[Dimension],
    *,
    order: Order,
    top: int,
    sample: Sample | None = None,
) -> Breakdown | None:
    """Return the figures of the chosen calls by the fields; None without a field.

    Rollups answer where they hold these fields and nothing is filtered. All else is computed from
    traces: from `sample`, if it was taken already.
    """
    if not dimensions:
        return None
    fields = tuple(one.field for one in dimensions)
    if chosen.filter.condition is None and rollups.holds(fields):
        of = (chosen.project_id, chosen.window, fields, chosen.source)
        groups = await rollups.read_groups(connection, *of, order=order, most=top)
        return _breakdown(groups, chosen, dimensions, order, top, "rollups")
    sample = sample or await take_sample(connection, chosen)
    groups = await stored.read_groups(connection, sample, dimensions, order=order, most=top)
    return _breakdown(groups, chosen, dimensions, order, top, "traces")


def truncation_of(read: int | None, since: datetime) -> Truncation | None:
    """Return what an answer says about the part that was read; None if everything was."""
    return None if read is None else Truncation(calls_read=read, since=since)


def with_splits(found: Breakdown, spent: Sequence[Spent], own: OwnPrices | None) -> Breakdown:
    """Return the figures with the division of the cost of each group, and of the rest.

    `spent` is grouped by the same fields. The rest has none where names beyond the cap of a day are
    a group, because calls themselves have other names.
    """
    by_values: dict[tuple[str | None, ...], list[Spent]] = {}
    for one in spent:
        by_values.setdefault(one.values, []).append(one)

    def split(group: GroupFigures, parts: Sequence[Spent]) -> GroupFigures:
        division = split_cost(parts, group.priced_requests, own) if parts else None
        return group.model_copy(update={"cost_split": division})

    groups = []
    for group in found.groups:
        values = tuple(group.values[name] for name in found.group_by)
        groups.append(split(group, by_values.pop(values, ())))
    left = [one for parts in by_values.values() for one in parts]
    capped = found.computed_from == "rollups" and any(OTHER in one.values.values() for one in groups)
    rest = found.rest if found.rest is None or capped else split(found.rest, left)
    return found.model_copy(update={"groups": tuple(groups), "rest": rest})


def _breakdown(
    found: Groups,
    chosen: Chosen,
    dimensions: Sequence[Dimension],
    order: Order,
    top: int,
    computed_from: ComputedFrom,
) -> Breakdown:
    shown = sorted(found.groups, key=lambda group: _KEYS[order](group.counts), reverse=True)[:top]
    rest = found.held - sum((group.counts for group in shown), Counts())
    others = found.number - len(shown)
    everything = chosen.filter.to_text() or None
    return Breakdown(
        group_by=tuple(one.name for one in dimensions),
        groups=tuple(_figures(group, chosen, dimensions) for group in shown),
        rest=_shown(rest, {}, None) if others else None,
        rest_groups=others,
        total=_shown(found.total, {}, everything),
        overlap=any(one.overlaps for one in dimensions),
        since=found.since,
        computed_from=computed_from,
        truncated=truncation_of(found.read, found.since),
    )


def _figures(group: Grouped, chosen: Chosen, dimensions: Sequence[Dimension]) -> GroupFigures:
    pairs = list(zip(dimensions, group.values, strict=True))
    choosing = chosen.filter
    for dimension, value in pairs:
        choosing &= dimension.equals(value)
    # Names beyond the cap of a day are counted together, and no trace has this one.
    text = None if OTHER in group.values else choosing.to_text()
    return _shown(group.counts, {dimension.name: value for dimension, value in pairs}, text)


def _shown(counts: Counts, values: dict[str, str | None], text: str | None) -> GroupFigures:
    return GroupFigures(
        values=values,
        filter=text,
        requests=counts.records,
        priced_requests=counts.priced,
        total_cost_usd=counts.cost_usd if counts.priced else None,
        prompt_tokens=counts.prompt_tokens,
        completion_tokens=counts.completion_tokens,
        quality_count=counts.quality_count,
        average_quality=counts.average_quality,
        assessed=counts.assessed,
        violations=counts.unsafe,
        violation_rate=counts.violation_rate,
    )
