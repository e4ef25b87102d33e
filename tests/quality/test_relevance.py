"""Floors for relevance.

Word overlap reaches AUROC 0.86 on shuffled responses and 0.67 on trecqa.
"""

from __future__ import annotations

import numpy as np

from monitoring.benchmarking.metrics import mean_average_precision
from monitoring.evaluators.relevance import build
from tests.quality.harness import auroc, labels, load_sample, load_source, records, run, values


def test_own_responses_outrank_those_to_other_prompts() -> None:
    rows = load_source("relevance", "alpaca_eval_shuffled")
    assert auroc(labels(rows), values(run(build(), records(rows)), unknown=0.5)) >= 0.965


def test_sentences_that_answer_a_question_outrank_others() -> None:
    rows = load_source("relevance", "trecqa")
    assert auroc(labels(rows), values(run(build(), records(rows)), unknown=0.5)) >= 0.82


def test_candidates_for_a_question_are_ranked_on_a_source_that_nothing_was_fitted_on() -> None:
    """Shared words reach a mean average precision of 0.66, the value of the evaluator 0.67."""
    rows = load_source("relevance", "trecqa")
    ranking = [score.parts.get("ranking", 0.0) for score in run(build(), records(rows))]
    assert mean_average_precision(labels(rows), ranking, [row["prompt"] for row in rows]) >= 0.73  # 0.754


def test_our_own_answers_outrank_other_responses_and_non_answers() -> None:
    rows = load_sample("relevance")
    scores = run(build(), records(rows))
    assert auroc(labels(rows), values(scores, unknown=0.5)) >= 0.98
    asked = np.array([row["kind"] != "other" for row in rows])
    intent = np.array([score.parts["intent"] for score in scores])
    assert auroc(labels(rows)[asked], intent[asked]) >= 0.9
