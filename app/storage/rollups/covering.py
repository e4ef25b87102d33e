"""Folding rollups: rows of one bucket become one, and buckets are covered by a coarser one.

Minutes are covered by ten minutes, these by hours, by six hours and by days, each as soon as the
coarser bucket is over. Covered rows stay while a window may begin among them. The rows that nothing
covers add up to everything, exactly once. A row that counts nothing any more, because its calls
were erased, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures.grains import DAY, GRAINS, HOUR, MINUTE, SIX_HOURS, TEN_MINUTES

__all__ = ["cover", "fold_closed", "forget_covered", "forget_hours_of_names"]

# Windows of up to three hours are read in minutes, of up to seven days in hours. The counts of all
# calls together stay by the hour, because the days of every time zone are made from them.
KEEP_MINUTES = timedelta(hours=3)
KEEP_HOURS = timedelta(days=60)
# Alert rules look back for thirty days, and compare each hour with those of four weeks before. They
# read no hours of users, sessions and flags, which are most of the rows.
KEEP_HOURS_OF_NAMES = timedelta(days=14)
_SETTLE = timedelta(minutes=2)
# Rows that one statement merges. A merge of a row of two kilobytes sorts it several times.
MOST_MERGED = 50_000
_RECENT = timedelta(hours=3)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Rows of one bucket are stored next to each other, so that reading a window reads few pages.
_MERGE = """
keyed AS MATERIALIZED (
    SELECT *, dense_rank() OVER (
        ORDER BY project_id, source, dimension, start, value, model, template
    ) AS k
    FROM gone
), scalars AS (
    SELECT k, min(project_id) AS project_id, min(source) AS source, min(dimension) AS dimension,
        min(value) AS value, min(model) AS model, min(template) AS template, min(start) AS start,
        sum(records) AS records, sum(assessed) AS assessed, sum(unsafe) AS unsafe,
        sum(quality_count) AS quality_count, sum(quality_sum) AS quality_sum, sum(priced) AS priced,
        sum(cost_usd) AS cost_usd, sum(prompt_tokens) AS prompt_tokens,
        sum(completion_tokens) AS completion_tokens
    FROM keyed GROUP BY k
), measured AS (
    SELECT k, u.measure, sum(u.count) AS count, sum(u.sum) AS sum, sum(u.hit) AS hit,
        row_number() OVER (PARTITION BY k ORDER BY u.measure) AS position
    FROM keyed, unnest(measures, counts, sums, hits) AS u (measure, count, sum, hit)
    GROUP BY k, u.measure
), measure_arrays AS (
    SELECT k, array_agg(measure ORDER BY position) AS measures,
        array_agg(count::bigint ORDER BY position) AS counts,
        array_agg(sum ORDER BY position) AS sums, array_agg(hit::bigint ORDER BY position) AS hits
    FROM measured GROUP BY k
), binned AS (
    SELECT k, measures[u.measure] AS measure, u.bin, sum(u.count) AS count
    FROM keyed, unnest(bin_measures, bins, bin_counts) AS u (measure, bin, count)
    GROUP BY k, measures[u.measure], u.bin HAVING sum(u.count) <> 0
), bin_arrays AS (
    SELECT binned.k, array_agg(position::smallint ORDER BY position, bin) AS bin_measures,
        array_agg(bin ORDER BY position, bin) AS bins,
        array_agg(binned.count::bigint ORDER BY position, bin) AS bin_counts
    FROM binned JOIN measured ON measured.k = binned.k AND measured.measure = binned.measure
    GROUP BY binned.k
), shown AS (
    SELECT k, (array_agg(example ORDER BY example DESC))[1:3] AS examples
    FROM keyed, unnest(examples) AS example GROUP BY k
)
INSERT INTO rollups (
    project_id, source, dimension, value, model, template, grain, bucket, records, assessed, unsafe,
    quality_count, quality_sum, priced, cost_usd, prompt_tokens, completion_tokens,
    measures, counts, sums, hits, bin_measures, bins, bin_counts, examples
)
SELECT project_id, source, dimension, value, model, template, :into, start, records, assessed, unsafe,
    quality_count, quality_sum, priced, cost_usd, prompt_tokens, completion_tokens,
    coalesce(measures, '{}'), coalesce(counts, '{}'), coalesce(sums, '{}'), coalesce(hits, '{}'),
    coalesce(bin_measures, '{}'), coalesce(bins, '{}'), coalesce(bin_counts, '{}'),
    coalesce(examples, '{}')
FROM scalars
LEFT JOIN measure_arrays USING (k) LEFT JOIN bin_arrays USING (k) LEFT JOIN shown USING (k)
WHERE (records, assessed, unsafe, quality_count, priced, cost_usd, prompt_tokens, completion_tokens)
    <> (0, 0, 0, 0, 0, 0, 0, 0) OR 0 <> ANY(counts)
ORDER BY k
"""

_HOURS_OF_ALL = f"grain = {HOUR} AND dimension = 'all'"
_FORGET = text(
    f"DELETE FROM rollups WHERE covered AND grain = :grain AND bucket < :before AND NOT ({_HOURS_OF_ALL})"  # noqa: S608 all parts are constants
)
# Measures and histograms are nearly all of a row. The days of a time zone take those of old hours
# from the day in UTC that covers them.
_THIN = text(
    "UPDATE rollups SET measures = '{}', counts = '{}', sums = '{}', hits = '{}', "  # noqa: S608 all parts are constants
    "bin_measures = '{}', bins = '{}', bin_counts = '{}' "
    f"WHERE covered AND {_HOURS_OF_ALL} AND bucket < :before AND measures <> '{{}}'"
)
# The planner expects few rows from a WITH, and would join them in nested loops that grow with their
# square.
_PLAN = text("SELECT set_config('enable_nestloop', 'off', true), set_config('work_mem', '32MB', true)")
_FORGET_NAMES = text(
    "DELETE FROM rollups WHERE covered AND grain = ANY(:grains) AND bucket < :before "
    "AND dimension <> ALL(ARRAY['all', 'model', 'template', 'tag'])"
)


class _Folds(NamedTuple):
    """The statements that fold rows of all projects, or of some."""

    recent: TextClause
    touched: TextClause
    cover: TextClause
    deduplicate: TextClause

    @classmethod
    def of(cls, mine: str = "") -> _Folds:
        """Return the statements; `mine` is a further condition on rows."""
        ripe = f"grain = :grain AND NOT covered AND bucket < :before{mine}"
        return cls(
            recent=_deduplicate(f"bucket >= :since AND bucket < :before{mine}"),
            touched=text(
                f"SELECT date_bin(:width, bucket, timestamptz 'epoch') AS start, count(*) AS number "  # noqa: S608 all parts are constants
                f"FROM rollups WHERE {ripe} GROUP BY 1 ORDER BY 1"
            ),
            cover=text(
                f"WITH gone AS (UPDATE rollups SET covered = true WHERE {ripe} AND bucket >= :since "  # noqa: S608 all parts are constants
                "RETURNING *, date_bin(:width, bucket, timestamptz 'epoch') AS start), " + _MERGE
            ),
            deduplicate=_deduplicate(f"bucket = ANY(:touched){mine}"),
        )


def _deduplicate(which: str) -> TextClause:
    return text(
        "WITH crowded AS (SELECT project_id, source, dimension, value, model, template, bucket FROM rollups "  # noqa: S608 all parts are constants
        f"WHERE grain = :into AND NOT covered AND {which} "
        "GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING count(*) > 1), "
        "gone AS (DELETE FROM rollups r USING crowded c WHERE r.grain = :into AND NOT r.covered AND r.bucket = c.bucket "
        "AND r.project_id = c.project_id AND r.source = c.source AND r.dimension = c.dimension "
        "AND r.value = c.value AND r.model = c.model AND r.template = c.template "
        "RETURNING r.*, r.bucket AS start), " + _MERGE
    )


_OF_ALL, _OF_SOME = _Folds.of(), _Folds.of(" AND project_id = ANY(:project_ids)")
_DEDUPLICATE_OLD = _deduplicate(
    "(project_id, bucket) IN (SELECT * FROM unnest(CAST(:projects AS text[]), CAST(:buckets AS timestamptz[])))"
)
# Every call adds to `all`, so its rows show which hours and days have many rows, and they are few.
_CROWDED = text("""
SELECT r.project_id, r.bucket FROM projects p JOIN rollups r ON r.project_id = p.project_id
WHERE (CAST(:project_ids AS text[]) IS NULL OR p.project_id = ANY(CAST(:project_ids AS text[])))
    AND r.source IN ('live', 'evaluate', 'import') AND r.dimension = 'all' AND r.grain = :grain AND NOT r.covered
GROUP BY r.project_id, r.source, r.bucket HAVING count(*) > 1 ORDER BY r.project_id, r.bucket LIMIT :most
""")
_MOST_CROWDED = 2_000


def _folds(project_ids: Sequence[str] | None) -> tuple[_Folds, dict[str, Any]]:
    return (_OF_ALL, {}) if project_ids is None else (_OF_SOME, {"project_ids": [*project_ids]})


async def fold_closed(
    connection: AsyncConnection, now: datetime, project_ids: Sequence[str] | None = None
) -> None:
    """Replace the many rows of recent minutes and hours, and of old hours and days, by single rows.

    The rows of some projects are folded, or of all. Sums do not change. At most two thousand old
    buckets are folded at a time.
    """
    crowded = [(grain, await _find_crowded(connection, grain, project_ids)) for grain in (HOUR, DAY)]
    await connection.execute(_PLAN)
    for grain, places in crowded:
        if places["buckets"]:
            await connection.execute(_DEDUPLICATE_OLD, {"into": grain, **places})
    folds, mine = _folds(project_ids)
    since = now - _RECENT - timedelta(hours=1)
    for grain, before in ((MINUTE, now - _SETTLE), (HOUR, now + timedelta(days=2))):
        await connection.execute(folds.recent, mine | {"into": grain, "since": since, "before": before})


async def cover(connection: AsyncConnection, now: datetime, project_ids: Sequence[str] | None = None) -> None:
    """Cover rows of every grain by rows of the next grain whose bucket is over.

    This is done for some projects or all. Late calls are included.
    """
    await connection.execute(_PLAN)
    folds, mine = _folds(project_ids)
    for grain, into in pairwise(GRAINS):
        width = timedelta(seconds=into)
        parameters = mine | {"grain": grain, "width": width, "before": _floor(now - _SETTLE, width)}
        ripe = (await connection.execute(folds.touched, parameters)).all()
        for touched in _slices([(row.start, row.number) for row in ripe]):
            bounds = {"into": into, "since": touched[0], "before": touched[-1] + width}
            await connection.execute(folds.cover, parameters | bounds)
            await connection.execute(folds.deduplicate, mine | {"into": into, "touched": touched})


def _slices(ripe: Sequence[tuple[datetime, int]]) -> list[list[datetime]]:
    """Return the buckets in slices of about MOST_MERGED rows, of which each has a bucket at least.

    A million calls that are imported at once make so many rows that the server would have no room
    for the files of one merge.
    """
    slices: list[list[datetime]] = []
    room = 0
    for start, number in ripe:
        if not slices or number > room:
            slices.append([])
            room = MOST_MERGED
        slices[-1].append(start)
        room -= number
    return slices


async def forget_covered(connection: AsyncConnection, now: datetime) -> None:
    """Delete covered rows among which no window can begin any more.

    Of the hours of all calls together, the counts and sums stay.
    """
    for keep, grains in ((KEEP_MINUTES, (MINUTE, TEN_MINUTES)), (KEEP_HOURS, (HOUR, SIX_HOURS))):
        before = _floor(now - keep, timedelta(seconds=DAY if HOUR in grains else HOUR))
        for grain in grains:
            await connection.execute(_FORGET, {"grain": grain, "before": before})
    await connection.execute(_THIN, {"before": _floor(now - KEEP_HOURS, timedelta(days=1))})


async def forget_hours_of_names(connection: AsyncConnection, now: datetime) -> None:
    """Delete covered hours that no alert rule reads as soon as no window can begin among them."""
    before = _floor(now - KEEP_HOURS_OF_NAMES, timedelta(seconds=DAY))
    await connection.execute(_FORGET_NAMES, {"grains": [HOUR, SIX_HOURS], "before": before})


async def _find_crowded(
    connection: AsyncConnection, grain: int, project_ids: Sequence[str] | None
) -> dict[str, list[Any]]:
    """Return the buckets with several rows for all calls, because old records were added later."""
    some = None if project_ids is None else [*project_ids]
    parameters = {"grain": grain, "most": _MOST_CROWDED, "project_ids": some}
    rows = (await connection.execute(_CROWDED, parameters)).all()
    return {"projects": [row.project_id for row in rows], "buckets": [row.bucket for row in rows]}


def _floor(moment: datetime, width: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % width
