"""Finding the evaluators and running them over a batch so that one failure costs one score."""

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
    """Build every evaluator of `monitoring/evaluators`, of installed entry points and of rules, by name.

    Each module and each entry point offers `build() -> Evaluator`; where a file of rules adds to an evaluator, its
    `build` is called with the additions. Weights are loaded here, not at import. Raises ValueError when two evaluators share a name, RuleError where one of them is a rule's,
    and ValueError naming the package whose entry point cannot be used.
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
    """Build the evaluator of an entry point, or say which package to mend or remove."""
    origin = f"the entry point {entry.name} of {entry.dist.name if entry.dist else 'a package'}"
    try:
        evaluator = entry.load()()
    except Exception as error:
        raise ValueError(
            f"{origin} failed with {type(error).__name__}: {error}; mend or remove it"
        ) from error
    if not isinstance(evaluator, Evaluator):
        raise ValueError(f"{origin} built a {type(evaluator).__name__}, which is no evaluator")  # noqa: TRY004 one kind of refusal
    if not (evaluator.name.isidentifier() and (evaluator.flag is None or evaluator.flag.isidentifier())):
        raise ValueError(f"{origin} names its evaluator or flag with more than letters, digits and _")
    return evaluator


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
        for i, result in zip(wanted, evaluate_by(evaluator, part), strict=True):
            results[i][evaluator.name] = result
    return results


def evaluate_by(evaluator: Evaluator, batch: Prepared) -> list[Result]:
    """Score a batch by one evaluator, halving it where that raises until the culprit is alone, with a Failure."""
    results: list[Result] = []
    parts = Bisection(range(len(batch)))
    for part in parts:
        try:
            results += _scores(evaluator, batch if len(part) == len(batch) else batch.select(part))
        except Exception as error:  # noqa: BLE001 whatever it raised becomes data on the record
            if not parts.halve(part):
                results.append(_failure(evaluator, error))
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
