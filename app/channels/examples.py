"""The texts of a message's examples, redacted whatever the project decided for its storage."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from app.schemas.alerts import AlertExample, AlertMessage
from app.schemas.traces import Trace
from monitoring.models import Record
from monitoring.privacy.redaction import Redaction

__all__ = ["fill_examples"]

logger = logging.getLogger(__name__)

# Texts are cut after redaction, so that no half of a name or number is left.
_READ_CHARACTERS, _SHOWN_CHARACTERS = 2_000, 240
_MASKS = Redaction(mode="mask")


def fill_examples(message: AlertMessage, traces: Sequence[Trace]) -> AlertMessage:
    """Return a message with the masked, shortened texts of its examples.

    Examples whose trace is gone are left out, so what was erased is told to nobody. If redaction
    fails, only ids are left.
    """
    stored = {trace.trace_id: trace for trace in traces}
    kept = [example.trace_id for example in message.examples if example.trace_id in stored]
    try:
        found = _redacted([stored[trace_id] for trace_id in kept])
    except Exception as error:  # noqa: BLE001 after any error, the texts must not leave
        logger.error("examples could not be redacted: %s", type(error).__name__)  # noqa: TRY400 a traceback may quote them
        found = {}
    return replace(message, examples=tuple(_example(trace_id, found.get(trace_id)) for trace_id in kept))


def _redacted(traces: Sequence[Trace]) -> Mapping[UUID, Record]:
    # Only workers that send examples pay for the memory and the loading of the finder.
    from monitoring.privacy.redactor import redact

    texts = [
        Record(prompt=trace.prompt[:_READ_CHARACTERS], response=trace.response[:_READ_CHARACTERS])
        for trace in traces
    ]
    found = redact(texts, _MASKS, lambda kind, _: kind)
    return {
        trace.trace_id: redacted.record
        for trace, redacted in zip(traces, found, strict=True)
        if not redacted.dropped
    }


def _example(trace_id: UUID, record: Record | None) -> AlertExample:
    if record is None:
        return AlertExample(trace_id=trace_id, prompt=None, response=None)
    return AlertExample(trace_id=trace_id, prompt=_shown(record.prompt), response=_shown(record.response))


def _shown(text: str) -> str | None:
    short = " ".join(text[: 4 * _SHOWN_CHARACTERS].split())
    if len(short) > _SHOWN_CHARACTERS:
        short = f"{short[: _SHOWN_CHARACTERS - 1]}…"
    return short or None
