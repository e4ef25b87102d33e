"""Measurements of a machine and its servers."""

from __future__ import annotations

import msgspec

__all__ = ["Figures"]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures per record of one size, measured on this machine beside its other work.

    Seconds are those of one core. `write_rate` and `queue_rate` are records per second of one
    Postgres and of one Redis with several clients at once, including commits and fsync.
    """

    record_bytes: int
    cores: int
    score_seconds: float
    store_seconds: float
    queue_rate: float
    write_rate: float
    redis_bytes: float
    trace_bytes: float
    rollup_row_bytes: float

    @property
    def worker_rate(self) -> float:
        """Records per second of one worker process that has a core to itself."""
        return 1.0 / (self.score_seconds + self.store_seconds)
