"""How a job is written into Redis and read back: as msgpack, whatever was found there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from app.queue.names import EVALUATE

__all__ = ["Payload", "deserialize", "serialize"]


class Payload(bytes):
    """Encoded bytes whose repr is short, because arq writes the repr of every argument to its log."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


def serialize(job: Mapping[str, Any]) -> bytes:
    """Encode arq's job mapping as msgpack."""
    return msgspec.msgpack.encode(job)


def deserialize(data: bytes) -> dict[str, Any]:
    """Decode arq's job mapping; never raises, because arq would drop the job without telling us.

    What cannot be read, or calls anything but `evaluate(payload)`, becomes a job of ours whose payload is
    these bytes: it ends among the dead letters.
    """
    try:
        (payload,) = (job := msgspec.msgpack.decode(data, type=dict[str, Any]))["a"]
        called_rightly = job["f"] == EVALUATE and job["k"] == {} and isinstance(payload, bytes)
        if called_rightly and isinstance(job["et"], int):
            return {**job, "t": job.get("t"), "a": (Payload(payload),)}
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
        pass
    return {"t": None, "f": EVALUATE, "a": (Payload(data),), "k": {}, "et": 0}
