"""Which calls a sample takes: those received in time come before those received later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.schemas.ids import mint
from app.schemas.traces import Trace
from app.storage.engine import Engine
from app.storage.tables import traces
from app.storage.traces.sampling import Chosen, take_sample
from app.storage.traces.writing import copy_traces
from app.storage.upkeep.partitions import ensure_partitions
from monitoring.statistics.trends import window_between


def received(moment: datetime, occurred_at: datetime) -> Trace:
    """Return a call of `occurred_at` that was received at `moment`."""
    return Trace(
        project_id="sampled",
        trace_id=mint(round(moment.timestamp() * 1000)),
        job_id="job",
        source="live",
        kind="llm",
        occurred_at=occurred_at,
        model_name="m",
        prompt="p",
        response="r",
        scores={},
        pricing_status="unknown",
    )


@pytest.mark.parametrize(
    ("minutes_late", "most", "taken"),
    [
        ([-9, -8, -7], 3, [-9, -8, -7]),
        ([-9, -8, -7, 59], 3, [-8, -7, 59]),
        ([-9, -8, -7, 61], 3, [-9, -8, -7]),
        ([-9, -8, 61], 3, [-9, -8, 61]),
        ([-9, -8, 61, 600], 3, [-8, 61, 600]),
        ([600, 601], 3, [600, 601]),
        ([-9, -8, -7, 61], 4, [-9, -8, -7, 61]),
        ([], 3, []),
    ],
)
async def test_late_calls_are_taken_where_the_others_are_too_few(
    engine: Engine, minutes_late: list[int], most: int, taken: list[int]
) -> None:
    now = datetime.now(UTC)
    end = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=12)
    await ensure_partitions(engine, end.date(), now.date())
    moments = [end + timedelta(minutes=minutes) for minutes in minutes_late]
    rows = [received(moment, end - timedelta(minutes=10)) for moment in moments]
    chosen = Chosen("sampled", window_between(end - timedelta(hours=1), end, now))
    async with engine.connect() as connection, connection.begin() as transaction:
        await copy_traces(connection, rows)
        sample = await take_sample(connection, chosen, most)
        found = {row.trace_id for row in await connection.execute(sample.calls(traces.c.trace_id))}
        await transaction.rollback()
    named = {row.trace_id: minutes for row, minutes in zip(rows, minutes_late, strict=True)}
    assert sorted(named[one] for one in found) == taken
    assert sample.read == (most if len(taken) == most else None)
