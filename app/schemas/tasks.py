"""The state of background tasks, as processes tell it."""

from __future__ import annotations

import msgspec

__all__ = ["TaskState", "decode_states", "encode_states"]

# A server that is away is seen elsewhere too, and a single missed turn is nothing.
_FAILURES_BY_OUTAGE = 3


class TaskState(msgspec.Struct, frozen=True):
    """How one task of one process does.

    `failures` counts those in a row, `failed` all of them since the process began; `error` is the kind of the
    last one and `outage` tells whether it said that Postgres or Redis was away. `succeeded_at` is in Unix
    seconds. Without an `essential` task the process can accept nothing.
    """

    task: str
    failures: int = 0
    failed: int = 0
    succeeded_at: float | None = None
    error: str | None = None
    outage: bool = False
    essential: bool = False

    @property
    def failing(self) -> bool:
        """Whether the last turn failed, or the last three where a server was away."""
        return self.failures >= (_FAILURES_BY_OUTAGE if self.outage else 1)


encode_states = msgspec.msgpack.Encoder().encode
decode_states = msgspec.msgpack.Decoder(tuple[TaskState, ...]).decode
