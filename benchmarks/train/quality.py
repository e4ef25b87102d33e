"""Fits what each fault costs an answer.

    PYTHONPATH=. python benchmarks/train/quality.py DATA

It writes `monitoring/weights/quality.npz`. These are the costs that `monitoring/overall_quality.py`
subtracts from the helpfulness of an answer. No cost is negative. The costs are those that best
predict a choice between two answers:

- People chose between two real answers (the sources of `helpfulness.py`). Their helpfulness comes
  from a model that did not see them. They keep the costs of wrong findings in good answers low.
- Answers of arena55k are compared with copies made worse (`benchmarks/nonanswers.py`,
  `benchmarks/degeneration.py`). Two in a hundred copies are assumed to be preferred all the same.
- Answers that people found supported by a context are compared with answers that they did not:
  faithdial_audit, attrib_expertqa, attrib_gensearch, summeval (MIT), attrib_hagrid (Apache-2.0).
  The same share is assumed for them.

Run it again whenever one of the evaluators that it combines has changed.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import degeneration, nonanswers
from benchmarks.train.helpfulness import (
    BATCH,
    ORDINARY,
    SOURCES,
    Described,
    calibrate,
    cross_fit,
    describe,
    leave_out,
    read_answers,
    to_chances,
    to_odds,
)
from monitoring.benchmarking.feeds import to_record
from monitoring.benchmarking.sources import read_rows
from monitoring.evaluation import evaluate, find_evaluators
from monitoring.models import Record, Score
from monitoring.overall_quality import FAULTS, LEAST, PARTS, measure_faults

DAMAGE = ("noise", "gibberish")
GROUNDED = ("faithdial_audit", "attrib_hagrid", "attrib_expertqa", "attrib_gensearch", "summeval")
MADE = 600
# Judgement, 2026-11-30: this share of people who choose between an answer and a copy made worse is
# assumed to choose the copy.
UNLIKELY = 0.02
# The made pairs of one kind together have the weight of so many choices of people.
MADE_WEIGHT, PENALTY = 100.0, 1.0

Floats = NDArray[np.float64]
Scores = Mapping[str, Score]


class Choices(NamedTuple):
    """Pairs of answers: the faults of the better one minus those of the other.

    The helpfulness is a difference of the same kind.
    """

    faults: Floats
    helpfulness: Floats
    weights: Floats


def score_records(records: Sequence[Record]) -> list[Scores]:
    """Return the scores with a value of the evaluators that take part, by name."""
    taking_part = [one for one in find_evaluators() if one.name in PARTS | {"toxicity", "prompt_injection"}]
    return [
        {name: score for name, score in found.items() if isinstance(score, Score) and score.value is not None}
        for first in range(0, len(records), BATCH)
        for found in evaluate(records[first : first + BATCH], taking_part)
    ]


def tabulate(scores: Sequence[Scores]) -> Floats:
    """Return how strongly each fault is present, one row per record."""
    measured = [measure_faults(one) for one in scores]
    return np.array([[one.get(fault, 0.0) for fault in FAULTS] for one in measured])


def helpfulness_of(scores: Sequence[Scores]) -> Floats:
    """Return the log-odds of helpfulness, or 0 if it is unknown."""
    values = [one["helpfulness"].value if "helpfulness" in one else 0.5 for one in scores]
    return to_odds(np.array(values), LEAST)


class Judged(NamedTuple):
    """A source of people's choices: its rows, their faults, and their helpfulness.

    The helpfulness comes from a model that did not see the source.
    """

    source: Described
    faults: Floats
    helpfulness: Floats

    def choices(self) -> Choices:
        """Return the pairs."""
        first, second = self.source.pairs.T
        return Choices(
            self.faults[first] - self.faults[second],
            self.helpfulness[first] - self.helpfulness[second],
            np.ones(len(first)),
        )


def people(data: Path) -> dict[str, Judged]:
    """Return the sources of people's choices, each judged by models fitted on the others."""
    sources = {name: describe(read_rows(data / "quality" / f"{name}.jsonl.gz")) for name in SOURCES}
    odds = {name: leave_out(sources, name) for name in SOURCES if name != ORDINARY}
    odds[ORDINARY] = cross_fit(sources)
    slope = calibrate(odds, sources)
    judged = {}
    for name, source in sources.items():
        rows = [Record(prompt=row["prompt"] or "", response=row["response"] or "") for row in source.rows]
        judged[name] = Judged(source, tabulate(score_records(rows)), slope * odds[name])
    return judged


def made(data: Path) -> Iterator[tuple[str, Choices]]:
    """Yield answers of the ordinary source and copies made worse as pairs, by kind."""
    rows, others = read_answers(read_rows(data / "quality" / f"{ORDINARY}.jsonl.gz"))
    rows = random.Random(2026).sample(rows, MADE)  # noqa: S311 a reproducible choice
    real = score_records([Record(prompt=row["prompt"], response=row["response"]) for row in rows])
    for kind in (*nonanswers.KINDS, *DAMAGE):
        copies = [
            degeneration.degrade(row["response"], kind, row["id"])
            if kind in DAMAGE
            else nonanswers.make(kind, row["prompt"], row["response"], row["id"], others)
            for row in rows
        ]
        changed = [at for at, row in enumerate(rows) if copies[at] != row["response"]]
        worse = score_records([Record(prompt=rows[at]["prompt"], response=copies[at]) for at in changed])
        yield kind, _compare([real[at] for at in changed], worse)


def grounded(data: Path, chance: random.Random) -> Iterator[tuple[str, Choices]]:
    """Yield pairs of answers of a source: people found one supported, and not the other."""
    for name in GROUNDED:
        rows = read_rows(data / "hallucination" / f"{name}.jsonl.gz")
        scores = score_records([to_record(row) for row in rows])
        labels = np.array([row["label"] for row in rows])
        supported, unsupported = ([scores[at] for at in np.flatnonzero(labels == label)] for label in (0, 1))
        count = min(MADE, len(supported), len(unsupported))
        yield name, _compare(chance.sample(supported, count), chance.sample(unsupported, count))


def fit(chosen: Mapping[str, Judged], worse: Mapping[str, Choices], without: str | None = None) -> Floats:
    """Return the cost of each fault, fitted on all sources of people's choices except one."""
    people_chose = [one.choices() for name, one in chosen.items() if name != without]
    parts = [*((one, 0.0) for one in people_chose), *((one, UNLIKELY) for one in worse.values())]
    return fit_costs([one for one, _ in parts], [other for _, other in parts])


def fit_costs(choices: Sequence[Choices], unlikely: Sequence[float]) -> Floats:
    """Return the costs with which the choices are most likely; none is negative.

    `unlikely` is for each part the share of its choices that is assumed to be the other way round.
    """
    from scipy.optimize import minimize  # of the extra `train`, which tests do without

    faults = np.concatenate([one.faults for one in choices])
    offset = np.concatenate([one.helpfulness for one in choices])
    weight = np.concatenate([one.weights for one in choices])
    other = np.repeat(unlikely, [len(one.weights) for one in choices])

    def loss(costs: Floats) -> tuple[float, Floats]:
        margin = offset - faults @ costs
        likely = to_chances(margin)
        value = weight @ ((1 - other) * np.logaddexp(0, -margin) + other * np.logaddexp(0, margin))
        slope = faults.T @ (weight * ((1 - other) * (1 - likely) - other * likely))
        return float(value + PENALTY / 2 * costs @ costs), slope + PENALTY * costs

    bounds = [(0.0, None)] * faults.shape[1]
    found = minimize(loss, np.ones(faults.shape[1]), jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x)


def _compare(better: Sequence[Scores], worse: Sequence[Scores]) -> Choices:
    faults = tabulate(better) - tabulate(worse)
    helpful = helpfulness_of(better) - helpfulness_of(worse)
    return Choices(faults, helpful, np.full(len(faults), MADE_WEIGHT / len(faults)))


def main() -> None:
    """Fit, report and write the costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    chosen = people(data)
    worse = dict(made(data)) | dict(grounded(data, random.Random(2026)))  # noqa: S311 a reproducible choice
    costs = fit(chosen, worse)
    ordinary_answers = chosen[ORDINARY]
    often = (ordinary_answers.faults > 0.5).mean(axis=0)  # noqa: PLR2004 more there than not
    for fault, cost, share in zip(FAULTS, costs, often, strict=True):
        print(f"{fault:<16} costs {cost:5.2f}, found in {share:.3f} of ordinary answers")
    for name, one in {**{name: found.choices() for name, found in chosen.items()}, **worse}.items():
        margin = one.helpfulness - one.faults @ costs
        better, before = (margin > 0).mean(), (one.helpfulness > 0).mean()
        print(
            f"{name:<16} {len(margin):5} pairs, better one higher {better:.3f}, without faults {before:.3f}"
        )
    ordinary = float(np.median(ordinary_answers.helpfulness - ordinary_answers.faults @ costs))
    print(f"an ordinary answer has {ordinary:.3f}")
    from features import WEIGHTS, write_sums

    np.savez_compressed(
        WEIGHTS / "quality.npz", costs=costs.astype(np.float32), ordinary=np.float32(ordinary)
    )
    write_sums()


if __name__ == "__main__":
    main()
