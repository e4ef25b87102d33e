from __future__ import annotations

from uuid import UUID, uuid4

from app.figures.measures import Measure
from app.reports.feedback import suggest_flags, suggest_models, suggest_scores
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
