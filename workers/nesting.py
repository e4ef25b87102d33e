"""Calls that turn out to have another call inside them: what they added to the figures is taken back.

A framework's span repeats the usage of the calls inside it. Which of the two is stored first depends on
exporters, batches and workers, so every job looks once more when it is settled: of two jobs at the same time
the one that ends later sees both. Looking again, as after a redelivery, changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from app.aggregation import aggregate, negate
from app.schemas.queued import PART_KINDS, Envelope
from app.schemas.traces import COUNTED_KINDS, record_of
from app.storage.engine import Engine
from app.storage.nesting import become_steps, read_places
from app.storage.rollup_writes import append_deltas
from app.storage.traces import lock_traces
from workers.relatives import outer_spans, within_reach

__all__ = ["unnest"]


async def unnest(
    engine: Engine, project_id: str, envelopes: Sequence[Envelope], descriptive: Collection[str]
) -> None:
    """Turn stored calls of the envelopes' traces into steps where another call lies inside them."""
    ids = {one.otel_trace_id for one in envelopes if one.otel_trace_id and one.kind not in PART_KINDS}
    # A row that is written anew meanwhile is missed by its lock, and met again in the next round.
    while ids and await _unnest(engine, project_id, sorted(ids), envelopes, descriptive):
        pass


async def _unnest(
    engine: Engine,
    project_id: str,
    otel_trace_ids: Sequence[bytes],
    envelopes: Sequence[Envelope],
    descriptive: Collection[str],
) -> bool:
    """Do one round; tells whether there was anything to do."""
    since, until = within_reach(envelopes)
    async with engine.begin() as connection:
        spans = await read_places(connection, project_id, otel_trace_ids, since=since, until=until)
        outer = outer_spans(spans)
        found = [
            span.trace_id
            for span in spans
            if span.kind in COUNTED_KINDS and (span.otel_trace_id, span.otel_span_id) in outer
        ]
        if not found:
            return False
        locked = (await lock_traces(connection, project_id, found)).values()
        calls = [trace for trace in locked if trace.kind in COUNTED_KINDS]
        await append_deltas(connection, [negate(delta) for delta in aggregate(calls, descriptive)])
        reported = {trace.trace_id: record_of(trace) for trace in calls}
        tokens = {id_: (one.prompt_tokens, one.completion_tokens) for id_, one in reported.items()}
        await become_steps(connection, project_id, tokens)
        return True
