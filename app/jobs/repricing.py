"""Pricing of stored calls again, after a project changed its own prices.

Each call gets the price that was valid at its own moment. Workers may use the earlier table for
some seconds after a change, so a job that begins within this time looks at all its calls twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from app.figures.aggregation import difference
from app.jobs.runner import Step
from app.schemas.traces import Trace
from app.storage.access.price_tables import read_price_table
from app.storage.budgets.spending import count_spending
from app.storage.engine import Connection
from app.storage.rollups.writing import append_deltas
from app.storage.upkeep.jobs import Job
from app.storage.upkeep.repricing import Cost, list_models, lock_calls, set_costs
from monitoring.clock import now_utc
from monitoring.spending.own_prices import OWN, OwnPrices, matches, parse_prices
from monitoring.spending.pricing import REPORTED, price_call
from monitoring.spending.usage import stored_usage

__all__ = ["SETTLED_AFTER", "Repricing"]

# Workers read tables every two seconds, and store a call at most 14 seconds after pricing it.
SETTLED_AFTER: Final = timedelta(seconds=20)
_BATCH = 500
_NAMES = 200
_BEGINNING = UUID(int=0)


class _Cursor(msgspec.Struct, frozen=True):
    """The progress of a job: the model that was looked at last, and of its calls the last one.

    `inside` tells that the model has more calls. `begun` is when this pass over all models began.
    """

    begun: datetime
    model: str = ""
    inside: bool = False
    after: UUID = _BEGINNING
    priced: int = 0


class Repricing:
    """Handles jobs of kind `reprice`, whose parameter `patterns` says which models changed."""

    def __init__(self, descriptive: Collection[str], clock: Callable[[], datetime] = now_utc) -> None:
        self._descriptive = descriptive
        self._clock = clock

    async def step(self, connection: Connection, project_id: str, job: Job) -> Step:
        """Find the next model that changed, or price one batch of its calls.

        The figures change by the difference, in the same transaction.
        """
        cursor = msgspec.convert(job.cursor, _Cursor) if job.cursor else _Cursor(self._clock())
        if cursor.inside:
            return await self._price_batch(connection, project_id, job, cursor)
        names = await list_models(connection, project_id, after=cursor.model, most=_NAMES)
        if not names:
            return self._end_pass(job, cursor)
        patterns = job.parameters["patterns"]
        found = next((name for name in names if any(matches(one, name) for one in patterns)), None)
        named = msgspec.structs.replace(
            cursor, model=found or names[-1], inside=found is not None, after=_BEGINNING
        )
        return Step(job.done, cursor=msgspec.to_builtins(named))

    async def _price_batch(self, connection: Connection, project_id: str, job: Job, cursor: _Cursor) -> Step:
        content = await read_price_table(connection, project_id)
        own = None if content is None else parse_prices(content)
        calls = await lock_calls(connection, project_id, cursor.model, after=cursor.after, most=_BATCH)
        costs = dict(_changes(calls, own))
        await set_costs(connection, project_id, costs)
        before = [call for call in calls if call.trace_id in costs]
        after = [_priced(call, costs[call.trace_id]) for call in before]
        await append_deltas(connection, difference(before, after, self._descriptive))
        await count_spending(connection, project_id, before, after)
        more = len(calls) == _BATCH
        moved = msgspec.structs.replace(
            cursor,
            inside=more,
            after=calls[-1].trace_id if more else _BEGINNING,
            priced=cursor.priced + len(costs),
        )
        return Step(job.done + len(calls), cursor=msgspec.to_builtins(moved))

    def _end_pass(self, job: Job, cursor: _Cursor) -> Step:
        settled = job.created_at + SETTLED_AFTER
        if cursor.begun >= settled:
            result = {"looked_at": job.done, "priced": cursor.priced}
            return Step(job.done, job.done, finished=True, result=result)
        again = _Cursor(begun=settled, priced=cursor.priced)
        wait = max(settled - self._clock(), timedelta())
        return Step(job.done, cursor=msgspec.to_builtins(again), wait=wait)


def _changes(calls: Sequence[Trace], own: OwnPrices | None) -> Iterator[tuple[UUID, Cost]]:
    """Yield the calls that own prices decided before or decide now, and whose cost changes."""
    for call in calls:
        found = price_call(call, stored_usage(call), call.occurred_at, own=own)
        cost = Cost(found.cost_usd, found.status, found.source or None, found.computed_usd)
        sources = (call.price_source or "", found.source)
        decided = any(source == REPORTED or source.startswith(f"{OWN}:") for source in sources)
        if decided and cost != (
            call.cost_usd,
            call.pricing_status,
            call.price_source,
            call.computed_cost_usd,
        ):
            yield call.trace_id, cost


def _priced(call: Trace, cost: Cost) -> Trace:
    return msgspec.structs.replace(
        call,
        cost_usd=cost.usd,
        pricing_status=cost.status,
        price_source=cost.source,
        computed_cost_usd=cost.computed_usd,
    )
