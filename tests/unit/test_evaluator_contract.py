"""What every evaluator owes the framework, held for each one the directory walk finds."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import get_args

import msgspec
import pytest

from monitoring import evaluators as package
from monitoring.evaluation import find_evaluators
from monitoring.evaluator import Evaluator
from monitoring.models import Record, Score, TextField
from monitoring.text.prepared import Prepared
from tests.unit.contract import (
    NAMES,
    assert_same,
    assert_valid,
    build,
    cut_in_two,
    each_evaluator,
    everything,
    texts_of,
)

TESTS = Path(__file__).resolve().parents[1]
FIELDS = frozenset(get_args(TextField))

FOREIGN = {
    "arabic": "يرجى الإجابة على السؤال التالي حول تاريخ مدينة القاهرة وسكانها بالتفصيل.",
    "chinese": "这座城市的历史非常悠久,请详细介绍一下它的建筑、居民和重要的历史事件。",
    "french": "Veuillez répondre en détail à la question suivante sur l'histoire de la ville et de ses habitants.",
    "german": "Bitte beantworte die folgende Frage zur Geschichte der Stadt und ihrer Bewohner ausführlich.",
    "hindi": "कृपया दिल्ली शहर के इतिहास के बारे में निम्नलिखित प्रश्न का विस्तार से उत्तर दें।",
    "japanese": "東京の歴史について、次の質問に詳しく答えてください。よろしくお願いします。",
    "korean": "서울의 역사에 관한 다음 질문에 자세히 답해 주세요. 감사합니다.",
    "polish": "Proszę szczegółowo odpowiedzieć na następujące pytanie dotyczące historii miasta i jego mieszkańców.",
    "portuguese": "Por favor, responda detalhadamente à seguinte pergunta sobre a história da cidade e dos seus moradores.",
    "russian": "Пожалуйста, ответьте на следующий вопрос об истории города Москвы и его жителей подробно.",
    "spanish": "Por favor responda con detalle a la siguiente pregunta sobre la historia de la ciudad y sus habitantes.",
    "turkish": "Lütfen İstanbul şehrinin tarihi hakkındaki aşağıdaki soruyu ayrıntılı olarak yanıtlayın.",
}


def test_the_walk_finds_every_file() -> None:
    assert [e.name for e in find_evaluators() if type(e).__module__.startswith(package.__name__)] == NAMES


@each_evaluator
def test_it_describes_itself(name: str) -> None:
    evaluator = build(name)
    assert isinstance(evaluator, Evaluator)
    assert evaluator.name == name
    assert evaluator.version
    assert evaluator.category in {"safety", "quality", "descriptive"}
    assert evaluator.needs
    assert evaluator.needs <= FIELDS
    assert len((type(evaluator).__doc__ or "").split()) >= 15, (
        "say what it catches, what not, and its threshold"
    )


@each_evaluator
def test_flag_and_threshold_fit_its_category(name: str) -> None:
    evaluator = build(name)
    if evaluator.category == "safety":
        assert evaluator.flag is None or evaluator.flag.isidentifier()
        assert (evaluator.flag is None) == (evaluator.threshold is None)
    else:
        assert evaluator.flag is None
    if evaluator.category == "descriptive":
        assert evaluator.threshold is None
    if evaluator.threshold is not None:
        assert 0.0 < evaluator.threshold < 1.0


@each_evaluator
def test_it_has_its_own_tests(name: str) -> None:
    assert (TESTS / "unit" / "evaluators" / f"test_{name}.py").is_file()
    assert (TESTS / "quality" / f"test_{name}.py").is_file()


@each_evaluator
def test_scores_are_valid_on_plain_and_odd_input(name: str) -> None:
    evaluator = build(name)
    records = everything()
    scores = evaluator.evaluate(Prepared(records))
    assert len(scores) == len(records)
    for record, score in zip(records, scores, strict=True):
        assert_valid(score, evaluator, record)


@each_evaluator
def test_an_empty_batch_has_no_scores(name: str) -> None:
    assert build(name).evaluate(Prepared([])) == []


@each_evaluator
@pytest.mark.parametrize("text", ["", " ", "\n \t\n"])
def test_nothing_to_read_is_unknown_and_not_a_default(name: str, text: str) -> None:
    evaluator = build(name)
    (score,) = evaluator.evaluate(Prepared([texts_of(evaluator, text)]))
    assert score.value is None
    assert score.parts == {}
    assert score.evidence == ()
    if evaluator.category == "safety":
        assert score.label == "empty"


@each_evaluator
def test_it_is_deterministic_across_runs_and_instances(name: str) -> None:
    first = build(name).evaluate(Prepared(everything()))
    again = build(name).evaluate(Prepared(everything()))
    fresh = importlib.import_module(f"{package.__name__}.{name}").build().evaluate(Prepared(everything()))
    assert first == again == fresh


@each_evaluator
def test_a_score_does_not_depend_on_the_rest_of_the_batch(name: str) -> None:
    evaluator = build(name)
    records = everything()
    alone = [evaluator.evaluate(Prepared([record]))[0] for record in records]
    order = sorted(range(len(records)), key=lambda i: i * 37 % len(records))
    together = evaluator.evaluate(Prepared([records[i] for i in order]))
    for position, score in zip(order, together, strict=True):
        assert_same(score, alone[position])


@each_evaluator
def test_no_word_is_read_together_with_those_of_a_neighbour(name: str) -> None:
    evaluator = build(name)
    records = cut_in_two(evaluator)
    for record, score in zip(records, evaluator.evaluate(Prepared(records)), strict=True):
        assert_same(score, evaluator.evaluate(Prepared([record]))[0])


@each_evaluator
def test_it_reads_only_what_it_says_it_needs(name: str) -> None:
    evaluator = build(name)
    records = everything()
    stripped = [
        Record(
            prompt=record.prompt if "prompt" in evaluator.needs else "",
            response=record.response if "response" in evaluator.needs else "",
            context=record.context if "context" in evaluator.needs else (),
            reference=record.reference if "reference" in evaluator.needs else None,
            system_prompt=record.system_prompt if "system_prompt" in evaluator.needs else None,
        )
        for record in records
    ]
    for full, bare in zip(
        evaluator.evaluate(Prepared(records)), evaluator.evaluate(Prepared(stripped)), strict=True
    ):
        assert_same(full, bare)


def own_tests(name: str) -> ModuleType:
    """Return the module of an evaluator's own tests, which says what is special about it.

    `CROSSING` holds records that cross its threshold, if those that all evaluators share do not.
    With `ANY_LANGUAGE` it needs no words that it knows. `MORE_LANGUAGES` names the languages that
    it knows beside English.
    """
    return importlib.import_module(f"tests.unit.evaluators.test_{name}")


def crosses(evaluator: Evaluator, score: Score) -> bool:
    """Return whether a score raises the evaluator's flag, or is low."""
    if evaluator.threshold is None or score.value is None:
        return False
    return (score.value < evaluator.threshold) == (evaluator.category == "quality")


@each_evaluator
def test_what_is_flagged_or_low_is_shown(name: str) -> None:
    evaluator = build(name)
    records = [*everything(), *getattr(own_tests(name), "CROSSING", ())]
    crossed = [score for score in evaluator.evaluate(Prepared(records)) if crosses(evaluator, score)]
    assert bool(crossed) == (evaluator.threshold is not None), "its test needs records CROSSING its threshold"
    assert [score for score in crossed if not score.evidence] == []


@each_evaluator
@pytest.mark.parametrize("language", FOREIGN)
def test_a_language_that_is_not_covered_is_unknown_and_never_safe(name: str, language: str) -> None:
    evaluator = build(name)
    record = msgspec.structs.replace(texts_of(evaluator, FOREIGN[language]), system_prompt="You are a guide.")
    (score,) = evaluator.evaluate(Prepared([record]))
    is_unknown = (score.value, score.label) == (None, "language_unsupported")
    special = own_tests(name)
    knows = getattr(special, "ANY_LANGUAGE", False) or language in getattr(special, "MORE_LANGUAGES", ())
    assert is_unknown != knows
