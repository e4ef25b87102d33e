"""Pricing the calls whose price nobody knew when they were stored, once a newer table of prices is installed."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from uuid import UUID

import msgspec

from app.figures.aggregation import difference
from app.jobs.runner import Step
from app.schemas.traces import Trace
from app.storage.engine import Connection
from app.storage.rollups.writing import append_deltas
from app.storage.upkeep.jobs import Job
from app.storage.upkeep.prices import read_unpriced, set_prices
from monitoring.bounds import COST_PLACES
from monitoring.spending.pricing import PricingStatus, Usage, price

__all__ = ["Pricing"]

_BATCH = 500
_BEGINNING = UUID(int=0)


class _Cursor(msgspec.Struct, frozen=True):
    """Where the job is: the last trace it looked at, and how many have a price since."""

    after: UUID = _BEGINNING
    priced: int = 0


class Pricing:
    """Handles jobs of kind `price`."""

    def __init__(self, descriptive: Collection[str]) -> None:
        self._descriptive = descriptive

    async def step(self, connection: Connection, project_id: str, job: Job) -> Step:
        """Look at one batch; what has a price now is added to figures in the same transaction."""
        cursor = msgspec.convert(job.cursor, _Cursor) if job.cursor else _Cursor()
        traces = await read_unpriced(connection, project_id, after=cursor.after, most=_BATCH)
        known = {trace.trace_id: found for trace in traces if (found := _price(trace))}
        priced = await set_prices(connection, project_id, known)
        before = [trace for trace in traces if trace.trace_id in priced]
        after = [
            msgspec.structs.replace(
                trace, cost_usd=known[trace.trace_id][0], pricing_status=PricingStatus.PRICED
            )
            for trace in before
        ]
        await append_deltas(connection, difference(before, after, self._descriptive))
        looked, all_priced = job.done + len(traces), cursor.priced + len(priced)
        if len(traces) < _BATCH:
            return Step(looked, looked, finished=True, result={"looked_at": looked, "priced": all_priced})
        position = _Cursor(traces[-1].trace_id, all_priced)
        return Step(looked, cursor=msgspec.to_builtins(position))


def _price(trace: Trace) -> tuple[Decimal, str] | None:
    usage = Usage(
        prompt=trace.prompt_tokens or 0,
        completion=trace.completion_tokens or 0,
        cache_read=trace.cache_read_tokens or 0,
        cache_write=trace.cache_write_tokens or 0,
        reasoning=trace.reasoning_tokens or 0,
    )
    found = price(usage, trace.provider, trace.model_name, trace.occurred_at)
    return None if found.cost_usd is None else (found.cost_usd.quantize(COST_PLACES), found.source)
