"""What the queue carries: envelopes, batches, and summaries for waiting requests."""

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
# The name in the metadata of an evaluation that holds its number. The name, tags and text of its
# record are its own.
EVALUATED = "evaluation.value"
# The name of the rating from 1 (bad) to 5 (good), if a user gave it.
RATED = "evaluation.rating"
# The name in the metadata of texts that were sent when a call began. Their moment is the beginning
# of the call.
BEGUN = "call.begun"


class SpanContext(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a record in an OpenTelemetry trace: raw ids (16 and 8 bytes) and the kind.

    The kinds `llm` and `embedding` are calls, which are counted and priced. `content` and
    `evaluation` belong to a span that arrives separately. All others are steps around calls. Ids
    are empty for records from outside any trace. `response_key` stands for the id that a provider
    gave to the response.
    """

    kind: str
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes | None = None
    response_key: bytes | None = None


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One accepted record with the decisions of acceptance about it.

    `trace_id` is a UUIDv7 made at acceptance. `retried` says that its client id was known before,
    so it may be stored already. `waited` says that a request waits for its scores. `pii` is the
    score of a record before its redaction. `sealed` is the encrypted original of a record that lost
    its texts. `guard` is the guard's verdict. `response_key` is the digest of the response's id,
    which is not personal and is never redacted. `restates` names the call that a span restates, as
    a worker finds it.
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

    Envelopes stay encoded, so that an unreadable one does not affect the others. `reply_to` is the
    channel of the API process that has waiting requests among them.
    """

    envelopes: tuple[msgspec.Raw, ...]
    reply_to: str | None = None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a waiting request: the seven keys of POST /monitor/inference, and the model."""

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
