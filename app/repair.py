"""Repair of stored numbers that cannot be added up, from before there were bounds.

Traces lose these numbers and are marked. Batches that were set aside are added up without them.
Durations, costs and tokens of the days concerned are counted again from the traces that are still
stored. Each piece is one transaction. What is done needs no repair any more, so a repair may be
interrupted and started again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.access.administration import Line, record
from app.figures.aggregation import add_up, aggregate
from app.figures.calls import Calls, decode_calls
from app.figures.delta import Delta
from app.storage.access.projects import read_projects
from app.storage.budgets.definitions import recount_all
from app.storage.engine import DATABASE_ERRORS, Connection, Engine, is_timeout, reading
from app.storage.locks import UPKEEP, wait_lock
from app.storage.rollups.batches import halt_batches
from app.storage.rollups.folding import fold_batches
from app.storage.rollups.recounting import (
    NUMBERS,
    clear_numbers,
    drop_batch,
    faulty_batches,
    limit_time,
    mend_traces,
    projects_to_mend,
    read_counted,
    traces_of_day,
)
from app.storage.rollups.set_aside import (
    forget_day,
    note_days,
    projects_out_of_bounds,
    read_set_aside,
    set_aside_days,
    set_aside_figures,
)
from app.storage.rollups.writing import append_deltas
from monitoring.bounds import MOST_TOKENS, MOST_USD, MOST_VALUE, is_bounded

__all__ = ["Repaired", "find_concerned", "repair", "repair_all", "scrubbed"]

logger = logging.getLogger(__name__)

_BATCH = 1000
_BEGINNING = UUID(int=0)


class Repaired(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a repair.

    `traces` lost numbers, `batches` were added up without theirs, `rows` of figures lost theirs,
    and `days` were counted again. The traces of `days_lost` are deleted, so the figures of these
    days still lack what was set aside. `batches_left` cannot be read.
    """

    project_id: str
    traces: int = 0
    batches: int = 0
    rows: int = 0
    days: int = 0
    days_lost: int = 0
    batches_left: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything was repaired."""
        return any((self.traces, self.batches, self.rows, self.days, self.days_lost))


async def find_concerned(connection: Connection, longest: timedelta | None = None) -> set[str] | None:
    """Return the projects that need a repair; None if the search takes longer than `longest`."""
    try:
        async with connection.begin_nested():
            if longest is not None:
                await limit_time(connection, longest)
            return {
                *await read_set_aside(connection),
                *await projects_out_of_bounds(connection),
                *await projects_to_mend(connection),
            }
    except DATABASE_ERRORS as error:
        if longest is None or not is_timeout(error):
            raise
        return None


async def repair_all(
    engine: Engine, actor: str, retention_days: int, descriptive: Collection[str]
) -> list[Repaired]:
    """Repair every project that needs it; returns the result for each."""
    async with reading(engine) as connection:
        concerned = await find_concerned(connection) or set()
        settings = {one.project_id: one.settings for one in await read_projects(connection)}
    done = []
    for project_id in sorted(concerned):
        now = datetime.now(UTC)
        own = settings[project_id].retention_days if project_id in settings else None
        # Retention may have deleted some traces of its last day.
        kept_since = (now - timedelta(days=min(retention_days, own or retention_days) - 1)).date()
        done.append(await repair(engine, Line(project_id, actor, now), descriptive, kept_since))
    return done


async def repair(engine: Engine, line: Line, descriptive: Collection[str], kept_since: date) -> Repaired:
    """Repair the project that `line` names, and note it in the audit log.

    Traces of days before `kept_since` may be deleted. While a day is counted again, workers wait
    before they store what they scored. Nothing is lost.
    """
    project_id = line.project_id
    traces = await _mend_traces(engine, project_id)
    batches, left = await _mend_batches(engine, project_id)
    async with engine.begin() as connection:
        await wait_lock(connection, UPKEEP)
        rows = await set_aside_figures(connection, project_id)
        days = await set_aside_days(connection, project_id)
    kept = [day for day in days if day >= kept_since]
    for day in days:
        async with engine.begin() as connection:
            if day >= kept_since:
                await _recount(connection, project_id, day, descriptive)
            await forget_day(connection, project_id, day)
        logger.info("the figures of project %s of %s are repaired", project_id, day)
    done = Repaired(
        project_id=project_id,
        traces=traces,
        batches=batches,
        rows=rows,
        days=len(kept),
        days_lost=len(days) - len(kept),
        batches_left=left,
    )
    if done.changed:
        async with engine.begin() as connection:
            await record(connection, line, "figures.repaired", project_id, **msgspec.to_builtins(done))
    return done


async def _mend_traces(engine: Engine, project_id: str) -> int:
    after: UUID | None = _BEGINNING
    traces = 0
    while after is not None:
        async with engine.begin() as connection:
            mended = await mend_traces(connection, project_id, after=after, most=_BATCH)
            await note_days(connection, project_id, mended.days)
            if mended.traces:
                await recount_all(connection, project_id)
        traces, after = traces + mended.traces, mended.after
    return traces


async def _mend_batches(engine: Engine, project_id: str) -> tuple[int, int]:
    """Add up batches that were set aside; returns how many were, and how many are unreadable."""
    async with engine.connect() as connection:
        found = await faulty_batches(connection, project_id)
    mended = 0
    for batch_id, encoded in found:
        try:
            deltas = add_up([scrubbed(decode_calls(encoded))])
        except (msgspec.MsgspecError, ValueError, IndexError) as error:
            logger.warning("batch %d of project %s cannot be read: %s", batch_id, project_id, error)
            continue
        async with engine.begin() as connection:
            if await drop_batch(connection, project_id, batch_id):
                await append_deltas(connection, deltas)
        mended += 1
    return mended, len(found) - mended


def scrubbed(batch: Calls) -> Calls:
    """Return a batch without the numbers that are beyond their bounds."""
    kept = [is_bounded(value, MOST_VALUE) for value in batch.values]
    places = [*accumulate(kept, initial=0)]  # the place of each observation among those that are kept
    ends = [*accumulate(batch.lengths, initial=0)]
    return replace(
        batch,
        qualities=[
            quality if quality is not None and is_bounded(quality, MOST_VALUE) else None
            for quality in batch.qualities
        ],
        costs=[cost if cost is not None and is_bounded(cost, MOST_USD) else None for cost in batch.costs],
        prompt_tokens=[count if is_bounded(count, MOST_TOKENS) else 0 for count in batch.prompt_tokens],
        completion_tokens=[
            count if is_bounded(count, MOST_TOKENS) else 0 for count in batch.completion_tokens
        ],
        lengths=[places[end] - places[begin] for begin, end in pairwise(ends)],
        measures=[measure for measure, keep in zip(batch.measures, kept, strict=True) if keep],
        values=[value for value, keep in zip(batch.values, kept, strict=True) if keep],
        hits=[places[number] for number in batch.hits if kept[number]],
        unbinned=[places[number] for number in batch.unbinned if kept[number]],
    )


async def _recount(connection: Connection, project_id: str, day: date, descriptive: Collection[str]) -> None:
    """Count durations, costs and tokens of a day again, in one transaction that excludes others."""
    await wait_lock(connection, UPKEEP)
    await halt_batches(connection)
    while await fold_batches(connection, project_id):
        pass
    await clear_numbers(connection, project_id, day)
    ids = await traces_of_day(connection, project_id, day)
    for begin in range(0, len(ids), _BATCH):
        traces = await read_counted(connection, project_id, ids[begin : begin + _BATCH])
        await append_deltas(connection, [_numbers(delta) for delta in aggregate(traces, descriptive)])


def _numbers(delta: Delta) -> Delta:
    """Return only the durations, costs and tokens of a delta."""
    wanted = [place for place, measure in enumerate(delta.measures) if measure in NUMBERS]
    renamed = {place + 1: new for new, place in enumerate(wanted, start=1)}
    bins = [at for at, measure in enumerate(delta.bin_measures) if measure in renamed]

    def pick(values: Sequence[int], places: Sequence[int]) -> tuple[int, ...]:
        return tuple([values[place] for place in places])

    return replace(
        delta,
        records=0,
        assessed=0,
        unsafe=0,
        quality_count=0,
        quality_sum=0.0,
        measures=tuple([delta.measures[place] for place in wanted]),
        counts=pick(delta.counts, wanted),
        sums=tuple([delta.sums[place] for place in wanted]),
        hits=pick(delta.hits, wanted),
        bin_measures=tuple([renamed[delta.bin_measures[at]] for at in bins]),
        bins=pick(delta.bins, bins),
        bin_counts=pick(delta.bin_counts, bins),
        examples=(),
    )
