"""Floors for refusal; answering "refusal" always reaches precision 0.49 on the labelled source."""

from __future__ import annotations

import numpy as np

from monitoring.evaluators.refusal import build
from tests.quality.harness import labels, load_sample, load_source, records, run, values


def test_most_full_refusals_are_found_and_few_answers() -> None:
    rows = load_source("relevance", "refusals")  # label 1: the response answers
    refused = values(run(build(), records(rows)), unknown=0.0) == 1
    answered = labels(rows) == 1
    assert np.mean(refused[~answered]) >= 0.78
    assert np.mean(refused[answered]) <= 0.04


def test_our_own_refusals_are_told_from_our_own_answers() -> None:
    rows = [row for row in load_sample("relevance") if row["kind"] != "other"]
    refused = values(run(build(), records(rows)), unknown=0.0) == 1
    assert np.mean(refused[labels(rows) == 1]) == 0
    assert np.mean(refused[labels(rows) == 0]) >= 0.4
