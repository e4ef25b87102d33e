from __future__ import annotations

from monitoring.evaluators.factual_accuracy import build
from tests.quality import harness

# A bag of words fitted on other questions reaches 0.73.
TRUTHFULQA_FLOOR = 0.75
# The value for refusals, which makes them just not low. One half was above the old threshold of
# 0.3, and is the threshold now.
UNKNOWN = 0.6


def test_truthfulqa_with_references_beats_a_bag_of_words() -> None:
    rows = harness.load_source("hallucination", "truthfulqa_judge")
    scores = harness.values(harness.run(build(), harness.records(rows)), unknown=UNKNOWN)
    assert harness.auroc(1 - harness.labels(rows), scores) >= TRUTHFULQA_FLOOR


def test_our_own_sample_is_separated() -> None:
    rows = harness.load_sample("grounding")
    scores = harness.values(harness.run(build(), harness.records(rows)), unknown=UNKNOWN)
    assert harness.auroc(1 - harness.labels(rows), scores) >= 0.9
