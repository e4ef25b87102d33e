"""Floors for response_language on recorded answers, which are in English nearly always."""

from __future__ import annotations

import numpy as np

from monitoring.evaluators.response_language import build
from monitoring.models import Record
from tests.quality.harness import load_source, run


def test_recorded_answers_have_a_language() -> None:
    rows = load_source("traffic", "llm_traffic")[:4000]
    scores = run(build(), [Record(prompt="", response=row["response"] or "") for row in rows])
    named = [score.label for score in scores if score.label not in {"empty", "undetermined"}]
    assert len(named) >= 0.8 * len(rows)
    assert np.mean([label == "en" for label in named]) >= 0.9


def test_prompts_in_other_languages_are_seldom_called_english() -> None:
    rows = load_source("prompt_injection", "cyberseceval")
    foreign = [row["prompt"] for row in rows if row["meta"].get("language") not in {None, "English"}]
    scores = run(build(), [Record(prompt="", response=text) for text in foreign])
    assert np.mean([score.label == "en" for score in scores]) <= 0.3
