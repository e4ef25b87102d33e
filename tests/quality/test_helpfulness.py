"""Floors for helpfulness on sources that were left out of its fit.

The rule that the longer answer wins is measured too.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from benchmarks.train.helpfulness import ORDINARY, SOURCES, Described, cross_fit, describe, leave_out
from monitoring.benchmarking.preferences import Agreement, find_pairs, measure_pairs
from monitoring.evaluators.helpfulness import build
from tests.quality.harness import load_sample, load_source, records, run, values

# What the model must gain over the longer answer, in shares of pairs.
GAINS = {"hh_helpful": 0.02, "tulu1_human": 0.01, "pandalm_human": 0.01, "oasst_ranks": 0.0}


@cache
def sources() -> dict[str, Described]:
    return {name: describe(load_source("quality", name)) for name in SOURCES}


@cache
def votes() -> dict[str, Agreement]:
    source = sources()[ORDINARY]
    odds = cross_fit(sources())
    kinds = np.array([row["meta"]["sub"] for row in source.rows])
    return {
        kind: measure_pairs(
            [source.rows[int(at)] for at in np.flatnonzero(kinds == kind)], odds[kinds == kind]
        )
        for kind in ("random", "length")
    }


@pytest.mark.parametrize(("name", "gain"), GAINS.items())
def test_people_are_understood_on_a_source_that_was_left_out(name: str, gain: Any) -> None:
    found = measure_pairs(sources()[name].rows, leave_out(sources(), name))
    assert found.gain >= gain, found


def test_votes_are_told_better_than_by_length() -> None:
    assert votes()["random"].gain >= 0.03, votes()


def test_where_both_lengths_win_as_often_the_better_answer_still_shows() -> None:
    assert votes()["length"].score >= 0.57, votes()


def test_the_better_of_our_own_answers_outranks_the_other() -> None:
    rows = load_sample("helpfulness")
    assert len(find_pairs(rows)) * 2 == len(rows)
    found = measure_pairs(rows, values(run(build(), records(rows)), unknown=0.5))
    assert found.score >= 0.9, found
    # In half of the pairs the better answer is the shorter one.
    assert found.longer == pytest.approx(0.5, abs=0.05)
