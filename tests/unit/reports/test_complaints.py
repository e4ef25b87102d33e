"""Complaints of negative opinions and of calls, with their counts, trends and remedies."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.reports.complaints import clean, group_opinions, list_implicit
from app.reports.feedback import suggest_remedies
from app.schemas.feedback import ImplicitKind, ImplicitSign, Opinion


def opinion(comment: str | None = None, *categories: str) -> Opinion:
    return Opinion(
        trace_id=uuid4(),
        rating=1,
        comment=comment,
        categories=categories,
        model_name="gpt-4",
        template_id=None,
        flags=(),
        overall_quality=None,
        scores={},
    )


def sign(kind: ImplicitKind, count: int, calls: int) -> ImplicitSign:
    ids = tuple(uuid4() for _ in range(min(count, 3)))
    return ImplicitSign(kind=kind, count=count, calls=calls, trace_ids=ids, texts=("text",) * len(ids))


def test_complaints_are_categories_and_groups_of_comments_with_their_examples() -> None:
    now = [
        opinion("the price is wrong", "facts"),
        opinion("price missing", "facts", "tone", "tone"),
        opinion("rude", "tone"),
        opinion(None, "facts"),
    ]
    before = [opinion("wrong price"), opinion("late", "facts")]
    found = {(one.kind, one.complaint): one for one in group_opinions(now, before, [[1, 0, 4], [5, 2]])}
    assert list(found) == [("category", "facts"), ("comments", "price missing"), ("category", "tone")]
    facts, price = found["category", "facts"], found["comments", "price missing"]
    assert (facts.count, facts.of, facts.share, facts.count_before, facts.of_before) == (3, 4, 0.75, 1, 2)
    assert (price.count, price.count_before, price.terms) == (2, 1, ("price",))
    assert price.example == "price missing"
    assert price.example_trace_ids == (now[1].trace_id, now[0].trace_id)
    assert [one.text for one in facts.examples] == ["the price is wrong", "price missing", None]


def test_no_opinion_and_no_call_is_no_complaint() -> None:
    assert group_opinions([], [], []) == ()
    assert group_opinions([], [opinion("gone", "facts")], []) == ()
    assert list_implicit([], []) == ()
    assert list_implicit([sign("refused", 0, 50)], [sign("refused", 9, 50)]) == ()


@pytest.mark.parametrize(
    ("before", "now", "trend"),
    [
        ((2, 100), (40, 100), "rising"),
        ((40, 100), (2, 100), "falling"),
        ((10, 100), (12, 100), "unclear"),
        ((0, 29), (29, 29), "unclear"),  # of too few calls
    ],
)
def test_a_trend_is_claimed_where_chance_does_not_explain_it(
    before: tuple[int, int], now: tuple[int, int], trend: str
) -> None:
    (found,) = list_implicit([sign("cut_off", *now)], [sign("cut_off", *before)])
    assert (found.trend, found.count_before, found.of_before) == (trend, *before)
    (sentence,) = [*suggest_remedies([found])] or [""]
    assert f"{now[0]} of {now[1]} answers are cut off" in sentence or now[0] < 3
    assert ("more than in the period before" in sentence) == (trend == "rising")


def test_each_remedy_names_the_count_of_its_complaint_and_few_have_none() -> None:
    now = [*(opinion('say "no" less', "tone") for _ in range(3)), *(opinion("late") for _ in range(2))]
    complaints = group_opinions(now, [], [[0, 1, 2], [3, 4]])
    assert [one.count for one in complaints] == [3, 3, 2]
    remedies = [*suggest_remedies(complaints)]
    assert len(remedies) == 2
    assert all("3 of 5" in one for one in remedies)
    assert "\"say 'no' less\"" in remedies[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand \x1b[31mred\x00", "two lines and [31mred"),
        ("turned \u202e round \ufeff", "turned round"),
        ("x" * 300, "x" * 199 + "…"),
        ("x" * 200, "x" * 200),
        ("日本語", "日本語"),
        ("\x00\x01", ""),
    ],
)
def test_examples_are_one_short_line_of_printable_characters(text: str, shown: str) -> None:
    assert clean(text) == shown
