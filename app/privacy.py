"""What redaction needs from this installation: its secret key, for pseudonyms and sealed texts."""

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

UNREDACTABLE = "it could not be searched for personal data"
_RETRY_SECONDS = 30
_NONCE_BYTES = 12
# 64 bits: with a thousand million values, three of a hundred installations would have two equal
# ones.
_PSEUDONYM_BYTES = 8
# Only letters are used, because sixteen digits would look like a payment card.
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


class SealError(Exception):
    """A sealed record cannot be opened with the key of this process."""


class Protected(NamedTuple):
    """A record in the form for the queue: redacted, with its original pii score or sealed."""

    record: Record
    pii: Score | None = None
    sealed: bytes | None = None


class Privacy:
    """Redacts incoming records, and opens sealed ones. It is safe to share between threads.

    `key` is the installation's secret; all its processes need the same one.
    """

    def __init__(self, key: str | None) -> None:
        self._naming = _derive(key, b"pseudonym") if key else None
        self._sealing = _derive(key, b"seal") if key else None

    def allow(self, redaction: Redaction) -> None:
        """Raise Conflict for a redaction that this installation cannot do."""
        if self._lacks_key(redaction):
            raise Conflict(
                "To hash or drop personal data needs LLM_MONITOR_PRIVACY_KEY, which is not set: set it for API "
                "and workers, start them again, then decide. Nothing was changed.",
                errors=[{"field": "redaction", "message": "hash and drop need LLM_MONITOR_PRIVACY_KEY"}],
            )

    def require(self, redaction: Redaction) -> None:
        """Raise Unavailable when the redaction needs a key that this process does not have."""
        if self._lacks_key(redaction):
            raise Unavailable(
                "This project hashes or drops personal data, which needs LLM_MONITOR_PRIVACY_KEY; "
                "nothing was accepted. Set it for API and workers.",
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
        """Redact records by trace id, in time linear in their text.

        `searched` holds the same records if the pii evaluator has seen them. A record that cannot
        be redacted is absent from the result. It is logged only with the type of the error, because
        its message might quote the text.
        """
        protected: dict[UUID, Protected] = {}
        parts = Bisection(list(records))
        for part in parts:
            whole = len(part) == len(records)
            chosen = records if whole else {trace_id: records[trace_id] for trace_id in part}
            try:
                protected |= self._protect(project_id, redaction, chosen, searched if whole else None)
            except Exception as error:  # noqa: BLE001 after any error, the text must not pass
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
        # Only installations that redact pay for the memory and the loading of the finder.
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
        """Return an opinion in the form for storage.

        Raises InvalidRecord when it cannot be redacted.
        """
        written = Record(
            prompt=opinion.comment or "", response="", user_id=opinion.user_id, tags=opinion.categories
        )
        found = self.protect(project_id, redaction, {opinion.trace_id: written}).get(opinion.trace_id)
        if found is None:
            raise InvalidRecord(f"The feedback was refused: {UNREDACTABLE}.")
        return msgspec.structs.replace(
            opinion,
            comment=found.record.prompt or None,
            user_id=found.record.user_id,
            categories=found.record.tags,
        )

    def redact_comment(
        self, project_id: str, redaction: Redaction, trace_id: UUID, comment: str
    ) -> str | None:
        """Return a comment about a trace in the form for storage; raises InvalidRecord."""
        written = {trace_id: Record(prompt=comment, response="")}
        found = self.protect(project_id, redaction, written).get(trace_id)
        if found is None:
            raise InvalidRecord(f"The comment was refused: {UNREDACTABLE}.")
        return found.record.prompt or None

    def stored_forms(self, project_id: str, kind: OwnId, value: str) -> tuple[str, ...]:
        """Return every form under which the id of a user or session may be stored.

        These are the id itself and its pseudonym. A masked id has no form of its own, because
        `[EMAIL_ADDRESS]` stands for everybody's.
        """
        if self._naming is None:
            return (value,)
        return value, f"[{kind}:{self._name(project_id, kind, value)}]"

    def open(self, envelope: Envelope) -> Record:
        """Return the original of a record, unsealed if it was sealed; raises SealError."""
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
    """Return the key for one purpose, so that a leak of one reveals nothing about another."""
    return hmac.digest(key.encode(), purpose, "sha256")


def _cipher(sealing: bytes, trace_id: UUID) -> AESGCM:
    """Return AES-256-GCM with a key for this record only, so that random nonces are safe."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(hmac.digest(sealing, trace_id.bytes, "sha256"))
