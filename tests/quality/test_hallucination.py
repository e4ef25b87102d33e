from __future__ import annotations

import numpy as np

from monitoring.evaluators.hallucination import build
from tests.quality import harness

# Word overlap with the context alone reaches 0.90 and 0.73.
BEGIN_FLOOR, FAITHDIAL_FLOOR = 0.91, 0.80
MOST_FALSE_ALARMS = 0.04


def test_begin_beats_word_overlap_and_rarely_flags_attributable_answers():
    rows = harness.load_source("hallucination", "begin")
    scores = harness.values(harness.run(build(), harness.records(rows)), unknown=0.0)
    truth = harness.labels(rows)
    assert harness.auroc(truth, scores) >= BEGIN_FLOOR
    assert np.mean(scores[truth < 0.5] >= build().threshold) <= MOST_FALSE_ALARMS


def test_faithdial_audit_beats_word_overlap():
    rows = harness.load_source("hallucination", "faithdial_audit")
    scores = harness.values(harness.run(build(), harness.records(rows)), unknown=0.0)
    assert harness.auroc(harness.labels(rows), scores) >= FAITHDIAL_FLOOR


def test_our_own_sample_is_separated():
    rows = harness.load_sample("grounding")
    scores = harness.run(build(), harness.records(rows))
    truth = harness.labels(rows)
    assert harness.auroc(truth, harness.values(scores, unknown=0.0)) >= 0.9
    flagged = np.array([score.value is not None and score.value >= build().threshold for score in scores])
    assert not flagged[truth < 0.5].any()
    assert flagged[truth > 0.5].mean() >= 0.5
