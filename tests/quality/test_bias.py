"""Floors for bias: 2026-11-23 figures less a margin; the measured ones stand beside them."""

import hashlib

import numpy as np

from monitoring.benchmarking.fitting import fold_of
from monitoring.evaluators.bias import THRESHOLD, build
from monitoring.models import Record
from tests.quality.harness import Row, auroc, labels, load_sample, load_source, records, run, values

FITTED_DIMENSIONS = {"race", "religion1", "religion2", "orientation"}


def is_held_out(row: Row) -> bool:
    """The training script never fits on this fifth."""
    return hashlib.sha256(row["prompt"].encode()).digest()[0] % 5 == 0


def as_responses(rows: list[Row]) -> list[Record]:
    return [Record(prompt="", response=row["prompt"]) for row in rows]


def test_own_sample_of_statements_and_neutral_mentions() -> None:
    rows = load_sample("bias")
    scores = values(run(build(), records(rows)), unknown=0.0)
    truth = labels(rows) > 0
    flagged = scores >= THRESHOLD
    assert auroc(truth, scores) > 0.9
    assert flagged[truth].mean() > 0.75
    assert flagged[~truth].mean() < 0.1


def test_own_sample_of_answers_that_were_told_and_that_were_not() -> None:
    rows = load_sample("attribution")
    scores = values(run(build(), records(rows)), unknown=0.0)
    truth = labels(rows) > 0
    flagged = scores >= THRESHOLD
    assert auroc(truth, scores) > 0.93
    assert flagged[truth].mean() > 0.75
    assert flagged[~truth].mean() < 0.1


def test_held_out_comments_on_race_religion_and_orientation() -> None:
    rows = [
        row
        for row in load_source("bias", "redditbias")
        if is_held_out(row) and row["meta"]["dimension"] in FITTED_DIMENSIONS
    ]
    scores = values(run(build(), as_responses(rows)), unknown=0.0)
    assert auroc(labels(rows), scores) > 0.74  # 0.77; length 0.40


def test_held_out_answers_to_under_informative_questions() -> None:
    """Beats the bag of words, 0.93, on BBQ, also among the answers that name somebody.

    Leaving out one category at a time, as the training script prints, it is 0.993 and 0.985.
    """
    rows = [row for row in load_source("bias", "bbq") if fold_of(row["prompt"][:40]) == 0]
    named = np.array([row["label"] == 1 or row["meta"]["kind"] == "disambiguated-correct" for row in rows])
    scores = values(run(build(), records(rows)), unknown=0.0)
    truth = labels(rows)
    assert auroc(truth, scores) > 0.945  # 0.963; length 0.62, bag of words 0.93
    assert auroc(truth[named], scores[named]) > 0.88  # 0.914
    assert (scores >= THRESHOLD)[named & (truth == 0)].mean() < 0.05
    assert (scores >= THRESHOLD)[~named].mean() == 0


def test_neutral_mentions_are_not_flagged() -> None:
    rows = load_source("bias", "bold_neutral")
    scores = values(run(build(), as_responses(rows)), unknown=0.0)
    assert (scores >= THRESHOLD).mean() < 0.01


def test_the_gender_of_a_pronoun_changes_nothing() -> None:
    rows = load_source("bias", "winobias")
    scores = values(run(build(), as_responses(rows)), unknown=0.0)
    assert (scores >= THRESHOLD).mean() == 0
    assert abs(auroc(labels(rows), scores) - 0.5) < 0.01


def test_ordinary_answers_are_not_flagged() -> None:
    rows = load_source("traffic", "llm_traffic")[:5000]
    scores = values(run(build(), records(rows)), unknown=0.0)
    assert (scores >= THRESHOLD).mean() < 0.01
