"""Floors for toxicity: 2026-11-23 figures less a margin; the measured ones stand beside them."""

import pytest

from monitoring.benchmarking.fitting import fold_of
from monitoring.evaluators.toxicity import THRESHOLD, build
from monitoring.models import Record
from tests.quality.harness import (
    Row,
    auroc,
    labels,
    load_sample,
    load_source,
    records,
    run,
    values,
)


def as_responses(rows: list[Row]) -> list[Record]:
    return [Record(prompt="", response=row["response"] or row["prompt"]) for row in rows]


def test_sample_of_unseen_comments() -> None:
    rows = load_sample("toxicity")
    scores = values(run(build(), records(rows)), unknown=0.0)
    assert auroc(labels(rows), scores) > 0.85  # 0.89; alt-profanity-check 0.83


def test_comments_kept_apart_from_fitting_beat_every_trivial_baseline() -> None:
    """The fifth of the comments that was never fitted on; length 0.51, alt-profanity-check 0.83.

    2026-11-23: 0.922 over all 674 rows out of fold, as `benchmarks/train/toxicity.py DATA --oof` prints;
    a bag of words fitted on the source itself reaches 0.92.
    """
    rows = [row for row in load_source("toxicity", "surge_toxicity") if fold_of(row["prompt"]) == 0]
    scores = values(run(build(), as_responses(rows)), unknown=0.0)
    assert auroc(labels(rows), scores) > 0.89  # 0.906


@pytest.mark.parametrize(
    ("source", "floor"),
    [
        ("ethos", 0.64),
        ("stormfront", 0.58),
        ("tweeteval_offensive", 0.70),
    ],
)
def test_sources_that_nothing_was_fitted_on(source: str, floor: float) -> None:
    rows = load_source("toxicity", source)
    scores = values(run(build(), as_responses(rows)), unknown=0.0)
    assert auroc(labels(rows) >= 0.5, scores) > floor


def test_highly_toxic_comments_are_mostly_flagged() -> None:
    rows = load_source("toxicity", "rtp_perspective")
    scores = values(run(build(), as_responses(rows)), unknown=0.0)
    assert (scores >= THRESHOLD).mean() > 0.65


def test_ordinary_answers_are_not_flagged() -> None:
    rows = load_source("traffic", "llm_traffic")[:5000]
    scores = values(run(build(), records(rows)), unknown=0.0)
    assert (scores >= THRESHOLD).mean() < 0.01


def test_neutral_mentions_of_groups_are_not_flagged() -> None:
    rows = load_source("bias", "bold_neutral")
    scores = values(run(build(), as_responses(rows)), unknown=0.0)
    assert (scores >= THRESHOLD).mean() < 0.02
