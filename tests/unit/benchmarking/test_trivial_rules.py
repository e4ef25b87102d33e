"""Rules that know length, overlap or words alone."""

from __future__ import annotations

from collections.abc import Sequence

from monitoring.benchmarking.measurement import Measurement, summarise
from monitoring.benchmarking.sources import LabelledSource
from monitoring.benchmarking.trivial_rules import apply_rules, describe


def grounding(name: str, rows: Sequence[tuple[str, int]]) -> LabelledSource:
    return LabelledSource(
        "hallucination",
        name,
        [
            {"prompt": "", "response": text, "context": "a cat sat on the mat", "label": label}
            for text, label in rows
        ],
    )


def figures(held: LabelledSource, others: Sequence[LabelledSource], rule: str) -> Measurement:
    return summarise(held, rule, apply_rules(describe(held), [describe(one) for one in others])[rule])


COPIES = grounding("copies", [("the cat sat", 0), ("dogs run far away from here", 1)] * 5)
OTHERS = grounding("others", [("on the mat", 0), ("planes fly over it", 1)] * 5)


def test_overlap_is_used_in_the_direction_that_served_the_other_sources() -> None:
    found = figures(COPIES, [OTHERS], "overlap")
    assert (found.auroc, found.balanced_accuracy) == (1.0, 1.0)


def test_length_may_turn_out_to_mislead() -> None:
    short_is_bad = grounding("short", [("cat", 1), ("a cat sat on the mat and sat", 0)] * 5)
    assert figures(COPIES, [short_is_bad], "length").auroc == 0.0


def test_words_weigh_what_they_weighed_elsewhere() -> None:
    assert (
        figures(grounding("new", [("planes fly", 1), ("the mat", 0)]), [OTHERS], "bag of words").auroc == 1.0
    )


def test_without_both_classes_elsewhere_there_is_no_rule() -> None:
    only = grounding("only", [("the cat", 0)] * 3)
    assert apply_rules(describe(COPIES), [describe(only)]) == {}
    assert apply_rules(describe(COPIES), []) == {}


def test_texts_without_a_second_one_have_no_overlap() -> None:
    rows = [{"prompt": text, "label": label} for text, label in (("bad", 1), ("good", 0))]
    toxic = LabelledSource("toxicity", "one", rows)
    assert set(apply_rules(describe(toxic), [describe(toxic)])) == {"length", "bag of words"}
