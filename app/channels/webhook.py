"""The body and the signature of a message for a webhook."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Any

import msgspec

from app.channels.notice import Notice

__all__ = ["DELIVERY_HEADER", "SIGNATURE_HEADER", "TIMESTAMP_HEADER", "sign", "write_body", "write_headers"]

TIMESTAMP_HEADER = "X-LLM-Monitor-Timestamp"
SIGNATURE_HEADER = "X-LLM-Monitor-Signature"
DELIVERY_HEADER = "X-LLM-Monitor-Delivery"


def write_body(notice: Notice) -> bytes:
    """Return the message as JSON: every field, with the whole address of its page."""
    fields: dict[str, Any] = msgspec.to_builtins(notice.message)
    del fields["channels"]
    written = {
        "id": str(notice.delivery_id),
        "type": f"alert.{notice.kind}",
        "summary": notice.summary,
        **fields,
        "link": notice.url,
    }
    return msgspec.json.encode(written)


def write_headers(secret: str, notice: Notice, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers by which a receiver recognises a message and knows it to be ours."""
    timestamp = str(int(now.timestamp()))
    return {
        DELIVERY_HEADER: str(notice.delivery_id),
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: f"v1={sign(secret, timestamp, body)}",
    }


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return HMAC-SHA256 over the timestamp, a dot and the body, as hexadecimal digits."""
    return hmac.digest(secret.encode(), timestamp.encode() + b"." + body, "sha256").hex()
