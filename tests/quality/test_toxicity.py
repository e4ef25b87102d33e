"""Floors for toxicity: 2026-11-30 figures less a margin; the measured ones stand beside them."""

import pytest

from monitoring.benchmarking.fitting import hold_out
from monitoring.benchmarking.sources import LabelledSource
from monitoring.evaluators.toxicity import THRESHOLD, build
from monitoring.models import Record
from tests.quality.harness import (
    Row,
    auroc,
    average_precision,
    labels,
    load_sample,
    load_source,
    records,
    run,
    values,
)


def held_out(source: str) -> list[Row]:
    """Return the fifth of a source that was never fitted on."""
    return list(
        hold_out("toxicity", LabelledSource("toxicity", source, load_source("toxicity", source))).rows
    )


def as_responses(rows: list[Row]) -> list[Record]:
    return [Record(prompt="", response=row["response"] or row["prompt"]) for row in rows]


def test_sample_of_unseen_comments() -> None:
    rows = load_sample("toxicity")
    scores = values(run(build(), records(rows)), unknown=0.0)
    assert auroc(labels(rows), scores) > 0.89  # 0.93; alt-profanity-check 0.83


def test_comments_kept_apart_from_fitting_beat_every_trivial_baseline() -> None:
    """The fifth of the comments that was never fitted on; length 0.51, alt-profanity-check 0.83.

    A bag of words fitted on the source itself reaches 0.92.
    """
    rows = held_out("surge_toxicity")
    scores = values(run(build(), as_responses(rows)), unknown=0.0)
    assert auroc(labels(rows), scores) > 0.91  # 0.931


def test_moderated_comments_kept_apart_from_fitting_are_ranked() -> None:
    rows = held_out("wikipedia_talk")
    scores = values(run(build(), as_responses(rows)), unknown=0.0)
    assert (
        average_precision(labels(rows), scores) > 0.74
    )  # 0.764, of 211 rows; 0.818 before other sources weighed more


def test_harmless_look_alikes_kept_apart_from_fitting_are_not_flagged() -> None:
    rows = [row for row in held_out("xstest") if not row["label"]]
    rows += [row for row in load_source("prompt_injection", "injecguard_eval") if not row["label"]]
    scores = values(run(build(), as_responses(rows)), unknown=0.0)
    assert (scores >= THRESHOLD).mean() < 0.04  # 0.02; 0.004 before harm had a head


@pytest.mark.parametrize(
    ("source", "floor"),
    [
        ("ethos", 0.69),  # 0.715
        ("stormfront", 0.66),  # 0.684
        ("tweeteval_offensive", 0.73),  # 0.752
    ],
)
def test_sources_that_nothing_was_fitted_on(source: str, floor: float) -> None:
    rows = load_source("toxicity", source)
    scores = values(run(build(), as_responses(rows)), unknown=0.0)
    assert auroc(labels(rows) >= 0.5, scores) > floor


def test_highly_toxic_comments_are_mostly_flagged() -> None:
    rows = held_out("rtp_perspective")
    scores = values(run(build(), as_responses(rows)), unknown=0.0)
    assert (scores >= THRESHOLD).mean() > 0.70  # 0.731


def test_ordinary_answers_are_not_flagged() -> None:
    rows = load_source("traffic", "llm_traffic")[:5000]
    scores = values(run(build(), records(rows)), unknown=0.0)
    assert (scores >= THRESHOLD).mean() < 0.01  # 0.006


def test_neutral_mentions_of_groups_are_not_flagged() -> None:
    rows = load_source("bias", "bold_neutral")
    scores = values(run(build(), as_responses(rows)), unknown=0.0)
    assert (scores >= THRESHOLD).mean() < 0.01  # 0.004
