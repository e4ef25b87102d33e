"""Finding the evaluators and running them over a batch so that one failure costs one score."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import entry_points

from monitoring import evaluators as package
from monitoring.evaluator import Evaluator
from monitoring.models import Failure, Record, Result
from monitoring.prepared import Prepared

__all__ = ["ENTRY_POINT_GROUP", "evaluate", "find_evaluators"]

ENTRY_POINT_GROUP = "llm_monitor.evaluators"
_MESSAGE_LIMIT = 300


def find_evaluators() -> tuple[Evaluator, ...]:
    """Build every evaluator of `monitoring/evaluators` and of installed entry points, by name.

    Each module and each entry point offers `build() -> Evaluator`. Weights are loaded here, not at
    import. Raises ValueError when two evaluators share a name.
    """
    built: dict[str, Evaluator] = {}
    builders = [
        importlib.import_module(f"{package.__name__}.{info.name}").build
        for info in pkgutil.iter_modules(package.__path__)
    ]
    builders += [entry.load() for entry in entry_points(group=ENTRY_POINT_GROUP)]
    for build in builders:
        evaluator = build()
        if evaluator.name in built:
            msg = f"two evaluators are called {evaluator.name!r}"
            raise ValueError(msg)
        built[evaluator.name] = evaluator
    return tuple(built[name] for name in sorted(built))


def evaluate(records: Sequence[Record], evaluators: Iterable[Evaluator]) -> tuple[Mapping[str, Result], ...]:
    """Score every record with every evaluator that it does not switch off.

    Returns one mapping per record from evaluator name to its Score, or to a Failure where the evaluator
    raised on that record; an evaluator in `record.skip` is absent from the mapping.
    """
    batch = Prepared(records)
    results: tuple[dict[str, Result], ...] = tuple({} for _ in records)
    for evaluator in evaluators:
        wanted = [i for i, record in enumerate(records) if evaluator.name not in record.skip]
        part = batch if len(wanted) == len(records) else batch.select(wanted)
        for i, result in zip(wanted, _run(evaluator, part), strict=True):
            results[i][evaluator.name] = result
    return results


def _run(evaluator: Evaluator, batch: Prepared) -> list[Result]:
    """Run one evaluator, halving a batch on which it raises until the culprit is alone."""
    if not len(batch):
        return []
    try:
        scores: list[Result] = list(evaluator.evaluate(batch))
        if len(scores) != len(batch):
            msg = f"{len(scores)} scores for {len(batch)} records"
            raise ValueError(msg)  # noqa: TRY301 treated like any other fault of the evaluator
    except Exception as error:  # noqa: BLE001 whatever it raised becomes data on the record
        if len(batch) > 1:
            middle = len(batch) // 2
            return _run(evaluator, batch.select(range(middle))) + _run(
                evaluator, batch.select(range(middle, len(batch)))
            )
        return [
            Failure(
                evaluator=evaluator.name,
                version=evaluator.version,
                error=type(error).__name__,
                message=str(error)[:_MESSAGE_LIMIT],
            )
        ]
    return scores
