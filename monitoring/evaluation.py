"""Finding the evaluators, and running them over a batch so that one failure costs one score."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points

from monitoring import evaluators as package
from monitoring.bisection import Bisection
from monitoring.evaluator import Evaluator
from monitoring.models import Failure, Record, Result, Score
from monitoring.rules.evaluators import build_evaluators
from monitoring.rules.rule import RuleError, Rules
from monitoring.text.prepared import Prepared

__all__ = ["ENTRY_POINT_GROUP", "evaluate", "evaluate_by", "find_evaluators"]

ENTRY_POINT_GROUP = "llm_monitor.evaluators"
_MESSAGE_LIMIT = 300
_NO_RULES = Rules()


def find_evaluators(rules: Rules = _NO_RULES) -> tuple[Evaluator, ...]:
    """Build all evaluators, by name: built-in ones, installed entry points, and those of `rules`.

    Each module of `monitoring/evaluators` and each entry point offers `build() -> Evaluator`. If
    the rules add to an evaluator, its `build` is called with the additions. Weights are loaded here
    and not at import. Raises ValueError if two evaluators share a name, and RuleError if a rule is
    one of the two. Raises ValueError with the name of the package if its entry point cannot be
    used.
    """
    built: dict[str, Evaluator] = {}
    for info in pkgutil.iter_modules(package.__path__):
        build = importlib.import_module(f"{package.__name__}.{info.name}").build
        added = rules.additions.get(info.name)
        _add(built, build() if added is None else build(added))
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        _add(built, _load(entry))
    for rule in rules.rules:
        if rule.name in built:
            raise RuleError(rule.line, f"an evaluator is already called {rule.name}: choose another name")
    for evaluator in build_evaluators(rules.rules):
        _add(built, evaluator)
    return tuple(built[name] for name in sorted(built))


def _add(built: dict[str, Evaluator], evaluator: Evaluator) -> None:
    if evaluator.name in built:
        raise ValueError(
            f"two evaluators are called {evaluator.name}: remove or rename one of their packages"
        )
    built[evaluator.name] = evaluator


def _load(entry: EntryPoint) -> Evaluator:
    """Build the evaluator of an entry point, or raise an error that names its package."""
    origin = f"the entry point {entry.name} of {entry.dist.name if entry.dist else 'a package'}"
    try:
        evaluator = entry.load()()
    except Exception as error:
        raise ValueError(
            f"{origin} failed with {type(error).__name__}: {error}; repair or remove it"
        ) from error
    if not isinstance(evaluator, Evaluator):
        raise ValueError(f"{origin} built a {type(evaluator).__name__}, which is no evaluator")  # noqa: TRY004 all refusals are ValueErrors
    if not (evaluator.name.isidentifier() and (evaluator.flag is None or evaluator.flag.isidentifier())):
        raise ValueError(f"{origin} names its evaluator or flag with more than letters, digits and _")
    return evaluator


def evaluate(records: Sequence[Record], evaluators: Iterable[Evaluator]) -> tuple[Mapping[str, Result], ...]:
    """Score every record with every evaluator that the record does not skip.

    Returns one mapping per record, from evaluator name to a Score, or to a Failure if the evaluator
    raised an error for this record. Evaluators in `record.skip` are not in the mapping.
    """
    batch = Prepared(records)
    results: tuple[dict[str, Result], ...] = tuple({} for _ in records)
    every, skipping = range(len(records)), any(record.skip for record in records)
    for evaluator in evaluators:
        name = evaluator.name
        wanted = [i for i, record in enumerate(records) if name not in record.skip] if skipping else every
        part = batch if len(wanted) == len(records) else batch.select(wanted)
        for i, result in zip(wanted, evaluate_by(evaluator, part), strict=True):
            results[i][name] = result
    return results


def evaluate_by(evaluator: Evaluator, batch: Prepared) -> list[Result]:
    """Score a batch by one evaluator; halving finds the records that get a Failure."""
    try:
        return [*_scores(evaluator, batch)] if len(batch) else []
    except Exception as error:  # noqa: BLE001 any error of an evaluator becomes a Failure
        return _halve(evaluator, batch, error)


def _halve(evaluator: Evaluator, batch: Prepared, error: Exception) -> list[Result]:
    """Score a batch that failed with an error in ever smaller parts."""
    parts = Bisection(range(len(batch)))
    if not parts.halve(next(iter(parts))):
        return [_failure(evaluator, error)]
    results: list[Result] = []
    for part in parts:
        try:
            results += _scores(evaluator, batch.select(part))
        except Exception as failed:  # noqa: BLE001 as above
            if not parts.halve(part):
                results.append(_failure(evaluator, failed))
    return results


def _scores(evaluator: Evaluator, batch: Prepared) -> list[Score]:
    scores = list(evaluator.evaluate(batch))
    if len(scores) != len(batch):
        raise ValueError(f"{len(scores)} scores for {len(batch)} records")
    return scores


def _failure(evaluator: Evaluator, error: Exception) -> Failure:
    return Failure(
        evaluator=evaluator.name,
        version=evaluator.version,
        error=type(error).__name__,
        message=str(error)[:_MESSAGE_LIMIT],
    )
