"""What travels through the queue and back: envelopes, batches and the summaries that answer waiting posts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

from app.schemas.kinds import Kind
from monitoring.models import UNKNOWN_MODEL, Record, Score

__all__ = [
    "BEGUN",
    "EVALUATED",
    "RATED",
    "Batch",
    "Envelope",
    "Source",
    "SpanContext",
    "Summary",
    "decode_batch",
    "decode_envelope",
    "decode_record",
    "encode",
]

Source = Literal["live", "evaluate", "import"]
# Where the metadata of an evaluation have its figure; its record is named, tagged and worded as it is.
EVALUATED = "evaluation.value"
# Where it has the rating from 1 (bad) to 5 (good), where a user gave it.
RATED = "evaluation.rating"
# In the metadata of texts that were sent when a call began: their moment is that of its beginning.
BEGUN = "call.begun"


class SpanContext(msgspec.Struct, frozen=True, kw_only=True):
    """Where a record stands in an OpenTelemetry trace: raw ids of 16 and 8 bytes, and the span's kind.

    Of the kinds, `llm` and `embedding` are calls that are counted and priced, `content` and `evaluation`
    belong to a span that comes by another way, all others are steps around calls. Ids are empty of what was
    told outside any trace. `response_key` stands for the id that a provider gave to the response.
    """

    kind: str
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes | None = None
    response_key: bytes | None = None


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One accepted record with what acceptance decided about it.

    `trace_id` is a UUIDv7 minted at acceptance. `retried` says that its client id had been seen before, so
    it may be stored already; `waited` that a request waits for its scores. `pii` is the score of a record
    as it was before its redaction; `sealed` the encrypted original of one that lost its texts; `guard` what the guard said;
    `response_key` the digest of the response's id, which is no text of anybody and never redacted. `restates` names
    the call that a span tells of once more, as a worker finds it.
    """

    trace_id: UUID
    project_id: str
    source: Source
    record: Record
    kind: str = Kind.LLM
    otel_trace_id: bytes | None = None
    otel_span_id: bytes | None = None
    otel_parent_span_id: bytes | None = None
    response_key: bytes | None = None
    restates: UUID | None = None
    restates_because: str | None = None
    retried: bool = False
    waited: bool = False
    pii: Score | None = None
    sealed: bytes | None = None
    guard: str | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The payload of one queue job: encoded envelopes of one project, and who waits for them.

    Envelopes stay encoded, so that one that cannot be read costs itself alone. `reply_to` is the channel
    of the API process that has waiting requests among them.
    """

    envelopes: tuple[msgspec.Raw, ...]
    reply_to: str | None = None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a waiting request: the seven keys of POST /monitor/inference, and what was unknown."""

    trace_id: UUID
    timestamp: datetime
    quality_score: float | None
    safety_score: float | None
    is_safe: bool | None
    safety_flags: tuple[str, ...]
    cost_usd: Decimal | None
    pricing_status: str
    model_name: str = UNKNOWN_MODEL


encode = msgspec.msgpack.Encoder().encode
decode_batch = msgspec.msgpack.Decoder(Batch).decode
decode_envelope = msgspec.msgpack.Decoder(Envelope).decode
decode_record = msgspec.msgpack.Decoder(Record).decode
