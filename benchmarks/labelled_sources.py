"""What a page of figures is made of: labelled rows that were not fitted on, and what evaluators say of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import UnsetType
from numpy.typing import NDArray

from monitoring.benchmarking.entity_types import EntityCount
from monitoring.benchmarking.feeds import Row, to_fed_record
from monitoring.benchmarking.fitting import hold_out
from monitoring.benchmarking.measurement import BATCH, Measurement
from monitoring.benchmarking.sources import LabelledSource, read_rows
from monitoring.evaluation import find_evaluators
from monitoring.evaluator import Evaluator
from monitoring.models import Record
from monitoring.text.prepared import Prepared

__all__ = ["LabelledSources"]


class LabelledSources:
    """Labelled rows that were not fitted on, and the values that evaluators give them."""

    def __init__(self, data: Path, measured: Sequence[Measurement]) -> None:
        self._data = data
        self._measured = {(f"{one.task}/{one.source}", one.evaluator): one for one in measured}
        self._evaluators: Mapping[str, Evaluator] = {one.name: one for one in find_evaluators()}

    def printed(self, source: str, evaluator: str) -> Measurement:
        """Return what the benchmark printed."""
        return self._measured[source, evaluator]

    def by_entity(self, source: str) -> Mapping[str, EntityCount]:
        """Return what the benchmark counted for each type of personal data."""
        counted = self.printed(source, "pii").by_entity
        return {} if isinstance(counted, UnsetType) else counted

    def rows(self, name: str, evaluator: str, *, held: bool = True) -> Sequence[Row]:
        """Return the rows of `task/source`, without those the evaluator was fitted on where `held`."""
        task, source = name.split("/")
        found = LabelledSource(task, source, read_rows(self._data / f"{name}.jsonl.gz"))
        return hold_out(evaluator, found).rows if held else found.rows

    def values(self, evaluator: str, records: Sequence[Record]) -> NDArray[np.float64]:
        """Return the value of each record, 0 where nothing is known."""
        found = [
            score.value or 0.0
            for first in range(0, len(records), BATCH)
            for score in self._evaluators[evaluator].evaluate(Prepared(records[first : first + BATCH]))
        ]
        return np.array(found)

    def flagged(self, evaluator: str, records: Sequence[Record]) -> float:
        """Return the share of records at or above the shipped threshold."""
        return float(np.mean(self.values(evaluator, records) >= (self._evaluators[evaluator].threshold or 0)))

    def flagged_rows(self, name: str, evaluator: str, keep: Callable[[Row], bool]) -> float:
        """Return the share of the kept rows of a source that is flagged."""
        task, source = name.split("/")
        rows = [row for row in self.rows(name, evaluator) if keep(row)]
        if evaluator == "toxicity":
            return self.flagged(evaluator, [Record(prompt="", response=row["prompt"]) for row in rows])
        return self.flagged(evaluator, [to_fed_record(task, source, row) for row in rows])
