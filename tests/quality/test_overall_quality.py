"""Floors for overall_quality: real answers rank above worse copies, and a changed hour shows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from benchmarks import nonanswers
from benchmarks.quality import CALLS, CHANGED, FAR, Values, judge, measure_power
from benchmarks.train.helpfulness import FEWEST_WORDS, read_answers
from tests.quality.harness import Row, load_sample, load_source

# What replaces an answer when a call went wrong. Of each hundred, five may be missed.
KINDS = ("empty", "cut_off", "loop", "off_topic", "wrong_language", "flattery", "refusal")
FLOOR = 0.95
SEEDS, PROMPTS = range(4), 300


@cache
def sample() -> tuple[list[Row], nonanswers.Others]:
    rows: list[Row] = [
        {**row, "id": f"{row['meta']['pair']} {seed}"}
        for seed in SEEDS
        for row in load_sample("helpfulness")
        if row["label"] == 1 and len(row["response"].split()) >= FEWEST_WORDS
    ]
    foreign = [row["response"] for row in load_sample("foreign_answers")]
    return rows, nonanswers.Others([row["response"] for row in rows], foreign, nonanswers.PRAISE)


@cache
def traffic() -> tuple[list[Row], nonanswers.Others]:
    every = [row for row in load_source("traffic", "llm_traffic") if row["source"] == "alpaca_eval"]
    rows, others = read_answers(random.Random(2026).sample(every, 5000))  # noqa: S311 a reproducible choice
    foreign = [row["response"] for row in load_sample("foreign_answers")]
    return rows[:PROMPTS], others._replace(foreign=foreign, praise=nonanswers.PRAISE)


@cache
def judged(source: str) -> Values:
    return judge(sample()[0] if source == "sample" else traffic()[0])


def share_above(rows: Sequence[Row], others: nonanswers.Others, kind: str, real: Values) -> float:
    copies = [nonanswers.make(kind, row["prompt"], row["response"], row["id"], others) for row in rows]
    asked = np.array([nonanswers.speaks_of_language(row["prompt"]) for row in rows])
    kept = np.array([copy != row["response"] for row, copy in zip(rows, copies, strict=True)])
    kept &= ~asked if kind == "wrong_language" else True
    above = real.quality > judge(rows, copies).quality
    return float(above[kept].mean())


@pytest.mark.parametrize("kind", KINDS)
def test_our_own_answers_stand_above_copies_made_worse(kind: str) -> None:
    rows, others = sample()
    assert share_above(rows, others, kind, judged("sample")) >= FLOOR


@pytest.mark.parametrize("kind", KINDS)
def test_recorded_answers_stand_above_copies_made_worse(kind: str) -> None:
    rows, others = traffic()
    assert share_above(rows, others, kind, judged("traffic")) >= FLOOR


@pytest.mark.parametrize("kind", ["cut_off", "off_topic", "refusal"])
def test_an_hour_in_which_a_tenth_of_the_answers_changed_shows_it(kind: str) -> None:
    rows, others = traffic()
    copies = [nonanswers.make(kind, row["prompt"], row["response"], row["id"], others) for row in rows]
    power, shift = measure_power(judged("traffic"), judge(rows, copies), random.Random(0))  # noqa: S311 a reproducible choice
    assert power >= 0.9, f"{shift:.1f} standard errors, {CHANGED:.0%} of {CALLS}, {FAR:g} are needed"
