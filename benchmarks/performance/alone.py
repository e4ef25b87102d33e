"""The CPU time of scoring one record by itself, beside what it costs in a batch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from benchmarks.performance.figure import Figure
from benchmarks.performance.traffic import make_envelopes
from monitoring.evaluation import evaluate, find_evaluators
from monitoring.evaluator import Evaluator
from monitoring.models import Record

__all__ = ["measure_alone"]

BATCH, ALONE = 256, 64
ROUNDS = 12


def measure_alone(lines: Sequence[bytes]) -> list[Figure]:
    """Score records one by one and as one batch, in turn.

    The quickest round of each record counts, and so does that of the batch. The value is that of
    the median record. A wait for scores begins with it, since a record that somebody waits for is
    rarely in company.
    """
    evaluators = find_evaluators()
    records = [envelope.record for envelope in make_envelopes(lines[:BATCH])]
    alone = [float("inf")] * min(ALONE, len(records))
    batch = float("inf")
    for _ in range(ROUNDS):
        for number in range(len(alone)):
            alone[number] = min(alone[number], _time(records[number : number + 1], evaluators))
        batch = min(batch, _time(records, evaluators) / len(records))
    return [
        Figure(
            name="CPU of scoring one record alone",
            value=statistics.median(alone),
            unit="us",
            yardstick=batch,
            yardstick_name=f"in a batch of {len(records)}",
        )
    ]


def _time(records: Sequence[Record], evaluators: Sequence[Evaluator]) -> float:
    begun = time.process_time_ns()
    evaluate(records, evaluators)
    return (time.process_time_ns() - begun) / 1000
