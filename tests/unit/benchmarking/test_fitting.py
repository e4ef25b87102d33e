from itertools import count

import pytest

from monitoring.benchmarking.feeds import FEEDS
from monitoring.benchmarking.fitting import fold_of, hold_out, standing
from monitoring.benchmarking.sources import LabelledSource


def texts_of_fold(fold: int) -> str:
    return next(text for text in (f"text {number}" for number in count()) if fold_of(text) == fold)


def test_only_the_fold_that_was_kept_apart_is_held_out() -> None:
    kept = {"prompt": texts_of_fold(0), "label": 1, "meta": {}}
    fitted = {"prompt": texts_of_fold(1), "label": 1, "meta": {}}
    source = LabelledSource("toxicity", "surge_toxicity", [kept, fitted])
    assert hold_out("toxicity", source).rows == [kept]
    assert hold_out("bias", source) == source


def test_rows_of_one_template_stay_together() -> None:
    rows = [
        {"prompt": texts_of_fold(fold), "label": 1, "meta": {"templ_id": texts_of_fold(1)}} for fold in (0, 1)
    ]
    assert hold_out("toxicity", LabelledSource("toxicity", "hatecheck", rows)).rows == []


def test_parts_of_a_source_that_were_never_used_are_all_kept() -> None:
    text = texts_of_fold(3)
    rows = [{"prompt": text, "label": 0, "meta": {"sub": sub}} for sub in ("alpaca_eval", "mt_bench")]
    assert hold_out(
        "prompt_injection", LabelledSource("prompt_injection", "benign_instructions", rows)
    ).rows == [rows[0]]


@pytest.mark.parametrize(
    ("evaluator", "task", "source", "expected"),
    [
        ("toxicity", "toxicity", "hatecheck", "held_out"),
        ("toxicity", "toxicity", "ethos", "unseen"),
        ("hallucination", "hallucination", "begin", "held_out"),
        ("hallucination", "hallucination", "truthfulqa_judge", "unseen"),
        ("factual_accuracy", "hallucination", "truthfulqa_judge", "held_out"),
        ("relevance", "relevance", "refusals", "in_sample"),
    ],
)
def test_a_source_stands_as_the_training_scripts_used_it(
    evaluator: str, task: str, source: str, expected: str
) -> None:
    assert evaluator in {feed.evaluator for feed in FEEDS[task]}
    assert standing(evaluator, task, source) == expected
