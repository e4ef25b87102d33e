"""Documents that were retrieved before a call, but arrive after it was stored.

The span of a retriever may lie in a later batch than the call, or come from another service. For
each call that lacks its documents a span part is stored, as for late texts. The order of arrival
and the death of a process therefore do not matter, and a call is scored again once for all
retrievers that arrived meanwhile. The id of the part follows from both spans, so that a second look
adds nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b
from uuid import UUID

from app.schemas.kinds import RETRIEVERS, Kind
from app.schemas.queued import Envelope, encode
from app.storage.engine import Engine
from app.storage.traces.late_documents import UnservedCall, read_unserved
from app.storage.traces.span_parts import Row, insert_parts
from monitoring.marks import Mark
from monitoring.models import Record
from workers.spans.context import within_reach

__all__ = ["want_documents"]

_NOTHING = Record(prompt="", response="")


async def want_documents(
    engine: Engine, project_id: str, envelopes: Sequence[Envelope], retrieved: Collection[bytes]
) -> bool:
    """Store a part for each call that lacks documents, and tell whether one of the parts is new.

    `retrieved` holds those traces of the envelopes in which documents were retrieved. Both the
    calls and the retrievers among the envelopes are looked at, so that of two jobs that run at the
    same time the later one sees both.
    """
    stored_now = [
        one.trace_id
        for one in envelopes
        if one.otel_trace_id in retrieved and (one.kind == Kind.LLM or one.kind in RETRIEVERS)
    ]
    if not stored_now:
        return False
    since, until = within_reach(envelopes)
    async with engine.begin() as connection:
        calls = await read_unserved(
            connection,
            project_id,
            sorted(retrieved),
            stored_now,
            (Mark.TEXT_DROPPED, Mark.TEXT_NOT_SAMPLED),
            since=since,
            until=until,
        )
        rows = {row[0]: row for row in (_part(project_id, call) for call in calls)}
        return bool(await insert_parts(connection, project_id, list(rows.values())))


def _part(project_id: str, call: UnservedCall) -> Row:
    digest = blake2b(call.trace_id.bytes + call.retriever_id.bytes, digest_size=16).digest()
    envelope = Envelope(
        trace_id=UUID(bytes=digest),
        project_id=project_id,
        source="live",
        record=_NOTHING,
        kind=Kind.CONTEXT,
        otel_trace_id=call.otel_trace_id,
        otel_span_id=call.otel_span_id,
    )
    return (
        envelope.trace_id,
        Kind.CONTEXT,
        call.otel_trace_id,
        call.otel_span_id,
        None,
        encode(envelope),
        None,
    )
