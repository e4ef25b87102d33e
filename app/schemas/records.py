"""The record as applications send it. msgspec reads it, because every call passes here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import structs

from app.errors import InvalidRecord, MalformedBody
from app.schemas.budgets import MOST_RESERVATIONS, Reservation, is_reservation
from app.schemas.json_input import (
    FAULTS,
    NotJsonError,
    WrongShapeError,
    check_values,
    convert,
    mend_unicode,
    read_any,
    reader,
    skip_mark,
)
from app.schemas.limits import METADATA_BYTES, MOST_RECORD_VALUES, too_many
from app.schemas.lines import cut_array, cut_ndjson
from monitoring.bounds import MOST_MILLISECONDS, MOST_REQUESTS, MOST_TOKENS, bounded, read_cost
from monitoring.conversation import Message, read_messages, results_of
from monitoring.marks import Mark
from monitoring.models import UNKNOWN_MODEL, Record
from monitoring.spending.provider_usage import InvalidCount, ProviderUsage, completed, read_provider_usage
from monitoring.spending.tiers import ServiceTier
from monitoring.spending.usage import BILLED, BILLED_BY

__all__ = [
    "BodyFormat",
    "GuardIn",
    "RecordIn",
    "Rejection",
    "in_utc",
    "read_guarded",
    "read_line",
    "read_record",
    "read_records",
]

BodyFormat = Literal["json", "ndjson", "csv", "parquet", "multipart", "protobuf", "patch"]

_VALUES = "values"
_ESCAPED_NUL = b"\\u0000"
_REPLACEMENT = "�"

Name = Annotated[str, msgspec.Meta(max_length=512)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)]
Requests = Annotated[int, msgspec.Meta(ge=0, le=MOST_REQUESTS)]
Money = Annotated[Decimal, msgspec.Meta(extra_json_schema={"type": "number", "format": "decimal"})]
Tier = Annotated[ServiceTier, msgspec.Meta(extra_json_schema={"type": "string"})]
Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=MOST_MILLISECONDS)]
# Few records have one of these, so they are looked at together.
_RARE = (*BILLED[5:], *BILLED_BY)
_rare_of = attrgetter(*_RARE)
_rarely_billed_of = attrgetter(*_RARE, "usage", "total_tokens")
_NONE_OF_THEM = (None,) * (len(_RARE) + 2)
_CHECKS = ("hallucination", "toxicity", "bias", "pii")


class RecordIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One LLM call as it is sent: contract names, every optional field may be null or absent.

    Durations are milliseconds. `timestamp` is RFC 3339 (UTC where it has no offset). `context` is
    one passage or a list of them. `cost_usd` is the cost of the call according to its provider or
    gateway, and counts instead of ours. `prompt_tokens` and `completion_tokens` include their parts
    (cached, audio, image, reasoning); `cache_write_1h_tokens` is the part of `cache_write_tokens`
    that is kept for an hour. `usage` is the provider's own object of counts, whose counts replace
    those beside it. `total_tokens` shows whether cached and reasoning tokens are in the totals.
    `service_tier` decides the price (default, flex, priority, batch). `budget_reservation` is what
    POST /budgets/{id}/check answered, or a list of such answers; storing the call settles them.
    `check_…: false` leaves that score null and out of every denominator.
    """

    prompt: str
    response: str
    model_name: Name | None = None
    user_id: Name | None = None
    session_id: Name | None = None
    check_hallucination: bool = True
    check_toxicity: bool = True
    check_bias: bool = True
    check_pii: bool = True
    id: Name | None = None
    timestamp: Annotated[datetime, msgspec.Meta(tz=None)] | None = None
    provider: Name | None = None
    response_time_ms: Milliseconds | None = None
    time_to_first_token_ms: Milliseconds | None = None
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    cache_read_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    cache_write_1h_tokens: Count | None = None
    input_audio_tokens: Count | None = None
    output_audio_tokens: Count | None = None
    cache_audio_read_tokens: Count | None = None
    input_image_tokens: Count | None = None
    output_image_tokens: Count | None = None
    cache_image_read_tokens: Count | None = None
    web_search_requests: Requests | None = None
    file_search_requests: Requests | None = None
    service_tier: Tier | None = None
    total_tokens: Count | None = None
    usage: dict[str, Any] | None = None
    cost_usd: Money | None = None
    context: str | list[str] | None = None
    reference: str | None = None
    system_prompt: str | None = None
    messages: list[dict[str, Any]] | None = None
    template_id: Name | None = None
    parent_id: Name | None = None
    error: str | None = None
    tags: (
        Annotated[list[Annotated[str, msgspec.Meta(max_length=128)]], msgspec.Meta(max_length=64)] | None
    ) = None
    metadata: dict[str, Any] | None = None
    budget_reservation: (
        Reservation | Annotated[list[Reservation], msgspec.Meta(max_length=MOST_RESERVATIONS)] | None
    ) = None


class GuardIn(RecordIn, kw_only=True, forbid_unknown_fields=True):
    """A call whose prompt or response may still be missing."""

    prompt: str = ""
    response: str = ""


class Rejection(NamedTuple):
    """Why one line was refused: its number from 1, the field if one is at fault, and a message."""

    line: int
    field: str | None
    message: str


_readers = {kind: reader(kind) for kind in (RecordIn, GuardIn)}
_decode_wire = msgspec.json.Decoder(RecordIn).decode


def read_guarded(body: bytes) -> Record:
    """Read one JSON object with a prompt, a response or both; raises what `read_record` raises."""
    record = read_record(body, GuardIn)
    if not (record.prompt or record.response):
        message = "give a prompt, a response or both"
        raise InvalidRecord(
            f"The record was refused: {message}.", errors=[{"field": "prompt", "message": message}]
        )
    return record


def read_record(body: bytes, kind: type[RecordIn] = RecordIn) -> Record:
    """Read one JSON object; raises MalformedBody, and InvalidRecord for a wrong field."""
    if not check_values(body, MOST_RECORD_VALUES):
        raise too_many(_VALUES, MOST_RECORD_VALUES)
    try:
        return _read(body, kind)
    except NotJsonError as error:
        raise MalformedBody(f"The body is not valid JSON: {error}.") from error
    except WrongShapeError as error:
        raise InvalidRecord(
            f"The record was refused: {error}.", errors=[{"field": error.field, "message": str(error)}]
        ) from error


def read_records(body: bytes, body_format: BodyFormat) -> list[Record | Rejection]:
    """Read a JSON array or NDJSON lines. A fault in one line does not affect the others.

    The result has an entry per line that is not blank. Raises MalformedBody for JSON that is no
    array, and BodyTooLarge for more than `app/schemas/limits.py` allows.
    """
    lines = cut_ndjson(body) if body_format == "ndjson" else cut_array(body)
    return [read_line(number, line) for number, line in enumerate(lines, start=1)]


def _read_plain(line: bytes) -> Record | None:
    """Return the record of a line that needs no repair, which almost all are; None for others."""
    if len(line) > MOST_RECORD_VALUES:
        return None
    try:
        wire = _decode_wire(line)
        return (
            None
            if wire.metadata or wire.messages or wire.usage or _ESCAPED_NUL in line
            else _to_record(wire, ())
        )
    except FAULTS:
        return None


def read_line(number: int, line: bytes) -> Record | Rejection:
    """Read the JSON object of one line."""
    if (plain := _read_plain(line)) is not None:
        return plain
    line = skip_mark(line)  # a mark is here where files were concatenated
    if not check_values(line, MOST_RECORD_VALUES):
        return Rejection(number, None, f"the record holds more than {MOST_RECORD_VALUES} {_VALUES}")
    try:
        return _read(line)
    except NotJsonError as error:
        return Rejection(number, None, f"not valid JSON: {error}")
    except WrongShapeError as error:
        return Rejection(number, error.field, str(error))


def _read(line: bytes, kind: type[RecordIn] = RecordIn) -> Record:
    marks: tuple[str, ...] = ()
    try:
        wire = _decode(line, kind)
    except NotJsonError:
        mended = mend_unicode(line)
        if mended == line:
            raise
        wire, marks = _decode(mended, kind), (Mark.INVALID_UNICODE_REPLACED,)
    record = _to_record(wire, marks)
    return without_nul(record) if _ESCAPED_NUL in line or marks else record


def _decode(line: bytes, kind: type[RecordIn]) -> RecordIn:
    try:
        return _readers[kind](line)
    except WrongShapeError as error:
        if not error.unknown_field:
            raise
    return _gather(read_any(line), kind)


def _gather(value: Any, kind: type[RecordIn]) -> RecordIn:
    """Convert a decoded object, and keep fields that the contract does not name as metadata."""
    if isinstance(value, dict):
        known = {key: item for key, item in value.items() if key in RecordIn.__struct_fields__}
        unknown = {key: item for key, item in value.items() if key not in known}
        metadata = known.get("metadata")
        if unknown and (metadata is None or isinstance(metadata, dict)):
            known["metadata"] = {**unknown, **(metadata or {})}
        value = known
    return convert(value, kind)


def _read_talk(
    given: list[dict[str, Any]], context: tuple[str, ...]
) -> tuple[tuple[Message, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the messages, the context with the results of tools, and the marks."""
    talk = read_messages(given, "user")
    messages = tuple(talk.messages)
    # A model gets the answers of tools as it gets documents, so a response may rest on either.
    return messages, tuple(dict.fromkeys((*context, *results_of(messages)))), tuple(talk.marks)


def _to_record(wire: RecordIn, marks: tuple[str, ...]) -> Record:
    if wire.metadata or wire.messages or wire.usage:
        _check_free_form(wire)
    context = _passages(wire.context)
    messages: tuple[Message, ...] = ()
    if wire.messages:
        messages, context, noticed = _read_talk(wire.messages, context)
        marks = (*marks, *noticed)
    if not (wire.prompt.strip() and wire.response.strip()):
        marks = (*marks, *_emptiness(wire))
    record = Record(
        prompt=wire.prompt,
        response=wire.response,
        model_name=wire.model_name or UNKNOWN_MODEL,
        provider=wire.provider,
        id=wire.id,
        timestamp=None if wire.timestamp is None else in_utc(wire.timestamp),
        user_id=wire.user_id,
        session_id=wire.session_id,
        template_id=wire.template_id,
        parent_id=wire.parent_id,
        system_prompt=wire.system_prompt,
        context=context,
        reference=wire.reference,
        messages=messages,
        response_time_ms=wire.response_time_ms,
        time_to_first_token_ms=wire.time_to_first_token_ms,
        prompt_tokens=wire.prompt_tokens,
        completion_tokens=wire.completion_tokens,
        cache_read_tokens=wire.cache_read_tokens,
        cache_write_tokens=wire.cache_write_tokens,
        reasoning_tokens=wire.reasoning_tokens,
        reported_cost_usd=None if wire.cost_usd is None else read_cost(wire.cost_usd),
        error=wire.error,
        tags=tuple(dict.fromkeys(wire.tags)) if wire.tags else (),
        metadata=wire.metadata or {},
        skip=() if _all_checked(wire) else tuple(n for n in _CHECKS if not getattr(wire, f"check_{n}")),
        marks=marks,
    )
    return _with_rare_fields(record, wire)


def _with_rare_fields(record: Record, wire: RecordIn) -> Record:
    if (given := wire.budget_reservation) is not None:
        named = (given,) if isinstance(given, str) else tuple(dict.fromkeys(given))
        if not all(map(is_reservation, named)):
            raise WrongShapeError("expected what POST /budgets/{id}/check answered", "budget_reservation")
        record = structs.replace(record, budget_reservation=named)
    return record if _rarely_billed_of(wire) == _NONE_OF_THEM else _with_usage(record, wire)


def _with_usage(record: Record, wire: RecordIn) -> Record:
    """Return the record with the counts of the provider's object, and with complete totals."""
    record = structs.replace(record, **dict(zip(_RARE, _rare_of(wire), strict=True)))
    found: ProviderUsage | None = None
    if wire.usage:
        try:
            found = read_provider_usage(wire.usage, record.provider, record.model_name)
        except InvalidCount as error:
            raise WrongShapeError(str(error), f"usage.{error.path}") from error
    if found is None:
        counts = {name: number for name in BILLED if (number := getattr(record, name)) is not None}
        completed_counts = completed(counts, wire.total_tokens)
        return bounded(structs.replace(record, usage=wire.usage or {}, **completed_counts))
    replaced = structs.replace(
        record,
        usage=wire.usage,
        service_tier=record.service_tier or found.tier,
        reported_cost_usd=found.cost if record.reported_cost_usd is None else record.reported_cost_usd,
        **found.counts,
    )
    return bounded(replaced)


def _passages(given: str | list[str] | None) -> tuple[str, ...]:
    return () if not given else (given,) if isinstance(given, str) else tuple(given)


def _emptiness(wire: RecordIn) -> Iterator[Mark]:
    if not wire.prompt.strip():
        yield Mark.EMPTY_PROMPT
    if not wire.response.strip():
        yield Mark.EMPTY_RESPONSE


def in_utc(stamp: datetime) -> datetime:
    """Return a moment in UTC. Without an offset it is in UTC already.

    Raises WrongShapeError for a moment beyond the calendar.
    """
    if stamp.tzinfo is None:
        return stamp.replace(tzinfo=UTC)
    try:
        return stamp.astimezone(UTC)
    except OverflowError as error:
        raise WrongShapeError("the timestamp is outside the calendar", "timestamp") from error


def _check_free_form(wire: RecordIn) -> None:
    """Refuse free-form values that the queue cannot hold or that are too large."""
    for name, value in (("metadata", wire.metadata), ("messages", wire.messages), ("usage", wire.usage)):
        try:
            size = len(msgspec.msgpack.encode(value))
        except (OverflowError, RecursionError) as error:
            raise WrongShapeError(
                f"{name} holds a number over 64 bits or is nested too deeply", name
            ) from error
        if name != "messages" and size > METADATA_BYTES:
            what = "metadata and unknown fields exceed" if name == "metadata" else "usage exceeds"
            raise WrongShapeError(f"{what} {METADATA_BYTES} bytes", name)


def _all_checked(wire: RecordIn) -> bool:
    return wire.check_hallucination and wire.check_toxicity and wire.check_bias and wire.check_pii


def without_nul(record: Record) -> Record:
    """Replace NUL characters, which Postgres cannot store, by U+FFFD, and mark the record."""
    try:
        plain = msgspec.to_builtins(record, builtin_types=(datetime,))
        mended = _mend(plain, _replace_nul)
        if mended == _mend(plain, str):
            return record
    except RecursionError as error:
        raise WrongShapeError("the record is nested too deeply") from error
    mended["marks"] = [*record.marks, Mark.NUL_REPLACED]
    return convert(mended, Record)


def _mend(value: Any, mend: Any) -> Any:
    """Apply `mend` to every string of a JSON value, keys included."""
    if isinstance(value, str):
        return mend(value)
    if isinstance(value, dict):
        return {mend(key): _mend(item, mend) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mend(item, mend) for item in value]
    return value


def _replace_nul(text: str) -> str:
    return text.replace("\0", _REPLACEMENT)
