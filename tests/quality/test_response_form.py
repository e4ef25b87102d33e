"""Floors for response_form on recorded answers, whose forms a few words in the prompt announce."""

from __future__ import annotations

from collections import Counter

from monitoring.evaluators.response_form import build
from monitoring.models import Record
from tests.quality.harness import load_source, run


def test_recorded_answers_have_the_forms_that_are_usual() -> None:
    rows = load_source("traffic", "llm_traffic")[:4000]
    responses = [row["response"] or "" for row in rows]
    labels = [score.label for score in run(build(), [Record(prompt="", response=one) for one in responses])]
    shares = Counter(labels)
    assert set(shares) <= {"empty", "json", "code", "table", "list", "prose"}
    assert shares["prose"] >= 0.3 * len(rows)
    fenced = [label for text, label in zip(responses, labels, strict=True) if text.count("```") >= 2]
    plain = [label for text, label in zip(responses, labels, strict=True) if "```" not in text]
    assert sum(label in {"code", "json"} for label in fenced) >= 0.5 * len(fenced)
    assert "code" not in plain
