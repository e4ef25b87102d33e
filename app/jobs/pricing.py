"""Pricing of stored calls whose price was unknown, when a newer table of prices is installed."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
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
from app.storage.upkeep.prices import read_unpriced, set_prices
from monitoring.spending.own_prices import OwnPrices, parse_prices
from monitoring.spending.pricing import PricingStatus, price_call
from monitoring.spending.usage import stored_usage

__all__ = ["Pricing"]

_BATCH = 500
_BEGINNING = UUID(int=0)


class _Cursor(msgspec.Struct, frozen=True):
    """The progress of the job: the last trace that was read, and how many have a price now."""

    after: UUID = _BEGINNING
    priced: int = 0


class Pricing:
    """Handles jobs of kind `price`."""

    def __init__(self, descriptive: Collection[str]) -> None:
        self._descriptive = descriptive

    async def step(self, connection: Connection, project_id: str, job: Job) -> Step:
        """Read one batch.

        Calls that have a price now are added to the figures in the same transaction.
        """
        cursor = msgspec.convert(job.cursor, _Cursor) if job.cursor else _Cursor()
        traces = await read_unpriced(connection, project_id, after=cursor.after, most=_BATCH)
        content = await read_price_table(connection, project_id)
        own = None if content is None else parse_prices(content)
        known = {trace.trace_id: found for trace in traces if (found := _price(trace, own))}
        priced = await set_prices(connection, project_id, known)
        before = [trace for trace in traces if trace.trace_id in priced]
        after = [
            msgspec.structs.replace(
                trace, cost_usd=known[trace.trace_id][0], pricing_status=PricingStatus.PRICED
            )
            for trace in before
        ]
        await append_deltas(connection, difference(before, after, self._descriptive))
        await count_spending(connection, project_id, before, after)
        looked, all_priced = job.done + len(traces), cursor.priced + len(priced)
        if len(traces) < _BATCH:
            return Step(looked, looked, finished=True, result={"looked_at": looked, "priced": all_priced})
        position = _Cursor(traces[-1].trace_id, all_priced)
        return Step(looked, cursor=msgspec.to_builtins(position))


def _price(trace: Trace, own: OwnPrices | None) -> tuple[Decimal, str] | None:
    found = price_call(trace, stored_usage(trace), trace.occurred_at, own=own)
    return None if found.cost_usd is None else (found.cost_usd, found.source)
