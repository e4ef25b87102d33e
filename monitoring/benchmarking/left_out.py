"""Figures on sources that nothing was fitted on: no weight, no threshold and no calibration.

Figures on other rows of a fitted source say little about a new source. Therefore each source is
left out in turn, together with the sources that share its texts or templates. The decision rule
comes from the remaining sources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple, Protocol

import msgspec

from monitoring.benchmarking.feeds import FEEDS
from monitoring.benchmarking.measurement import FEWEST_ROWS, Clock, Measurement, measure, summarise
from monitoring.benchmarking.sources import LabelledSource
from monitoring.benchmarking.trivial_rules import apply_rules, describe
from monitoring.evaluator import Evaluator

__all__ = [
    "Headline",
    "LeftOut",
    "Trainer",
    "headline_value",
    "leave_out",
    "relatives",
    "summarise_headlines",
]

# Sources that share texts, templates or documents. If one of them is left out, so are the others.
_FAMILIES: Sequence[frozenset[str]] = (
    frozenset({"hallucination/begin", "hallucination/q2_wow"}),
    frozenset({"hallucination/qags", "hallucination/summeval"}),
    frozenset({"hallucination/qags", "hallucination/defacto_xsum"}),
    frozenset({"toxicity/hatecheck", "toxicity/multilingual_hatecheck"}),
    frozenset({"toxicity/wikipedia_talk", "toxicity/identity_madlibs"}),
    frozenset(
        {
            "prompt_injection/jailbreaks_in_the_wild",
            "prompt_injection/jailbreakbench_artifacts",
            "prompt_injection/jailbreakv",
            "prompt_injection/pypi_small_corpora",
        }
    ),
    frozenset(
        {
            "prompt_injection/benign_instructions",
            "prompt_injection/mitre_frr_multilingual",
        }
    ),
)
_HEADLINES = (
    ("map", "MAP"),
    ("spearman", "Spearman"),
    ("balanced_accuracy", "balanced accuracy"),
    ("auroc", "AUROC"),
    ("recall", "recall"),
    ("false_positive_rate", "false-positive rate"),
)
_LOW_IS_GOOD = frozenset({"false_positive_rate"})

Advance = Callable[[int], None]


class Trainer(Protocol):
    """Fits an evaluator anew; `fitted` names the sources, `task/source`, whose rows it reads."""

    fitted: frozenset[str]

    def fit(self, without: frozenset[str]) -> Evaluator:
        """Return the evaluator fitted on the sources of `fitted`, except those in `without`."""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Figures on one source that was left out, and those of the trivial rules on the same rows.

    `refitted` tells whether the weights were fitted anew without the source. If it is False, the
    shipped weights had never been fitted on it.
    """

    measured: Measurement
    refitted: bool
    rules: dict[str, Measurement]


class Headline(NamedTuple):
    """The worst and the median source of an evaluator by one figure.

    `sources` is the number of sources that have this figure.
    """

    evaluator: str
    figure: str
    sources: int
    worst: str
    worst_value: float
    median: float


def relatives(name: str) -> frozenset[str]:
    """Return a source, named `task/source`, and the sources that share its texts or templates."""
    return frozenset({name}).union(*(family for family in _FAMILIES if name in family))


def leave_out(
    sources: Sequence[LabelledSource],
    shipped: Mapping[str, Evaluator],
    trainers: Mapping[str, Trainer],
    clock: Clock,
    advance: Advance,
) -> Iterator[LeftOut]:
    """Yield the figures of every evaluator of a task on each of its sources in turn.

    `sources` are all sources of one task. `advance` is called with the number of scored rows.
    """
    described = {source.name: describe(source) for source in sources}
    for source in sources:
        name = f"{source.task}/{source.name}"
        without = relatives(name)
        others = [one for key, one in described.items() if f"{source.task}/{key}" not in without]
        rules = {
            rule: summarise(source, rule, judged)
            for rule, judged in apply_rules(described[source.name], others).items()
        }
        for feed in FEEDS[source.task]:
            if not feed.reads(source.name):
                continue
            trainer = trainers.get(feed.evaluator)
            refitted = trainer is not None and bool(trainer.fitted & without)
            evaluator = trainer.fit(without) if trainer and refitted else shipped[feed.evaluator]
            for measured in measure(source, evaluator, feed, clock, advance):
                yield LeftOut(measured=measured, refitted=refitted, rules=rules)


def summarise_headlines(found: Sequence[LeftOut]) -> Iterator[Headline]:
    """Yield the worst and the median source of each evaluator, figure by figure.

    A source counts if it has at least 100 rows and if something is known of them. Recall and
    false-positive rate are those of sources with a single class. For sources with both classes, the
    balanced accuracy already contains them.
    """
    for evaluator in dict.fromkeys(one.measured.evaluator for one in found):
        own = [one.measured for one in found if one.measured.evaluator == evaluator]
        for figure, title in _HEADLINES:
            values = {
                one.source: value
                for one in own
                if one.n >= FEWEST_ROWS and (value := headline_value(one, figure)) is not None
            }
            if values:
                worst = (max if figure in _LOW_IS_GOOD else min)(values, key=values.__getitem__)
                yield Headline(
                    evaluator, title, len(values), worst, values[worst], float(median(values.values()))
                )


def headline_value(measured: Measurement, figure: str) -> float | None:
    """Return a figure if it sums the source up, and None if it does not."""
    one_class = measured.positives in {0, measured.n}
    if figure in {"recall", "false_positive_rate"} and not one_class:
        return None
    value: float | None = getattr(measured, figure)
    return value
