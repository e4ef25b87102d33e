"""Prints how well quality_score predicts what people prefer.

    PYTHONPATH=. python -m benchmarks.quality DATA

Each table also shows the rule that the longer answer wins. The tables answer five questions:

- How often is the choice of people predicted on sources that were left out?
- How often does an answer outrank a copy that was made worse?
- How many of the answers with a score were preferred?
- Does an hour show that a tenth of its answers changed?
- How do scores follow the win rates of models?

For sources that were fitted on, the figures are of models that did not see them. For arena55k, they
are of folds of prompts.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import nonanswers
from benchmarks.train.helpfulness import (
    FEWEST_WORDS,
    ORDINARY,
    find_subs,
    read_answers,
    to_chances,
    to_odds,
)
from benchmarks.train.quality import (
    Judged,
    fit,
    grounded,
    helpfulness_of,
    made,
    people,
    score_records,
)
from monitoring.benchmarking.feeds import Row
from monitoring.benchmarking.metrics import spearman
from monitoring.benchmarking.preferences import find_pairs, measure_pairs, share_by_score
from monitoring.benchmarking.sources import read_rows
from monitoring.models import Record
from monitoring.overall_quality import judge_quality, load_combination

# In these sources the longer answer is the wrong one by design, or an answer is right or wrong,
# which its form does not show.
FEWEST_PAIRS, CHANCE = 25, 0.5
# In these sources the answer is about the context. In the others the context is an earlier turn.
WITH_CONTEXT = frozenset({"tldr_summaries"})
# This model was made to be preferred by a judge, whatever is asked.
CHEATS = frozenset({"NullModel"})
BY_DESIGN = ("rmbench", "rewardbench_reasoning", "gsm8k_solutions")
EDGES = tuple(np.linspace(0.0, 1.0, 11).round(1))
PROMPTS, PER_MODEL = 500, 60
CALLS, CHANGED, HOURS, FAR = 1000, 0.1, 400, 3.0
ENDS = 5  # so many of the best and of the worst models are compared

Floats = NDArray[np.float64]


class Values(NamedTuple):
    """Rows with their helpfulness and overall quality, both in log-odds."""

    rows: Sequence[Row]
    helpfulness: Floats
    quality: Floats


def judge(rows: Sequence[Row], responses: Sequence[str] | None = None) -> Values:
    """Judge rows, or other responses to their prompts, with the shipped evaluators."""
    texts = [row["response"] or "" for row in rows] if responses is None else responses
    scores = score_records(
        [
            Record(prompt=row["prompt"] or "", response=text, context=_context(row))
            for row, text in zip(rows, texts, strict=True)
        ]
    )
    found = [judge_quality(one, {}) for one in scores]
    values = np.array([0.5 if one is None or one.value is None else one.value for one in found])
    return Values(rows, helpfulness_of(scores), to_odds(values, 1e-9))


def _context(row: Row) -> tuple[str, ...]:
    return (row["context"],) if row.get("source") in WITH_CONTEXT and row.get("context") else ()


def judge_left_out(data: Path) -> dict[str, Values]:
    """Judge the sources that were fitted on, with models and costs that did not see them."""
    chosen: Mapping[str, Judged] = people(data)
    worse = dict(made(data)) | dict(grounded(data, random.Random(2026)))  # noqa: S311 a reproducible choice
    judged = {}
    for name, one in chosen.items():
        costs = fit(chosen, worse, without=name)
        odds = one.helpfulness - one.faults @ costs - load_combination().ordinary
        judged[name] = Values(one.source.rows, one.helpfulness, odds)
    return judged


def print_pairs(judged: Mapping[str, Values]) -> None:
    """Print for each source how often the choice of people is predicted.

    The score and the rule of the longer answer both predict it.
    """
    print(
        "\nPairs: share in which the preferred answer scores higher; gain over the longer one, and over chance"
    )
    print(
        f"{'source':<40} {'pairs':>6} {'helpful':>8} {'overall':>8} {'longer':>8} {'gain':>7} {'+-':>6} {'chance':>7}"
    )
    for name, values in judged.items():
        subs = find_subs(values.rows)
        parts = {"": list(range(len(values.rows)))} | (subs if len(subs) > 1 else {})
        for sub, kept in parts.items():
            rows = [values.rows[at] for at in kept]
            if len(find_pairs(rows)) < FEWEST_PAIRS:
                continue
            helpful, overall = (
                measure_pairs(rows, one[kept]) for one in (values.helpfulness, values.quality)
            )
            print(
                f"{name + (':' + sub if sub else ''):<40} {overall.pairs:>6} {helpful.score:>8.3f} {overall.score:>8.3f} "
                f"{overall.longer:>8.3f} {overall.gain:>+7.3f} {overall.gain_error:>6.3f} {overall.score - CHANCE:>+7.3f}"
            )


def print_ratings(judged: Mapping[str, Values]) -> None:
    """Print the rank correlation with ratings, for sources without pairs."""
    print("\nRatings: rank correlation with the score, and with the length")
    for name, values in judged.items():
        if len(find_pairs(values.rows)):
            continue
        labels = np.array([row["label"] for row in values.rows])
        lengths = np.array([len(row["response"] or "") for row in values.rows])
        figures = [spearman(labels, one) for one in (values.helpfulness, values.quality, lengths)]
        print(
            f"{name:<28} {len(labels):>5} helpful {figures[0]:+.2f} overall {figures[1]:+.2f} length {figures[2]:+.2f}"
        )


def print_calibration(judged: Mapping[str, Values]) -> None:
    """Print for each band of scores how often people preferred its answers within their pair."""
    print("\nCalibration: of answers with an overall_quality between, the share that was preferred (answers)")
    for name, values in judged.items():
        bands = share_by_score(values.rows, to_chances(values.quality), EDGES)
        cells = [f"{band.low:.1f}-{band.high:.1f} {band.preferred:.2f} ({band.answers})" for band in bands]
        print(f"{name:<16} {'  '.join(cells)}")


def print_made(data: Path, every: Sequence[Row]) -> None:
    """Print how often an answer outranks a copy that was made worse.

    The answers are recorded traffic, on which nothing was fitted.
    """
    traffic = [
        row
        for row in every
        if row["source"] == "alpaca_eval" and len(row["response"].split()) >= FEWEST_WORDS
    ]
    arena = read_rows(data / "quality" / f"{ORDINARY}.jsonl.gz")
    chance = random.Random(2026)  # noqa: S311 a reproducible choice
    rows, others = read_answers(chance.sample(traffic, len(traffic)))
    rows = rows[:PROMPTS]
    foreign = sorted({*others.foreign, *read_answers(arena)[1].foreign})
    others = nonanswers.Others(others.answers, foreign, nonanswers.PRAISE)
    real = judge(rows)
    print(
        f"\nMade pairs: share of {len(rows)} answers of recorded traffic that outrank a copy made worse (longer: the rule)"
    )
    for kind in nonanswers.KINDS:
        copies = [nonanswers.make(kind, row["prompt"], row["response"], row["id"], others) for row in rows]
        kept = np.array(
            [
                copy != row["response"]
                and not (kind == "wrong_language" and nonanswers.speaks_of_language(row["prompt"]))
                for row, copy in zip(rows, copies, strict=True)
            ]
        )
        worse = judge(rows, copies)
        longer = np.array([len(row["response"]) > len(copy) for row, copy in zip(rows, copies, strict=True)])
        above = real.quality > worse.quality
        print(f"{kind:<16} {kept.sum():>4} overall {above[kept].mean():.3f} longer {longer[kept].mean():.3f}")


def print_power(traffic: Sequence[Row], rates: Mapping[str, float]) -> None:
    """Print how often the mean of an hour shows that a tenth of its calls changed.

    A mean shows it if it is more than three standard errors away.
    """
    by_model: dict[str, list[Row]] = {}
    for row in traffic:
        if row["source"] == "alpaca_eval" and row["response"]:
            by_model.setdefault(row["meta"]["model"], []).append(row)
    known = [name for name in rates if len(by_model.get(name, ())) >= PER_MODEL and name not in CHEATS]
    ranked = sorted(known, key=rates.__getitem__)
    worst, best = ranked[:ENDS], ranked[-ENDS:]
    chance = random.Random(2026)  # noqa: S311 a reproducible choice
    every = [row["response"] for name in best for row in by_model[name]]
    others = nonanswers.Others(every, ("",), nonanswers.PRAISE)
    print(
        f"\nPower: {CALLS} calls an hour, {CHANGED:.0%} of them changed; hours whose mean leaves {FAR:g} standard errors"
    )
    usual = {name: judge(by_model[name]) for name in best}
    weak = {name: judge(by_model[name]) for name in worst}
    for kind in ("cut_off", "off_topic", "loop", "refusal", "flattery", "empty"):
        powers = []
        for values in usual.values():
            copies = [
                nonanswers.make(kind, row["prompt"], row["response"], row["id"], others)
                for row in values.rows
            ]
            powers.append(measure_power(values, judge(values.rows, copies), chance))
        _print_power(kind, powers)
    powers = [measure_power(strong, other, chance) for strong in usual.values() for other in weak.values()]
    _print_power("weaker model", powers)
    print(f"(weaker: {', '.join(worst)} for {', '.join(best)}; the answers of one for those of the other)")


def measure_power(usual: Values, changed: Values, chance: random.Random) -> tuple[float, float]:
    """Return the share of hours that show the change, and the shift of the mean.

    The shift is in standard errors.
    """
    scores, others = to_chances(usual.quality), to_chances(changed.quality)
    error = scores.std() / np.sqrt(CALLS)
    seed = np.random.default_rng(chance.randrange(2**32))
    part = int(CALLS * CHANGED)
    kept = seed.choice(scores, (HOURS, CALLS - part)).sum(axis=1)
    means = (kept + seed.choice(others, (HOURS, part)).sum(axis=1)) / CALLS
    return float((np.abs(means - scores.mean()) > FAR * error).mean()), float(
        (scores.mean() - means.mean()) / error
    )


def _print_power(name: str, powers: Sequence[tuple[float, float]]) -> None:
    shares, shifts = np.array(powers).T
    print(
        f"{name:<16} power {np.median(shares):.2f} (least {shares.min():.2f}), shift {np.median(shifts):.1f} standard errors"
    )


def print_models(traffic: Sequence[Row], rates: Mapping[str, float]) -> None:
    """Print the rank correlation of mean scores with the public win rates of models."""
    by_model: dict[str, list[Row]] = {}
    for row in traffic:
        if row["meta"]["model"] in rates and len(by_model.setdefault(row["meta"]["model"], [])) < PER_MODEL:
            by_model[row["meta"]["model"]].append(row)
    names = sorted(by_model)
    values = judge([row for name in names for row in by_model[name]])
    owners = np.repeat(np.arange(len(names)), [len(by_model[name]) for name in names])
    wins = [rates[name] for name in names]
    lengths = np.array([len(row["response"]) for row in values.rows])
    print(f"\nWin rates of {len(names)} models: rank correlation of the mean of")
    for name, numbers in (
        ("helpfulness", values.helpfulness),
        ("overall_quality", to_chances(values.quality)),
        ("length", lengths),
    ):
        means = [float(numbers[owners == number].mean()) for number in range(len(names))]
        print(f"{name:<16} {spearman(means, wins):+.2f}")
    print(
        "Models fitted on random labels reach 0.42 on average and 0.70 in one of twenty: below 0.8 this proves nothing."
    )


def read_rates(data: Path) -> dict[str, float]:
    """Return the length-controlled win rate of each model that has one."""
    with (data / "traffic" / "model_winrates.csv").open(encoding="utf-8", newline="") as lines:
        return {
            row["model"]: float(row["alpaca_eval2_lc_winrate"])
            for row in csv.DictReader(lines)
            if row["alpaca_eval2_lc_winrate"]
        }


def read_measured(data: Path, fitted: Sequence[str]) -> Iterator[tuple[str, Values]]:
    """Yield the other sources, judged with the shipped evaluators.

    Those that are wrong by design come last.
    """
    names = [path.name.removesuffix(".jsonl.gz") for path in sorted((data / "quality").glob("*.jsonl.gz"))]
    for name in sorted((name for name in names if name not in fitted), key=lambda name: name in BY_DESIGN):
        yield name, judge(read_rows(data / "quality" / f"{name}.jsonl.gz"))


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    left_out = judge_left_out(data)
    print(
        "Left out of the fit:",
        ", ".join(left_out),
        "- the others are judged by what ships, which never saw them.",
    )
    measured = dict(read_measured(data, list(left_out)))
    print_pairs(left_out | measured)
    print_ratings(measured)
    print_calibration(left_out)
    traffic, rates = read_rows(data / "traffic" / "llm_traffic.jsonl.gz"), read_rates(data)
    print_made(data, traffic)
    print_power(traffic, rates)
    print_models(traffic, rates)


if __name__ == "__main__":
    main()
