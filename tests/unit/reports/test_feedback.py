from __future__ import annotations

from uuid import UUID, uuid4

from app.figures.measures import Measure
from app.reports.feedback import find_complaints, suggest_flags, suggest_models, suggest_scores
from app.schemas.feedback import Opinion


def opinion(
    comment: str | None = None,
    *,
    categories: tuple[str, ...] = (),
    model: str = "gpt-4",
    flags: tuple[str, ...] = (),
    scores: dict[str, float] | None = None,
    trace_id: UUID | None = None,
) -> Opinion:
    return Opinion(
        trace_id=trace_id or uuid4(),
        rating=1,
        comment=comment,
        categories=categories,
        model_name=model,
        template_id=None,
        flags=flags,
        overall_quality=None,
        scores=scores or {},
    )


def test_complaints_are_categories_and_shared_terms_with_their_count_and_an_example() -> None:
    opinions = [
        opinion("the price is wrong", categories=("facts",)),
        opinion("price missing", categories=("facts", "tone")),
        opinion("rude", categories=("tone",)),
        opinion("price too high", categories=("facts",)),
    ]
    found = {(c.kind, c.complaint): c for c in find_complaints(opinions)}
    assert found["category", "facts"].count == 3
    assert found["category", "facts"].share == 0.75
    assert found["term", "price"].count == 3
    assert found["term", "price"].example == "the price is wrong"
    assert found["term", "price"].example_trace_ids == tuple(opinions[i].trace_id for i in (0, 1, 3))
    assert ("term", "rude") not in found


def test_no_opinion_is_no_complaint() -> None:
    assert find_complaints([]) == ()


def test_a_model_is_named_when_it_draws_more_than_its_share() -> None:
    opinions = [opinion(model="small")] * 6 + [opinion(model="large")] * 4
    (sentence,) = suggest_models(opinions, {"small": 30, "large": 70})
    assert sentence.startswith("small gets 60% of the negative ratings with 30% of the traffic")
    assert list(suggest_models(opinions, {"small": 60, "large": 40})) == []
    assert list(suggest_models(opinions[:2], {"small": 1, "large": 99})) == []


def test_a_flag_is_named_when_bad_responses_carry_it_more_often() -> None:
    opinions = [opinion(flags=("toxicity",))] * 4 + [opinion()] * 6
    (sentence,) = suggest_flags(opinions, {"flag:toxicity": 10}, 100)
    assert "40%" in sentence
    assert "10%" in sentence
    assert list(suggest_flags(opinions, {"flag:toxicity": 40}, 100)) == []


def test_a_score_is_named_when_bad_responses_lie_apart() -> None:
    opinions = [opinion(scores={"relevance": 0.3, "coherence": 0.8})] * 3
    usual = {"relevance": Measure(10, 7.0), "coherence": Measure(10, 8.0)}
    (sentence,) = suggest_scores(opinions, usual)
    assert sentence.startswith("relevance averages 0.30")
    assert list(suggest_scores(opinions[:2], usual)) == []
