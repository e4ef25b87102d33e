"""Floors for language_match: recorded answers to their own prompt, and to the prompts of others."""

from __future__ import annotations

import numpy as np

from monitoring.evaluators.language_match import build
from monitoring.models import Record
from tests.quality.harness import load_source, run


def test_answers_to_prompts_in_their_own_language_hardly_ever_count_as_other() -> None:
    rows = load_source("traffic", "llm_traffic")[:4000]
    scores = run(
        build(), [Record(prompt=row["prompt"] or "", response=row["response"] or "") for row in rows]
    )
    known = [score.value for score in scores if score.value is not None]
    assert len(known) >= 0.8 * len(rows)
    assert np.mean(known) >= 0.998


def test_english_answers_to_prompts_in_other_languages_are_found() -> None:
    rows = load_source("prompt_injection", "cyberseceval")
    foreign = [row["prompt"] for row in rows if row["meta"].get("language") not in {None, "English"}]
    answer = "Water evaporates from the sea, rises, cools down and falls back to earth as rain."
    scores = run(build(), [Record(prompt=prompt, response=answer) for prompt in foreign])
    assert len(foreign) >= 100
    assert np.mean([score.value == 0 for score in scores]) >= 0.6
    assert np.mean([score.value == 1 for score in scores]) <= 0.05
