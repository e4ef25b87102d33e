"""Turning stored calls that restate another call into steps, and taking them out of the figures.

The span of a framework repeats the usage of the calls inside it, and two instrumentations may each
make a span for one call. Exporters, batches and workers decide which span is stored first. Every
job therefore looks again when it is settled: of two jobs that run at the same time, the later one
sees both. Looking again, as after a redelivery, changes nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from msgspec import structs

from app.figures.aggregation import difference
from app.schemas.ids import minted_at
from app.schemas.kinds import COUNTED_KINDS, PART_KINDS, STEP
from app.schemas.queued import Envelope
from app.schemas.spans import POINTING, PlacedSpan, Restatement, Wording
from app.schemas.traces import Trace, priced_columns, record_of
from app.storage.access.price_tables import read_price_table
from app.storage.budgets.spending import count_spending
from app.storage.engine import Connection, Engine
from app.storage.rollups.writing import append_deltas
from app.storage.traces.duplicates import (
    read_group,
    read_similar_calls,
    read_stream_parts,
    read_wording,
    rewrite_calls,
)
from app.storage.traces.inheritance import read_shared_traces
from app.storage.traces.places import become_steps, read_places
from app.storage.traces.reading import lock_traces
from monitoring.spending.own_prices import parse_prices
from monitoring.spending.pricing import Priced, PricingStatus
from workers.cardinality import CardinalityCaps
from workers.spans.call_pairs import is_end_of_stream, is_request_of_stream
from workers.spans.context import placed, within_reach, wording
from workers.spans.gathering import complete, gives
from workers.spans.instrumentations import tell_beside
from workers.spans.restatements import restate

__all__ = ["DuplicateCalls", "restated_among", "shared_traces"]

_MOST_QUESTIONS = 3  # wording that was read may make other spans comparable
_MOST_WORDINGS = 1_024  # in larger traces only the calls that were accepted last are compared


async def restated_among(
    connection: Connection, project_id: str, envelopes: Sequence[Envelope], places: Sequence[PlacedSpan]
) -> Mapping[UUID, Restatement]:
    """Return what restates which call among records of a job and stored spans of their traces."""
    own = [span for span in map(placed, envelopes) if span is not None]
    stored = {span.trace_id: span for span in places}
    since, until = within_reach(envelopes)
    await _add_calls(connection, project_id, stored, since=since, until=until)
    known = {one.trace_id: wording(one) for one in envelopes}
    return await _restate(connection, project_id, [*stored.values(), *own], known, beside=False)


async def _restate(
    connection: Connection,
    project_id: str,
    spans: Sequence[PlacedSpan],
    known: Mapping[UUID, Wording],
    *,
    beside: bool,
) -> Mapping[UUID, Restatement]:
    found, wanted = restate(spans, known, beside=beside)
    for _ in range(_MOST_QUESTIONS):
        if not wanted:
            break
        asked = sorted(wanted)[-_MOST_WORDINGS:]
        known = {**known, **await read_wording(connection, project_id, asked)}
        # A span that was deleted meanwhile has no wording and restates nothing.
        gone = {id_ for id_ in asked if id_ not in known}
        spans = [one for one in spans if one.trace_id not in gone]
        found, wanted = restate(spans, known, beside=beside)
    return found


async def _add_calls(
    connection: Connection, project_id: str, spans: dict[UUID, PlacedSpan], *, since: UUID, until: UUID
) -> None:
    """Add the calls, also of other traces, that some of the spans restate."""
    missing = {one.restates for one in spans.values() if one.restates is not None} - spans.keys()
    found = await read_group(connection, project_id, missing, since=since, until=until)
    spans.update((span.trace_id, span) for span in found)


async def shared_traces(engine: Engine, project_id: str, envelopes: Sequence[Envelope]) -> frozenset[bytes]:
    """Return the traces of the records of which other jobs stored spans within an hour."""
    own = [one for one in envelopes if one.otel_trace_id]
    if not own:
        return frozenset()
    since, until = within_reach(own)
    traces = sorted({one.otel_trace_id for one in own if one.otel_trace_id})
    async with engine.connect() as connection:
        ids = [one.trace_id for one in own]
        found = await read_shared_traces(connection, project_id, traces, ids, since=since, until=until)
    return frozenset(found)


class DuplicateCalls:
    """Takes stored calls that restate another one out of the figures of one database."""

    def __init__(self, engine: Engine, caps: CardinalityCaps, descriptive: Collection[str]) -> None:
        self._engine = engine
        self._caps = caps
        self._descriptive = descriptive

    async def unnest(self, project_id: str, envelopes: Sequence[Envelope], shared: Collection[bytes]) -> None:
        """Turn stored spans that restate a call into steps; give the call what only they report.

        `shared` holds those traces of the envelopes of which other jobs stored spans too.
        """
        told = [one for one in envelopes if one.otel_trace_id and one.kind not in PART_KINDS]
        # A row that is replaced meanwhile cannot be locked. The next round sees its new form.
        while told and await self._unnest(project_id, told, shared):
            pass

    async def _unnest(
        self, project_id: str, envelopes: Sequence[Envelope], shared: Collection[bytes]
    ) -> bool:
        """Do one round, and tell whether there was anything to do."""
        async with self._engine.begin() as connection:
            spans, restated = await self._look(connection, project_id, envelopes, shared)
            found = {id_: one for id_, one in restated.items() if _is_news(spans, id_, one)}
            if not found:
                return False
            ids = sorted({*found, *(one.call for one in found.values())})
            locked = await lock_traces(connection, project_id, ids)
            steps = {
                id_: _step(locked[id_], one)
                for id_, one in found.items()
                if id_ in locked and _counts(locked.get(one.call))
            }
            changed = {id_: step for id_, step in steps.items() if step != locked[id_]}
            calls = await self._completed(connection, project_id, locked, steps)
            before = [locked[id_] for id_ in (*changed, *(call.trace_id for call in calls))]
            await append_deltas(connection, difference(before, calls, self._descriptive))
            await become_steps(connection, project_id, list(changed.values()))
            await rewrite_calls(connection, calls)
            await count_spending(connection, project_id, before, calls)
            return bool(changed or calls or len(locked) < len(ids))

    async def _look(
        self,
        connection: Connection,
        project_id: str,
        envelopes: Sequence[Envelope],
        shared: Collection[bytes],
    ) -> tuple[Mapping[UUID, PlacedSpan], Mapping[UUID, Restatement]]:
        """Return stored spans of the envelopes' traces and related calls, and what restates which.

        Nothing is read of a trace with a single span, unless a span elsewhere may be the same call.
        """
        since, until = within_reach(envelopes)
        own = [span for span in map(placed, envelopes) if span is not None]
        calls = [one.trace_id for one in own if one.kind in COUNTED_KINDS]
        day = minted_at(max(one.trace_id for one in envelopes)).date()
        beside = bool(calls) and await tell_beside(connection, project_id, day)
        similar = (
            await read_similar_calls(connection, project_id, calls, since=since, until=until)
            if beside
            else []
        )
        streamed = [one.trace_id for one in own if is_request_of_stream(one) or is_end_of_stream(one)]
        similar += await read_stream_parts(connection, project_id, streamed, since=since, until=until)
        held = Counter(one.otel_trace_id for one in own)
        # The two spans of one stream may be in one job. That job joined them before it stored them.
        elsewhere = bool(similar or streamed)
        traces = sorted(id_ for id_, number in held.items() if elsewhere or number > 1 or id_ in shared)
        if not traces:
            return {}, {}
        places = await read_places(connection, project_id, traces, since=since, until=until)
        spans = {span.trace_id: span for span in (*places, *similar)}
        if similar:
            met = [id_ for id_, span in spans.items() if span.kind in COUNTED_KINDS]
            group = await read_group(connection, project_id, met, since=since, until=until)
            spans |= {span.trace_id: span for span in group}
        await _add_calls(connection, project_id, spans, since=since, until=until)
        return spans, await _restate(connection, project_id, list(spans.values()), {}, beside=beside)

    async def _completed(
        self,
        connection: Connection,
        project_id: str,
        locked: Mapping[UUID, Trace],
        steps: Mapping[UUID, Trace],
    ) -> list[Trace]:
        """Return the calls that take something over from the steps that restate them."""
        told: dict[UUID, list[Trace]] = defaultdict(list)
        for step in steps.values():
            if step.restates is not None and step.restates_because not in POINTING:
                told[step.restates].append(step)
        if not told:
            return []
        content = await read_price_table(connection, project_id)
        prices = None if content is None else parse_prices(content)
        calls = [complete(locked[call], spans, prices) for call, spans in told.items()]
        changed = [call for call in calls if call != locked[call.trace_id]]
        return await self._caps.mark(changed)


def _is_news(spans: Mapping[UUID, PlacedSpan], span_id: UUID, found: Restatement) -> bool:
    span, call = spans[span_id], spans.get(found.call)
    if call is None:
        return False
    if span.kind in COUNTED_KINDS or span.restates != found.call:
        return True
    return found.because not in POINTING and call.kind in COUNTED_KINDS and gives(span, found.because, call)


def _counts(call: Trace | None) -> bool:
    return call is not None and call.kind in COUNTED_KINDS


def _step(span: Trace, found: Restatement) -> Trace:
    """Return a span as a step without scores and cost, with tokens only as it reported them."""
    named = structs.replace(span, restates=found.call, restates_because=found.because)
    if span.kind not in COUNTED_KINDS:
        return named
    reported = record_of(span)
    return structs.replace(
        named,
        kind=STEP,
        scores={},
        flags=(),
        hits=(),
        overall_quality=None,
        safety_score=None,
        is_safe=None,
        topic=None,
        **priced_columns(Priced(None, PricingStatus.NOT_COUNTED, "")),
        token_source=None,
        prompt_tokens=reported.prompt_tokens,
        completion_tokens=reported.completion_tokens,
    )
