"""Floors for semantic_similarity.

Character TF-IDF reaches a Spearman correlation of 0.72 on stsb.
"""

from __future__ import annotations

from monitoring.benchmarking.feeds import to_fed_record
from monitoring.evaluators.semantic_similarity import build
from tests.quality.harness import labels, load_sample, load_source, records, run, spearman, values


def test_similarity_ranks_sentence_pairs_as_people_do() -> None:
    rows = load_source("similarity", "stsb")
    scores = run(build(), [to_fed_record("similarity", "stsb", row) for row in rows])
    assert spearman(labels(rows), values(scores, unknown=0)) >= 0.765


def test_similarity_ranks_our_own_pairs() -> None:
    rows = load_sample("similarity")
    scores = run(build(), records(rows))
    assert {score.label for score in scores} == {"reference"}
    assert spearman(labels(rows), values(scores, unknown=0)) >= 0.85
