"""Joining span parts to the call that they belong to.

A span part may come before or after its span, so it lies in Postgres until the span is stored. The
call is then scored again, and the figures change by the difference. A worker claims a part for half
a minute; after that another worker can claim it. After the third claim it becomes a dead letter.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import structs

from app.figures.aggregation import aggregate, difference
from app.privacy import SealError
from app.projects import Projects
from app.schemas.dead_letters import DeadReason
from app.schemas.inherited import joined_owner
from app.schemas.kinds import Kind
from app.schemas.queued import BEGUN, EVALUATED, RATED, Envelope, decode_envelope
from app.schemas.retrieval import as_context
from app.schemas.traces import Trace, record_of, without_text
from app.storage.budgets.spending import count_spending
from app.storage.engine import Connection, Engine
from app.storage.ledger.dead_letters import DeadLetter, bury
from app.storage.rollups.writing import append_deltas
from app.storage.traces.places import read_documents
from app.storage.traces.reading import lock_traces
from app.storage.traces.span_parts import Part, claim_orphans, claim_parts, close_parts, release_parts
from app.storage.traces.writing import insert_traces, replace_traces
from app.supervision import Tasks
from monitoring.bounds import FIGURES
from monitoring.entities.scoring import PII
from monitoring.marks import COUNTED_AS_OTHER, Mark
from monitoring.models import Record, Score
from workers.cardinality import CardinalityCaps
from workers.scoring import Scoring, Unscorable
from workers.spans.context import give_documents, latest_beginnings, within_reach
from workers.spans.duplicates import DuplicateCalls, shared_traces
from workers.spans.evaluation_results import EvaluationResult, store_evaluation_results

__all__ = ["ALONE_AFTER", "ORPHANED_AFTER", "LateContent", "merge"]

# A part may come when the call begins, and its span when it ends. Few calls last longer.
ORPHANED_AFTER = timedelta(minutes=15)
# Texts outside any span are sent when the response is there. Their span, if any, is sent then too.
ALONE_AFTER = timedelta(minutes=1)
_PAUSE_SECONDS = 0.25
_SWEEP_SECONDS = 5.0
_MOST_PARTS = 512
_LAST_ATTEMPT = 3
# These marks are about the part alone, because one event holds half a call. The call takes all
# others.
_OF_PARTS = frozenset({Mark.NO_CONTENT, Mark.EMPTY_PROMPT, Mark.EMPTY_RESPONSE})
# Messages cannot be keys, and comparing each with each takes minutes. Their encoded form is the
# key.
_encode = msgspec.json.Encoder(order="deterministic").encode


class _Opened(NamedTuple):
    """A part with its record, which has the texts from before they were dropped."""

    part: Part
    envelope: Envelope
    record: Record


class LateContent:
    """Joins the span parts of one database; each worker takes parts that no other has claimed."""

    def __init__(
        self,
        engine: Engine,
        executor: Executor,
        scoring: Scoring,
        projects: Projects,
        caps: CardinalityCaps,
        descriptive: Collection[str],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._scoring = scoring
        self._projects = projects
        self._caps = caps
        self._descriptive = descriptive
        self._nesting = DuplicateCalls(engine, caps, descriptive)
        self._clock = clock
        self._wanted = asyncio.Event()

    def nudge(self) -> None:
        """Wake the joining, because a part or a span without text was stored."""
        self._wanted.set()

    async def run(self, tasks: Tasks) -> None:
        """Join until cancelled: soon after each nudge, and at least every few seconds."""
        await tasks.repeat("joining", self._sweep, _PAUSE_SECONDS)

    async def _sweep(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), _SWEEP_SECONDS)
        self._wanted.clear()
        while await self.turn():
            pass

    async def turn(self) -> int:
        """Join what can be joined now, and return how many parts were finished."""
        now = self._clock()
        async with self._engine.begin() as connection:
            claimed = await claim_parts(connection, now, _MOST_PARTS)
            orphans = await claim_orphans(
                connection, now, now - ORPHANED_AFTER, now - ALONE_AFTER, _MOST_PARTS
            )
        by_project: dict[str, list[Part]] = defaultdict(list)
        for part in (*claimed, *orphans):
            by_project[part.project_id].append(part)
        done = 0
        for project_id, parts in by_project.items():
            done += await self._join(project_id, parts)
        return done

    async def _join(self, project_id: str, parts: Sequence[Part]) -> int:
        opened, letters = self._open(parts)
        by_trace: dict[UUID, list[_Opened]] = defaultdict(list)
        by_span: dict[tuple[bytes | None, bytes | None], list[_Opened]] = defaultdict(list)
        for one in sorted(opened, key=lambda one: one.envelope.trace_id):
            if one.part.trace_id is not None:
                by_trace[one.part.trace_id].append(one)
            elif one.part.kind == Kind.CONTEXT:
                continue  # the call that wanted documents was deleted
            elif one.part.kind == Kind.CONTENT:
                by_span[
                    one.envelope.otel_trace_id, one.envelope.otel_span_id or one.part.part_id.bytes
                ].append(one)
            else:
                letters.append(_letter(one.part, DeadReason.NO_SPAN, "the call it is about did not come"))
        async with self._engine.begin() as connection:
            stored = await lock_traces(connection, project_id, sorted(by_trace))
            # Another worker replaced these rows meanwhile. A later turn finds them in their new
            # form.
            missed = [
                one.part.part_id for id_, group in by_trace.items() if id_ not in stored for one in group
            ]
            found = {id_: group for id_, group in by_trace.items() if id_ in stored}
            letters += await self._rescore(connection, project_id, stored, found)
            letters += await self._promote(connection, project_id, list(by_span.values()))
            results = [
                EvaluationResult(id_, one.part.part_id, one.record)
                for id_, group in found.items()
                for one in group
                if _finds(one)
            ]
            await store_evaluation_results(connection, project_id, results)
            await bury(connection, project_id, letters)
            await release_parts(connection, project_id, missed)
            done = [part.part_id for part in parts if part.part_id not in set(missed)]
            await close_parts(connection, project_id, done)
        promoted = [group[0].envelope for group in by_span.values()]
        shared = await shared_traces(self._engine, project_id, promoted)
        await self._nesting.unnest(project_id, promoted, shared)
        return len(done)

    async def _rescore(
        self,
        connection: Connection,
        project_id: str,
        stored: Mapping[UUID, Trace],
        found: Mapping[UUID, Sequence[_Opened]],
    ) -> list[DeadLetter]:
        """Score calls again with their texts and documents, and replace them.

        Returns dead letters for the parts of calls that could not be scored.
        """
        texts = {id_: [one for one in group if not _finds(one)] for id_, group in found.items()}
        texts = {id_: group for id_, group in texts.items() if group}
        calls = {id_: _envelope(stored[id_], record_of(stored[id_])) for id_ in texts}
        waiting = [id_ for id_, group in texts.items() if any(one.part.kind == Kind.CONTEXT for one in group)]
        served = await self._serve(connection, project_id, {id_: calls[id_] for id_ in waiting})
        for id_ in waiting:
            if served[id_] is calls[id_] and all(one.part.kind == Kind.CONTEXT for one in texts[id_]):
                del calls[id_], texts[id_]
        calls |= {id_: call for id_, call in served.items() if id_ in calls}
        scored, failed = await self._score(project_id, calls, texts)
        renamed = [structs.replace(trace, job_id=stored[trace.trace_id].job_id) for trace in scored]
        await replace_traces(connection, renamed)
        before = [stored[trace.trace_id] for trace in renamed]
        await append_deltas(connection, difference(before, renamed, self._descriptive))
        await count_spending(connection, project_id, before, renamed)
        return _letters(failed, texts)

    async def _serve(
        self, connection: Connection, project_id: str, calls: Mapping[UUID, Envelope]
    ) -> dict[UUID, Envelope]:
        """Return calls with the documents retrieved before them; others stay the same object."""
        wanted = latest_beginnings(calls.values())
        if not wanted:
            return dict(calls)
        since, until = within_reach(list(calls.values()))
        documents = await read_documents(connection, project_id, wanted, since=since, until=until)
        return {
            id_: give_documents(call, documents) if call.kind == Kind.LLM else call
            for id_, call in calls.items()
        }

    async def _promote(
        self, connection: Connection, project_id: str, groups: Sequence[Sequence[_Opened]]
    ) -> list[DeadLetter]:
        """Store texts whose span never came; each becomes a call of its own."""
        texts = {group[0].envelope.trace_id: group for group in groups}
        calls = {
            id_: structs.replace(
                group[0].envelope,
                kind=Kind.LLM,
                record=structs.replace(group[0].envelope.record, messages=(), marks=(Mark.NO_SPAN,)),
                sealed=None,
            )
            for id_, group in texts.items()
        }
        scored, failed = await self._score(project_id, calls, texts)
        fresh = await insert_traces(connection, scored)
        new = [trace for trace in scored if trace.trace_id in fresh]
        await append_deltas(connection, aggregate(new, self._descriptive))
        await count_spending(connection, project_id, [], new)
        return _letters(failed, texts)

    async def _score(
        self, project_id: str, calls: Mapping[UUID, Envelope], texts: Mapping[UUID, Sequence[_Opened]]
    ) -> tuple[list[Trace], list[Unscorable]]:
        """Score calls with their texts; a trace keeps no text where its text was to be dropped."""
        if not calls:
            return [], []
        settings = await self._projects.find(project_id)
        prices = self._projects.prices_of(project_id)
        whole = [_complete(call, texts[id_]) for id_, call in calls.items()]
        results = await asyncio.get_running_loop().run_in_executor(
            self._executor, self._scoring.score, whole, "join", settings, prices
        )
        traces = [result for result in results if isinstance(result, Trace)]
        kept = [
            without_text(trace, Mark.TEXT_DROPPED)
            if any(one.envelope.sealed for one in texts[trace.trace_id])
            else trace
            for trace in traces
        ]
        marked = await self._caps.mark(kept)
        return marked, [result for result in results if isinstance(result, Unscorable)]

    def _open(self, parts: Sequence[Part]) -> tuple[list[_Opened], list[DeadLetter]]:
        opened, letters = [], []
        for part in parts:
            if part.attempts > _LAST_ATTEMPT:
                letters.append(_letter(part, DeadReason.PROCESS_DIED, "a worker died while joining it"))
                continue
            try:
                envelope = decode_envelope(part.payload)
                opened.append(_Opened(part, envelope, self._texts(envelope)))
            except (msgspec.MsgspecError, SealError) as error:
                letters.append(_letter(part, DeadReason.UNREADABLE, str(error)))
        return opened, letters

    def _texts(self, envelope: Envelope) -> Record:
        """Return the redacted record of a part with its original texts or its original value."""
        if envelope.sealed is None:
            return envelope.record
        whole = self._scoring.open(envelope)
        if envelope.kind == Kind.EVALUATION:
            known = {name: whole.metadata[name] for name in (EVALUATED, RATED) if name in whole.metadata}
            return structs.replace(envelope.record, metadata=known)
        return structs.replace(
            envelope.record,
            prompt=whole.prompt,
            response=whole.response,
            system_prompt=whole.system_prompt,
            context=whole.context,
            messages=whole.messages,
        )


def _complete(call: Envelope, parts: Sequence[_Opened]) -> Envelope:
    texts = [one for one in parts if one.part.kind == Kind.CONTENT]
    found = [one.envelope.pii for one in texts if one.envelope.pii is not None]
    found += [call.pii] if call.pii is not None else []
    return structs.replace(
        call,
        record=merge(call.record, [one.record for one in texts]),
        response_key=call.response_key or next((one.envelope.response_key for one in texts), None),
        pii=max(found, key=_pii_value, default=None),
    )


def _pii_value(score: Score) -> float:
    return -1.0 if score.value is None else score.value


def merge(record: Record, parts: Sequence[Record]) -> Record:
    """Return a call with the texts of its parts, in order, without repeating its own messages."""
    messages = list(record.messages)
    known = set(map(_encode, messages))
    for part in parts:
        told = [(_encode(one), one) for one in part.messages]
        messages += [one for encoded, one in told if encoded not in known]
        known.update(encoded for encoded, _ in told)
        record = _begun(record, part)
        record = structs.replace(
            record,
            prompt=part.prompt or record.prompt,
            response=part.response or record.response,
            system_prompt=part.system_prompt or record.system_prompt,
            context=as_context(record.context, part.context),
            model_name=part.model_name if record.model_name == "unknown" else record.model_name,
            provider=record.provider or part.provider,
            tags=record.tags or part.tags,
            **{name: getattr(part, name) for name in FIGURES if getattr(record, name) is None},
            **joined_owner(record, _of_call(part)),
        )
    silent = not (record.prompt or record.response)
    marks = (
        mark
        for mark in record.marks
        if not mark.startswith(COUNTED_AS_OTHER) and (silent or mark != Mark.NO_CONTENT)
    )
    return structs.replace(record, marks=tuple(dict.fromkeys(marks)), messages=tuple(messages))


def _begun(record: Record, part: Record) -> Record:
    """Return a call with moment and duration counted from the beginning that a part reports.

    This concerns calls that were reported only when they ended.
    """
    end, begin = record.timestamp, part.timestamp
    if not part.metadata.get(BEGUN) or record.response_time_ms is not None or not (end and begin):
        return record
    milliseconds = max((end - begin) / timedelta(milliseconds=1), 0.0)
    return structs.replace(record, timestamp=min(begin, end), response_time_ms=milliseconds)


def _of_call(part: Record) -> Record:
    marks = tuple(mark for mark in part.marks if mark not in _OF_PARTS)
    return structs.replace(part, marks=marks)


def _envelope(trace: Trace, record: Record) -> Envelope:
    return Envelope(
        trace_id=trace.trace_id,
        project_id=trace.project_id,
        source=trace.source,  # type: ignore[arg-type]  # it was written from an envelope
        record=record,
        kind=trace.kind,
        otel_trace_id=trace.otel_trace_id,
        otel_span_id=trace.otel_span_id,
        otel_parent_span_id=trace.otel_parent_span_id,
        response_key=trace.response_key,
        restates=trace.restates,
        restates_because=trace.restates_because,
        pii=_original_pii(trace),
    )


def _original_pii(trace: Trace) -> Score | None:
    """Return the pii score that was made before the texts of a call were redacted.

    Redacted texts can no longer show what personal data they held.
    """
    found = trace.scores.get(PII) if Mark.REDACTED in trace.marks else None
    return found if isinstance(found, Score) else None


def _finds(one: _Opened) -> bool:
    return one.part.kind == Kind.EVALUATION


def _letters(failed: Sequence[Unscorable], texts: Mapping[UUID, Sequence[_Opened]]) -> list[DeadLetter]:
    return [
        _letter(one.part, failure.reason, failure.detail)
        for failure in failed
        for one in texts[failure.envelope.trace_id]
    ]


def _letter(part: Part, reason: str, detail: str) -> DeadLetter:
    return DeadLetter(
        project_id=part.project_id,
        trace_id=part.part_id,
        job_id="join",
        reason=reason,
        detail=detail.replace("\0", "�")[:2000],
        attempts=part.attempts,
        payload=part.payload,
        user_id=part.user_id,
    )
