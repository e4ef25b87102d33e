from __future__ import annotations

import numpy as np
import pytest

from monitoring.models import Record
from monitoring.signals import kernels_support as kernels
from monitoring.signals.sources import SourceField
from monitoring.signals.support import FEATURE_NAMES, compare, describe, load_model, stems
from monitoring.text.prepared import Prepared

COLUMNS = {
    "words": kernels.WORDS,
    "content": kernels.CONTENT,
    "novel_content": kernels.NOVEL_CONTENT,
    "unprompted": kernels.UNPROMPTED,
    "bigrams": kernels.BIGRAMS,
    "novel_bigrams": kernels.NOVEL_BIGRAMS,
    "trigrams": kernels.TRIGRAMS,
    "novel_trigrams": kernels.NOVEL_TRIGRAMS,
    "numbers": kernels.NUMBERS,
    "novel_numbers": kernels.NOVEL_NUMBERS,
    "names": kernels.NAMES,
    "novel_names": kernels.NOVEL_NAMES,
    "polarity": kernels.POLARITY,
}


def counts(response: str, context: str, prompt: str = "") -> list[dict[str, int]]:
    record = Record(prompt=prompt, response=response, context=(context,))
    found = compare(Prepared([record]), "context").counts
    return [{name: int(row[column]) for name, column in COLUMNS.items()} for row in found]


def test_counts_of_a_sentence_worked_out_by_hand() -> None:
    (row,) = counts("The red house burned in 1850.", "A red house stood here in 1849.")
    assert row == {
        "words": 6,
        "content": 3,  # red house burned
        "novel_content": 1,  # burned
        "unprompted": 1,
        "bigrams": 5,
        "novel_bigrams": 3,  # all but "red house" and "in", a number
        "trigrams": 4,
        "novel_trigrams": 4,
        "numbers": 1,
        "novel_numbers": 1,
        "names": 0,
        "novel_names": 0,
        "polarity": 0,
    }


def test_every_sentence_has_its_own_counts() -> None:
    first, second = counts("The red house burned. Nobody saw Peter there.", "The red house burned.")
    assert first["novel_content"] == 0
    assert second["novel_content"] == second["content"] == 2
    assert (second["names"], second["novel_names"]) == (1, 1)


def test_a_name_or_number_of_the_prompt_is_no_news() -> None:
    (row,) = counts("Then Peter left in 1850.", "The red house burned.", prompt="Did Peter leave in 1850?")
    assert (row["novel_names"], row["novel_numbers"]) == (0, 0)


@pytest.mark.parametrize(
    ("response", "context", "clashes"),
    [
        ("The house was not burned down.", "The house was burned down.", True),
        ("The house was burned down.", "The house was not burned down.", True),
        ("The house was burned down.", "The house was burned down.", False),
        ("The house was not burned down.", "The house was not burned down.", False),
    ],
)
def test_a_negation_on_one_side_is_counted(response: str, context: str, *, clashes: bool) -> None:
    (row,) = counts(response, context)
    assert bool(row["polarity"]) is clashes


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("house", "houses", True),
        ("Dylan's", "Dylan", True),
        ("Dylan\u2019s", "dylan", True),
        ("organised", "organisation", True),
        ("glass", "glas", False),
        ("house", "mouse", False),
        ("1850", "1851", False),
        ("bus", "bu", False),
    ],
)
def test_inflections_meet_in_their_stem(one: str, other: str, *, meet: bool) -> None:
    batch = Prepared([Record(prompt="", response=one), Record(prompt="", response=other)])
    first, second = stems(batch, "response").stems
    assert (first == second) is np.bool_(meet)


def test_records_do_not_see_the_sources_of_each_other() -> None:
    foreign = Record(prompt="", response="Green boats float.", context=("Red houses burn.",))
    own = Record(prompt="", response="Green boats float.", context=("Green boats float.",))
    together = compare(Prepared([own, foreign, own]), "context").counts[:, kernels.NOVEL_CONTENT]
    assert together.tolist() == [0, 3, 0]


def test_a_record_without_a_source_has_no_counts() -> None:
    assert not compare(Prepared([Record(prompt="", response="Green boats float.")]), "context").counts.any()


def test_features_of_texts_without_sentences_are_zero() -> None:
    features = describe(np.zeros((0, kernels.FEATURES), dtype=np.int32), np.zeros(3, dtype=np.int64))
    assert features.shape == (2, len(FEATURE_NAMES))
    assert not features.any()


@pytest.mark.parametrize("source", ["context", "reference"])
def test_no_novelty_ever_speaks_for_a_response(source: SourceField) -> None:
    model = load_model(source)
    assert (model.weights >= 0).all()
