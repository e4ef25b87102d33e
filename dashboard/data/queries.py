"""Everything a page reads: reports and traces from Postgres, the state of the queue from Redis."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple, TypeVar
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.catalogue import read_raisers
from app.privacy import Privacy
from app.reports.cost import CostReport, read_cost
from app.reports.pipeline import PipelineReport, ProjectLedger, QueueReport, read_pipeline
from app.reports.quality import QualityReport, read_quality
from app.reports.relevance import RelevanceReport, read_relevance
from app.reports.safety import SafetyReport, read_safety
from app.schemas.listed import Filters, ListedTrace, TreeNode
from app.schemas.traces import Trace
from app.storage.engine import Connection, Engine, reading
from app.storage.readers import Readers
from app.storage.rollups.folding import figures
from app.storage.traces.reading import read_page, read_trace, read_tree
from dashboard.data.narrowing import Narrowing
from dashboard.data.rates import Rate, RateMeter
from dashboard.data.shared import Shared
from dashboard.data.view import View
from monitoring.statistics.trends import Window, window_of

__all__ = ["Overview", "Queries"]

_SHARED_SECONDS = 0.8
_LATEST = 50
T = TypeVar("T")


class Overview(NamedTuple):
    """What the overview shows, read at `at`; ledger, queue and rate are None while Redis does not answer."""

    at: datetime
    window: Window
    quality: QualityReport
    safety: SafetyReport
    cost: CostReport
    relevance: RelevanceReport
    traces: list[ListedTrace]
    ledger: ProjectLedger | None
    queue: QueueReport | None
    rate: Rate | None


class Queries:
    """Reads for pages; the same question of several browsers within a moment is asked once."""

    def __init__(
        self,
        engine: Engine,
        redis: Redis,
        privacy: Privacy,
        *,
        api_url: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.api_url = api_url
        self._engine = engine
        self._redis = redis
        self._privacy = privacy
        self._clock = clock
        self._overviews: Shared[Overview] = Shared(_SHARED_SECONDS)
        self._readers = Readers()
        self._meters: dict[str, RateMeter] = {}

    async def overview(self, view: View) -> Overview:
        """Return the overview of a project, period and source; raises Unavailable or Overloaded."""
        return await self._overviews.get(view, lambda: self._read_overview(view))

    async def read(self, project_id: str, question: Callable[[Connection], Awaitable[T]]) -> T:
        """Return what the database answers to a question about a project; raises Unavailable or Overloaded."""
        async with self._readers.admit(project_id), reading(self._engine) as connection:
            return await question(connection)

    async def trace(self, project_id: str, trace_id: UUID) -> Trace | None:
        """Return one trace whole, None when it is not stored; raises Unavailable or Overloaded."""
        return await self.read(project_id, lambda connection: read_trace(connection, project_id, trace_id))

    async def tree(self, project_id: str, trace_id: UUID, limit: int) -> list[TreeNode]:
        """Return the first spans of the trace that a call belongs to; raises Unavailable or Overloaded."""
        return await self.read(
            project_id, lambda connection: read_tree(connection, project_id, trace_id, limit=limit)
        )

    async def found(self, view: View, narrowing: Narrowing, limit: int) -> list[ListedTrace]:
        """Return the newest traces of a period that a list is narrowed to.

        Raises Unavailable without Postgres, Overloaded when too many read, InvalidParameter when too much would have to be looked through.
        """
        window = window_of(view.period, self._clock())
        forms = partial(self._privacy.stored_forms, view.project_id)
        filters = narrowing.filters(view.source, window, forms)
        page = partial(
            read_page, project_id=view.project_id, filters=filters, before=narrowing.before, limit=limit
        )
        return await self.read(view.project_id, page)

    async def _read_overview(self, view: View) -> Overview:
        now = self._clock()
        window = window_of(view.period, now)
        what = (view.project_id, window, view.source)
        async with (
            self._readers.admit(view.project_id),
            figures(self._engine, view.project_id) as connection,
        ):
            pipeline = await self._read_pipeline(connection, now)
            ledgers = pipeline.projects if pipeline else ()
            ledger = next((found for found in ledgers if found.project_id == view.project_id), None)
            return Overview(
                at=now,
                window=window,
                quality=await read_quality(connection, *what),
                safety=await read_safety(connection, *what, raisers=await read_raisers(self._redis)),
                cost=await read_cost(connection, *what),
                relevance=await read_relevance(connection, *what),
                traces=await read_page(
                    connection, view.project_id, Filters(source=view.source), limit=_LATEST
                ),
                ledger=ledger,
                queue=pipeline.queue if pipeline else None,
                rate=self._rate(ledger, now),
            )

    async def _read_pipeline(self, connection: Connection, now: datetime) -> PipelineReport | None:
        try:
            return await read_pipeline(connection, self._redis, now)
        except (RedisError, OSError):
            return None

    def _rate(self, ledger: ProjectLedger | None, now: datetime) -> Rate | None:
        if ledger is None:
            return None
        meter = self._meters.setdefault(ledger.project_id, RateMeter())
        return meter.read(now, ledger.accepted, ledger.stored)
