"""What the payload of a job holds, and dead letters for what of it has to be given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from app.queue import JobName
from app.schemas.dead_letters import DeadReason
from app.schemas.ids import mint
from app.schemas.queued import Envelope, decode_batch, decode_envelope, encode
from app.storage.ledger.dead_letters import DeadLetter

__all__ = ["Opened", "letter_of", "open_payload"]

_DETAIL_CHARACTERS = 2000


class Opened(NamedTuple):
    """The envelopes of a job, letters for those that cannot be read, and how many records no letter stands for."""

    envelopes: Sequence[Envelope]
    unreadable: Sequence[DeadLetter]
    reply_to: str | None = None
    unread: int = 0


def open_payload(name: JobName, payload: bytes, now_ms: int) -> Opened:
    """Decode the payload of a job; what cannot be decoded becomes a dead letter of the Unix time `now_ms`."""
    try:
        batch = decode_batch(payload)
    except msgspec.MsgspecError as error:
        letter = _unreadable(name, bytes(payload), str(error), now_ms)
        return Opened([], [letter], unread=name.records - 1)
    envelopes, unreadable = [], []
    for raw in batch.envelopes:
        try:
            envelopes.append(decode_envelope(raw))
        except msgspec.MsgspecError as error:
            unreadable.append(_unreadable(name, bytes(raw), str(error), now_ms))
    return Opened(envelopes, unreadable, batch.reply_to)


def letter_of(name: JobName, envelope: Envelope, reason: str, detail: str, attempts: int = 1) -> DeadLetter:
    """Return the dead letter of a record that is given up, with why and after how many attempts."""
    return DeadLetter(
        project_id=envelope.project_id,
        trace_id=envelope.trace_id,
        job_id=str(name),
        reason=reason,
        detail=detail.replace("\0", "\ufffd")[:_DETAIL_CHARACTERS],
        attempts=attempts,
        payload=encode(envelope),
        user_id=envelope.record.user_id,
    )


def _unreadable(name: JobName, payload: bytes, detail: str, now_ms: int) -> DeadLetter:
    return DeadLetter(
        project_id=name.project_id,
        trace_id=mint(now_ms),
        job_id=str(name),
        reason=DeadReason.UNREADABLE,
        detail=detail,
        attempts=1,
        payload=payload,
    )
