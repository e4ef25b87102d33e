"""Documents that were retrieved before a call and are stored after it: the call is scored anew with them.

A retriever's span may lie in a later batch than the call, or in another service's. For each call that lacks its
documents a part is kept as one with late texts is, so that neither order nor a dying process matters, and a call is
scored anew once for all retrievers that came meanwhile. Its id follows from both spans: looking again adds nothing.
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
    """Keep a part for each call that lacks documents retrieved before it; tells whether there is a new one.

    Looked through are those of the envelopes' traces in which documents were retrieved, given as `retrieved`, for
    calls and for retrievers among the envelopes: of two jobs at the same time the one that ends later sees both.
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
