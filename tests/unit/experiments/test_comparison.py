from __future__ import annotations

import random

import pytest

from benchmarks.comparisons import claimed, halves, swapped, tied
from monitoring.experiments.answers import Answer, figures_of
from monitoring.experiments.comparison import Comparison, FigureChange, compare


def answers(values: list[float], name: str = "relevance", *, repetition: int = 0) -> list[Answer]:
    return [
        Answer(item_id=f"i{place}", repetition=repetition, passed=value >= 0.5, scores={name: value})
        for place, value in enumerate(values)
    ]


def figure(comparison: Comparison, name: str) -> FigureChange:
    (found,) = [change for change in comparison.figures if change.figure == name]
    return found


LOW, HIGH = [0.1] * 20, [0.8] * 20


@pytest.mark.parametrize(
    ("base", "other", "harms", "sentence"),
    [
        (LOW, HIGH, (), "new is better by 0.7 (0.7 to 0.7): 20 of 20 items changed"),
        (LOW, HIGH, ("relevance",), "new is worse by 0.7 (0.7 to 0.7): 20 of 20 items changed"),
        (HIGH, LOW, (), "new is worse by 0.7 (0.7 to 0.7): 20 of 20 items changed"),
        (LOW, LOW, (), "no difference can be claimed: 0 of 20 items changed"),
        (
            LOW,
            HIGH[:5] + LOW[5:],
            (),
            "no difference can be claimed: 5 of 20 items changed, which is too few to tell",
        ),
        (
            LOW[:1],
            HIGH[:1],
            (),
            "no difference can be claimed: 1 of 1 items changed, which is too few to tell",
        ),
        (
            [0.2, 0.3] * 10,
            [0.3, 0.2] * 10,
            (),
            "no difference can be claimed: 20 of 20 items changed",
        ),
    ],
)
def test_one_sentence_says_what_may_be_claimed(
    base: list[float], other: list[float], harms: tuple[str, ...], sentence: str
) -> None:
    comparison = compare(answers(base), answers(other), names=("old", "new"), harms=harms)
    assert figure(comparison, "relevance").sentence == sentence


def test_a_figure_that_no_item_has_in_both_runs_is_not_compared() -> None:
    comparison = compare(answers(LOW, "a"), answers(HIGH, "b"))
    assert figure(comparison, "a").n == figure(comparison, "b").n == 0
    assert "no item has a value in both runs" in figure(comparison, "a").sentence
    assert figure(comparison, "pass_rate").better is True


def test_only_items_of_both_runs_are_compared() -> None:
    comparison = compare(answers(LOW), [*answers(HIGH)[10:], Answer(item_id="another", passed=True)])
    assert (comparison.items, comparison.only_base, comparison.only_other) == (10, 10, 1)
    assert figure(comparison, "relevance").n == 10


def test_repetitions_of_an_item_are_one_item() -> None:
    once = compare(answers(LOW), answers(HIGH))
    again = [one for n in range(3) for one in answers(HIGH, repetition=n)]
    several = compare(answers(LOW), again)
    assert figure(several, "relevance").n == 20
    assert figure(several, "relevance").p == figure(once, "relevance").p
    mixed = [*answers(LOW), *answers(HIGH, repetition=1)]
    assert figure(compare(answers(LOW), mixed), "relevance").difference == pytest.approx(0.35)
    assert figure(compare(answers(LOW), mixed), "pass_rate").other == pytest.approx(0.5)


def test_items_that_changed_most_come_first() -> None:
    base = answers([0.1, 0.6, 0.6, 0.2])
    other = answers([0.1, 0.9, 0.4, 0.3])
    changed = compare(base, other).changed_most
    assert [one.item_id for one in changed] == ["i2", "i1", "i3"]
    assert changed[0].base == {"pass_rate": 1.0, "relevance": 0.6}


def test_a_run_with_an_answer_that_nobody_could_judge_has_no_pass_rate() -> None:
    judged = [Answer(item_id="a", passed=True), Answer(item_id="b", passed=False, flags=("bias", "toxicity"))]
    assert figures_of(judged).pass_rate == 0.5
    assert (figures_of(judged).flagged, figures_of(judged).flags) == (1, {"bias": 1, "toxicity": 1})
    unjudged = figures_of([*judged, Answer(item_id="c")])
    assert (unjudged.pass_rate, unjudged.unjudged) == (None, 1)
    assert figures_of([]).pass_rate is None


def _noisy(seed: int, count: int = 60) -> list[Answer]:
    chance = random.Random(seed)  # noqa: S311 values come from a seed
    names = ("a", "b", "c", "d")
    return [
        Answer(
            item_id=str(place),
            passed=chance.random() < 0.8,
            scores={name: round(chance.random(), 1) for name in names},
        )
        for place in range(count)
    ]


@pytest.mark.parametrize("way", [halves, swapped, tied])
@pytest.mark.parametrize("size", [10, 20])
def test_runs_that_do_not_differ_are_seldom_called_different(way: object, size: int) -> None:
    chance = random.Random(size)  # noqa: S311 splits come from a seed
    one, other = _noisy(1), _noisy(2)
    assert callable(way)
    assert claimed((way(one, other, size, chance) for _ in range(25)), ()) <= 5
