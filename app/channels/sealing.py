"""Encryption of the targets of channels, whose addresses, keys and passwords must be usable."""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from app.errors import Conflict
from app.schemas.channels import Target

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["OpenError", "Sealing"]

_NONCE_BYTES = 12
_PURPOSE = b"alert channel"


class OpenError(Exception):
    """A target cannot be decrypted with the key of this process."""


class Sealing:
    """Encrypts targets with AES-256-GCM, under a key of each channel.

    `key` is the installation's secret, LLM_MONITOR_PRIVACY_KEY. Project and channel are
    authenticated too, so a stored target is of no use for another channel.
    """

    def __init__(self, key: str | None) -> None:
        self._key = hmac.digest(key.encode(), _PURPOSE, "sha256") if key else None

    def seal(self, project_id: str, channel_id: UUID, target: Target) -> bytes:
        """Return the encrypted target; raises Conflict where the installation has no key."""
        if self._key is None:
            raise Conflict(
                "A channel holds secrets, which are stored encrypted. This needs LLM_MONITOR_PRIVACY_KEY, "
                "which is not set: set it for API and workers, start them again, then make the channel. "
                "Nothing was changed."
            )
        nonce = os.urandom(_NONCE_BYTES)
        content = msgspec.json.encode(target)
        return nonce + _cipher(self._key, channel_id).encrypt(nonce, content, project_id.encode())

    def open(self, project_id: str, channel_id: UUID, sealed: bytes) -> Target:
        """Return the target; raises OpenError, which says what to do."""
        if self._key is None:
            raise OpenError("The workers lack LLM_MONITOR_PRIVACY_KEY, with which the channel is encrypted.")
        from cryptography.exceptions import InvalidTag

        nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            plain = _cipher(self._key, channel_id).decrypt(nonce, content, project_id.encode())
        except (InvalidTag, ValueError) as error:
            raise OpenError(
                "The channel is encrypted with another LLM_MONITOR_PRIVACY_KEY: set that one, or enter the "
                "target again."
            ) from error
        target: Target = msgspec.json.decode(plain, type=Target)
        return target


def _cipher(key: bytes, channel_id: UUID) -> AESGCM:
    # A key of each channel makes random nonces safe, however many channels there are.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(hmac.digest(key, channel_id.bytes, "sha256"))
