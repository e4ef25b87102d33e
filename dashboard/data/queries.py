"""Everything that pages read: reports and traces from Postgres, and the queue from Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.budgets.standing import BudgetOut, show_budgets
from app.catalogue import read_judges
from app.filters.grouping import parse_group_by
from app.privacy import Privacy
from app.reports.answers import DEFAULT_TOP, Asked
from app.reports.looks import Looks
from app.reports.one_trace import OneTrace, read_one_trace
from app.reports.pipeline import ProjectLedger
from app.reports.what_changed import WhatChanged, read_what_changed
from app.schemas.catalogue import Judge
from app.storage.budgets.definitions import read_budgets
from app.storage.engine import Connection, Engine, reading
from app.storage.readers import Readers
from app.storage.rollups.folding import figures
from app.storage.traces.score_values import MOST_PREVIEWED, read_values
from dashboard.data.overview import Overview, read_overview, wider_view
from dashboard.data.rates import Rate, RateMeter
from dashboard.data.shared import Shared
from dashboard.data.view import View

__all__ = ["Overview", "Queries"]

_SHARED_SECONDS = 0.8
_VALUES_SECONDS = 20.0
# Filtered calls are counted anew each time, and changes compare two whole periods.
_FILTERED_SECONDS = 10.0
_CHANGES_SECONDS = 20.0
T = TypeVar("T")


class Queries:
    """Reads for pages; if several browsers ask the same within a moment, it is read once."""

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
        self.privacy = privacy
        self.clock = clock
        self.looks = Looks(time.monotonic)
        self._overviews: Shared[Overview] = Shared(_SHARED_SECONDS)
        self._values: Shared[Mapping[str, NDArray[np.float64]]] = Shared(_VALUES_SECONDS)
        self._filtered: Shared[Overview] = Shared(_FILTERED_SECONDS)
        self._changes: Shared[WhatChanged] = Shared(_CHANGES_SECONDS)
        self._readers = Readers()
        self._meters: dict[str, RateMeter] = {}

    async def overview(self, view: View) -> Overview:
        """Return the overview of a view; where the usual period is empty, that of a longer one.

        Raises Unavailable, Overloaded, and InvalidParameter for a filter with a mistake.
        """
        kept = self._filtered if view.filter else self._overviews
        found = await kept.get(view, lambda: self._read_overview(view))
        wider = wider_view(view, found)
        if wider is None:
            return found
        shown = await kept.get(wider, lambda: self._read_overview(wider))
        return shown._replace(widened=wider.period)

    async def read(self, project_id: str, question: Callable[[Connection], Awaitable[T]]) -> T:
        """Return what `question` reads for a project; raises Unavailable or Overloaded."""
        async with self._readers.admit(project_id), reading(self._engine) as connection:
            return await question(connection)

    async def figures(self, project_id: str, question: Callable[[Connection], Awaitable[T]]) -> T:
        """Return what `question` reads where rollups hold all that was stored; raises as `read`."""
        async with self._readers.admit(project_id), figures(self._engine, project_id) as connection:
            return await question(connection)

    def asked(self, view: View, *group_by: str, top: int = DEFAULT_TOP) -> Asked:
        """Return a view as the question of a report (`app.reports.answers`), grouped by fields.

        Days are those of the browser's zone. Raises InvalidParameter for a filter with a mistake.
        """
        chosen = view.chosen(self.clock(), self.privacy)
        return Asked(chosen, parse_group_by(group_by), top, view.tz())

    async def scores_of_day(self, view: View, evaluators: Sequence[str]) -> Mapping[str, NDArray[np.float64]]:
        """Return the values 0..1 of evaluators in the newest calls of the last day, by evaluator.

        They are read again after some seconds. Raises Unavailable or Overloaded.
        """
        wanted = sorted(evaluators)
        question = partial(
            read_values,
            project_id=view.project_id,
            start=self.clock() - timedelta(days=1),
            wanted=wanted,
            source=view.source,
            most=MOST_PREVIEWED,
        )
        key = (view.project_id, view.source, tuple(wanted))
        return await self._values.get(key, lambda: self.read(view.project_id, question))

    async def budgets(self, connection: Connection, project_id: str) -> list[BudgetOut]:
        """Return the budgets of a project; without Redis, what is reserved is unknown."""
        budgets = await read_budgets(connection, project_id)
        return await show_budgets(connection, self._redis, budgets, self.clock())

    async def judges(self) -> tuple[Judge, ...]:
        """Return the evaluators that workers run; none while Redis does not answer."""
        try:
            return await read_judges(self._redis)
        except (RedisError, OSError):
            return ()

    async def trace(self, project_id: str, trace_id: UUID, most_spans: int) -> OneTrace | None:
        """Return all about a trace, None if it is not stored; raises Unavailable or Overloaded."""
        judges = await self.judges()
        return await self.read(
            project_id,
            lambda connection: read_one_trace(
                connection, project_id, trace_id, judges, most_spans=most_spans
            ),
        )

    async def _read_overview(self, view: View) -> Overview:
        now = self.clock()
        asked = self.asked(view, "model")

        async def ask(connection: Connection) -> Overview:
            return await read_overview(connection, self._redis, asked, now)

        changed, overview = await asyncio.gather(
            self._changes.get(view, lambda: self._read_changes(view)), self.figures(view.project_id, ask)
        )
        return overview._replace(changed=changed, rate=self._rate(overview.ledger, now))

    async def _read_changes(self, view: View) -> WhatChanged:
        chosen, before = self.asked(view).chosen, view.window_before(self.clock())
        return await self.figures(
            view.project_id, lambda connection: read_what_changed(connection, chosen, before)
        )

    def _rate(self, ledger: ProjectLedger | None, now: datetime) -> Rate | None:
        if ledger is None:
            return None
        meter = self._meters.setdefault(ledger.project_id, RateMeter())
        return meter.read(now, ledger.accepted, ledger.stored)
