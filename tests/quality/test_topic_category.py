"""A floor for topic_category on our own table of questions.

A rule that always names the commonest topic reaches 0.05.
"""

from __future__ import annotations

from monitoring.evaluators.topic_category import build
from tests.quality.harness import load_sample, records, run


def test_most_prompts_get_the_topic_a_reader_would_give() -> None:
    rows = load_sample("topics")
    scores = run(build(), records(rows))
    right = sum(score.label == row["topic"] for score, row in zip(scores, rows, strict=True))
    assert len(rows) >= 100
    assert right / len(rows) >= 0.88
