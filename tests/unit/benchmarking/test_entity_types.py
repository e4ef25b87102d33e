import pytest

from monitoring.benchmarking.entity_types import (
    EntityCount,
    add_checkable,
    count_entities,
    find_types,
    named_value,
)
from monitoring.models import Evidence, Score, TextField


def score(*reasons: str, field: TextField = "response", value: float | None = None) -> Score:
    return Score(
        value=value, label="", version="1", evidence=tuple(Evidence(field, 0, 1, r) for r in reasons)
    )


def spans(*kinds: str) -> dict[str, int | list[list[int | str]]]:
    return {"label": int(bool(kinds)), "spans": [[0, 1, kind] for kind in kinds]}


def test_types_are_read_from_the_response_with_their_highest_confidence() -> None:
    assert find_types(score("IP_ADDRESS 0.3 private", "IP_ADDRESS 0.9")) == {"IP_ADDRESS": 0.9}
    assert find_types(score("IP_ADDRESS 0.3", field="prompt")) == {}


def test_each_type_that_the_source_labels_is_found_missed_or_falsely_found() -> None:
    rows = [spans("EMAIL_ADDRESS", "EMAIL_ADDRESS", "PERSON"), spans("EMAIL_ADDRESS"), spans()]
    scores = [score("EMAIL_ADDRESS 0.9"), score("MAC_ADDRESS 1"), score("EMAIL_ADDRESS 0.5")]
    assert count_entities(rows, scores) == {
        "EMAIL_ADDRESS": EntityCount(n=2, tp=1, fp=1, fn=1),
        "PERSON": EntityCount(n=1, tp=0, fp=0, fn=1),
    }


def test_every_finding_is_false_where_nothing_is_labelled() -> None:
    assert count_entities([spans()], [score("CRYPTO 0.6")]) == {"CRYPTO": EntityCount(0, 0, 1, 0)}


def test_a_row_about_one_type_says_nothing_about_others() -> None:
    rows = [{"label": label, "spans": None, "meta": {"entity": "US_SSN"}} for label in (1, 0, 0)]
    scores = [score("US_SSN 0.9"), score("US_SSN 0.2"), score("PHONE_NUMBER 0.9")]
    assert count_entities(rows, scores) == {"US_SSN": EntityCount(1, 1, 1, 0)}
    assert [named_value(*pair) for pair in zip(rows, scores, strict=True)] == [0.9, 0.2, 0.0]


@pytest.mark.parametrize(
    ("labelled", "found"),
    [("EMAIL", "EMAIL_ADDRESS"), ("KR_PASSPORT", "PASSPORT"), ("IBAN_CODE", "IBAN_CODE")],
)
def test_other_names_of_a_type_are_understood(labelled: str, found: str) -> None:
    assert count_entities([spans(labelled)], [score(f"{found} 1")])[labelled].tp == 1


def test_the_value_is_the_whole_score_where_no_type_is_named() -> None:
    assert named_value(spans("EMAIL"), score(value=0.7)) == 0.7


def test_types_with_a_form_or_check_digit_are_added_up_whatever_their_name() -> None:
    counts = {
        "EMAIL": EntityCount(4, 3, 1, 1),
        "US_SSN": EntityCount(2, 2, 0, 0),
        "PERSON": EntityCount(9, 0, 0, 9),
    }
    assert add_checkable(counts) == EntityCount(6, 5, 1, 1)
    assert add_checkable({}) == EntityCount(0, 0, 0, 0)


def test_figures_of_a_type_match_those_by_hand() -> None:
    count = EntityCount(n=10, tp=6, fp=2, fn=4)
    assert (count.precision, count.recall) == (0.75, 0.6)
    assert count.f2 == pytest.approx(5 * 0.75 * 0.6 / (4 * 0.75 + 0.6))
    assert EntityCount(0, 0, 0, 0).precision is EntityCount(0, 0, 0, 0).f2 is None
