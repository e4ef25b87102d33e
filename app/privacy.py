"""What redaction needs of this installation: its secret key, for pseudonyms and for sealed texts."""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import msgspec

from app.errors import Conflict, InvalidRecord, Unavailable
from app.schemas.feedback import Feedback
from app.schemas.queued import Envelope, decode_record, encode
from monitoring.bisection import Bisection
from monitoring.models import Record, Score
from monitoring.privacy.redaction import OwnId, Redaction

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from monitoring.text.prepared import Prepared

__all__ = ["UNREDACTABLE", "Privacy", "Protected", "SealError"]

logger = logging.getLogger(__name__)

UNREDACTABLE = "personal data in it could not be looked for"
_RETRY_SECONDS = 30
_NONCE_BYTES = 12
# 64 bits: of a thousand million values, three in a hundred installations would see two alike.
_PSEUDONYM_BYTES = 8
# Letters alone, because sixteen digits would look like a payment card.
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


class SealError(Exception):
    """A sealed record cannot be opened with the key of this process."""


class Protected(NamedTuple):
    """A record as it may be queued: redacted, with the original's pii score or the sealed original."""

    record: Record
    pii: Score | None = None
    sealed: bytes | None = None


class Privacy:
    """Redacts what comes in, and opens what was sealed. Safe to share between threads.

    `key` is the installation's secret; every process of it needs the same one.
    """

    def __init__(self, key: str | None) -> None:
        self._naming = _derive(key, b"pseudonym") if key else None
        self._sealing = _derive(key, b"seal") if key else None

    def allow(self, redaction: Redaction) -> None:
        """Raise Conflict when a project is about to decide on what this installation cannot do."""
        if self._lacks_key(redaction):
            raise Conflict(
                "To hash or drop personal data needs LLM_MONITOR_PRIVACY_KEY, which is not set: set it for API "
                "and workers, start them again, then decide. Nothing was changed.",
                errors=[{"field": "redaction", "message": "hash and drop need LLM_MONITOR_PRIVACY_KEY"}],
            )

    def require(self, redaction: Redaction) -> None:
        """Raise Unavailable when the redaction asks for a key that this process does not have."""
        if self._lacks_key(redaction):
            raise Unavailable(
                "This project hashes or drops personal data, which needs LLM_MONITOR_PRIVACY_KEY; "
                "nothing was taken, set it for API and workers.",
                retry_after=_RETRY_SECONDS,
            )

    def _lacks_key(self, redaction: Redaction) -> bool:
        return redaction.needs_key and self._naming is None

    def protect(
        self,
        project_id: str,
        redaction: Redaction,
        records: Mapping[UUID, Record],
        searched: Prepared | None = None,
    ) -> dict[UUID, Protected]:
        """Redact records by trace id, in time linear in their text; one that cannot be redacted is absent.

        `searched` holds the same records where the pii evaluator has seen them. What is absent is
        logged by the type of the error alone, whose message might quote it.
        """
        protected: dict[UUID, Protected] = {}
        parts = Bisection(list(records))
        for part in parts:
            whole = len(part) == len(records)
            chosen = records if whole else {trace_id: records[trace_id] for trace_id in part}
            try:
                protected |= self._protect(project_id, redaction, chosen, searched if whole else None)
            except Exception as error:  # noqa: BLE001 whatever it was, the text must not pass
                if not parts.halve(part):
                    logger.error("a record could not be redacted: %s", type(error).__name__)  # noqa: TRY400 a traceback may quote it
        return protected

    def _protect(
        self,
        project_id: str,
        redaction: Redaction,
        records: Mapping[UUID, Record],
        searched: Prepared | None,
    ) -> dict[UUID, Protected]:
        # Only installations that redact pay for the finder's memory and its loading.
        from monitoring.privacy.redactor import redact

        texts = list(records.values())
        found = redact(texts, redaction, lambda *value: self._name(project_id, *value), searched)
        return {
            trace_id: Protected(
                redacted.record,
                redacted.pii,
                self._seal(project_id, trace_id, record) if redacted.dropped else None,
            )
            for (trace_id, record), redacted in zip(records.items(), found, strict=True)
        }

    def redact_feedback(self, project_id: str, redaction: Redaction, opinion: Feedback) -> Feedback:
        """Return an opinion as it may be stored; raises InvalidRecord when it cannot be redacted."""
        written = Record(
            prompt=opinion.comment or "", response="", user_id=opinion.user_id, tags=opinion.categories
        )
        found = self.protect(project_id, redaction, {opinion.trace_id: written}).get(opinion.trace_id)
        if found is None:
            raise InvalidRecord(f"The opinion was not taken: {UNREDACTABLE}.")
        return msgspec.structs.replace(
            opinion,
            comment=found.record.prompt or None,
            user_id=found.record.user_id,
            categories=found.record.tags,
        )

    def stored_forms(self, project_id: str, kind: OwnId, value: str) -> tuple[str, ...]:
        """Return every form under which a user's or session's id may be stored: itself, and its pseudonym.

        A masked id has no form of its own: `[EMAIL_ADDRESS]` is everybody's.
        """
        if self._naming is None:
            return (value,)
        return value, f"[{kind}:{self._name(project_id, kind, value)}]"

    def open(self, envelope: Envelope) -> Record:
        """Return the original of a record, unsealed where it was sealed; raises SealError."""
        if envelope.sealed is None:
            return envelope.record
        if self._sealing is None:
            raise SealError("set LLM_MONITOR_PRIVACY_KEY for the workers, then replay this record")
        from cryptography.exceptions import InvalidTag

        nonce, content = envelope.sealed[:_NONCE_BYTES], envelope.sealed[_NONCE_BYTES:]
        try:
            plain = _cipher(self._sealing, envelope.trace_id).decrypt(
                nonce, content, envelope.project_id.encode()
            )
        except (InvalidTag, ValueError) as error:
            raise SealError(
                "it was sealed with another LLM_MONITOR_PRIVACY_KEY; set that one for the workers, "
                "then replay this record"
            ) from error
        return decode_record(plain)

    def _seal(self, project_id: str, trace_id: UUID, record: Record) -> bytes:
        if self._sealing is None:
            raise SealError("no key")
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + _cipher(self._sealing, trace_id).encrypt(nonce, encode(record), project_id.encode())

    def _name(self, project_id: str, kind: str, value: str) -> str:
        """Return the pseudonym of a value: sixteen letters that differ from project to project."""
        if self._naming is None:
            raise SealError("no key")
        message = f"{project_id}\0{kind}\0{value}".encode("utf-8", "replace")
        return hmac.digest(self._naming, message, "sha256")[:_PSEUDONYM_BYTES].hex().translate(_LETTERS)


def _derive(key: str, purpose: bytes) -> bytes:
    """Return the key of one purpose, so that what leaks of one says nothing about the other."""
    return hmac.digest(key.encode(), purpose, "sha256")


def _cipher(sealing: bytes, trace_id: UUID) -> AESGCM:
    """Return AES-256-GCM under a key of this record's own, so that random nonces need no bookkeeping."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(hmac.digest(sealing, trace_id.bytes, "sha256"))
