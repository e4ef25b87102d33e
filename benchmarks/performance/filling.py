"""Filling the database with any number of traces: texts by SQL, figures by the worker's code."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
from sqlalchemy import text

from app.figures.aggregation import aggregate
from app.figures.judging import describing
from app.privacy import Privacy
from app.schemas.projects import ProjectSettings
from app.schemas.traces import Trace
from app.storage.engine import Engine, create_engine
from app.storage.rollups.covering import cover, fold_closed, forget_covered
from app.storage.rollups.writing import append_deltas
from app.storage.traces.writing import insert_traces
from app.storage.upkeep.partitions import ensure_partitions
from benchmarks.performance.traffic import make_envelopes
from monitoring.evaluation import find_evaluators
from workers.scoring import Scoring

__all__ = ["SPAN", "Filler"]

SPAN = timedelta(days=7)
_HOURS = int(SPAN / timedelta(hours=1))
_RECENT_HOURS = 4
_POOL_JOB = 256
_POOL = "CREATE TABLE benchmark_pool AS SELECT (row_number() OVER ()) - 1 AS place, t.* FROM traces AS t"
_COPIED_COLUMNS = (
    "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'traces' "
    "AND column_name NOT IN ('trace_id', 'occurred_at') AND is_generated = 'NEVER'"
)
_COPY = """
INSERT INTO traces ({columns})
SELECT {values} FROM (
    SELECT n, (:begin + (n - :low) * :step) AS ms FROM generate_series(CAST(:low AS bigint), CAST(:high AS bigint)) AS n
) AS numbered JOIN benchmark_pool AS pool ON pool.place = n % :pool
"""
# A UUIDv7 of the millisecond, with time, version and variant as app.schemas.ids makes them.
_ID = (
    "(lpad(to_hex(CAST(ms AS bigint)), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' "
    "|| substr(md5(n::text), 4, 15))::uuid"
)


class Filler:
    """Adds traces of the last seven days, evenly spread, from a pool of traces that were scored."""

    def __init__(self, database_url: str, lines: Sequence[bytes]) -> None:
        self._database_url = database_url
        self._evaluators = find_evaluators()
        scoring = Scoring(self._evaluators, Privacy(None))
        envelopes = make_envelopes(lines)
        self.pool: list[Trace] = []
        for start in range(0, len(envelopes), _POOL_JOB):
            scored = scoring.score(envelopes[start : start + _POOL_JOB], "pool", ProjectSettings())
            self.pool += [one for one in scored if isinstance(one, Trace)]
        self._end = datetime.now(UTC).replace(microsecond=0)
        self.stored = 0

    async def prepare(self) -> None:
        """Make partitions, store the pool, and make it available to SQL."""
        begin = self._end - SPAN
        async with self._engine() as engine:
            await ensure_partitions(engine, begin.date(), self._end.date() + timedelta(days=1))
            async with engine.begin() as connection:
                for start in range(0, len(self.pool), _POOL_JOB):
                    await insert_traces(connection, self.pool[start : start + _POOL_JOB])
                await connection.execute(text(_POOL))
                await connection.execute(text("TRUNCATE traces"))
                await connection.execute(text("CREATE INDEX ON benchmark_pool (place)"))

    async def fill(self, total: int) -> None:
        """Add traces until `total` are stored, and add what they add to the rollups, folded."""
        count = total - self.stored
        async with self._engine() as engine:
            await self._copy(engine, count)
            for hour in range(_HOURS):
                share = count * (hour + 1) // _HOURS - count * hour // _HOURS
                # Minutes of old hours would be folded at once, so they are added up as one.
                minutes = 60 if hour >= _HOURS - _RECENT_HOURS else 1
                await self._add_up(engine, self._end - SPAN + timedelta(hours=hour), share, minutes)
            later = datetime.now(UTC) + timedelta(minutes=5)
            for fold in (fold_closed, cover, forget_covered):
                async with engine.begin() as connection:
                    await fold(connection, later)
        self.stored = total
        driver = await asyncpg.connect(self._database_url)
        await driver.execute("VACUUM ANALYZE")
        await driver.close()

    @asynccontextmanager
    async def _engine(self) -> AsyncIterator[Engine]:
        engine = create_engine(self._database_url, application="benchmark")
        try:
            yield engine
        finally:
            await engine.dispose()

    async def _copy(self, engine: Engine, count: int) -> None:
        async with engine.begin() as connection:
            copied = (await connection.execute(text(_COPIED_COLUMNS))).scalars().all()
            statement = _COPY.format(
                columns=", ".join(["trace_id", "occurred_at", *copied]),
                values=", ".join([_ID, "to_timestamp(ms / 1000.0)", *(f"pool.{name}" for name in copied)]),
            )
            await connection.execute(
                text(statement),
                {
                    "begin": int((self._end - SPAN).timestamp() * 1000),
                    "step": SPAN.total_seconds() * 1000 / count,
                    "low": self.stored,
                    "high": self.stored + count - 1,
                    "pool": len(self.pool),
                },
            )

    async def _add_up(self, engine: Engine, begin: datetime, count: int, minutes: int) -> None:
        if not count:
            return
        draw = random.Random(count)  # noqa: S311 the draw is always the same
        traces = [
            msgspec.structs.replace(
                self.pool[draw.randrange(len(self.pool))],
                occurred_at=begin + timedelta(minutes=minutes * number // count),
            )
            for number in range(count)
        ]
        async with engine.begin() as connection:
            await connection.execute(text("SELECT 1"))
            await append_deltas(connection, aggregate(traces, describing(self._evaluators)))
