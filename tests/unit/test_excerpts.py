"""Excerpts of long records.

Short texts stay whole, long ones keep both ends, and evidence returns to its place in the original.
"""

from __future__ import annotations

import pytest

from monitoring.models import Evidence, Failure, Record, Score
from monitoring.text.excerpts import SCORED_CHARACTERS, excerpt
from monitoring.text.prepared import Prepared

MOST = 100
LETTERS = "".join(chr(ord("a") + number % 26) for number in range(1000))


@pytest.mark.parametrize(
    "record",
    [
        Record(prompt="", response=""),
        Record(prompt="p" * 50, response="r" * 50),
        Record(prompt="p" * 40, response="r" * 40, context=("c" * 9, "d" * 9)),
        Record(prompt="p", response="r", system_prompt="s" * 98, messages=({"content": "m" * 1000},)),
    ],
)
def test_a_record_within_the_limit_is_itself(record: Record) -> None:
    found = excerpt(record, MOST)
    assert found.record is record
    assert not found.partial


@pytest.mark.parametrize(
    ("record", "lengths"),
    [
        (Record(prompt="p" * 51, response="r" * 50), {"prompt": 50 + 2, "response": 50}),
        (Record(prompt="p", response="r" * 1000), {"prompt": 1, "response": 98 + 2}),
        (Record(prompt="p" * 1000, response="r" * 1000), {"prompt": 50 + 2, "response": 50 + 2}),
        (
            Record(prompt="p" * 10, response="r" * 1000, reference="f" * 1000, system_prompt="s" * 1000),
            {"prompt": 10, "response": 32, "reference": 32, "system_prompt": 32},
        ),
    ],
)
def test_short_fields_stay_whole_and_long_ones_share_the_rest(
    record: Record, lengths: dict[str, int]
) -> None:
    found = excerpt(record, MOST)
    assert found.partial
    assert {name: len(getattr(found.record, name)) for name in lengths} == lengths


def test_both_ends_are_kept_and_evidence_is_found_in_the_original() -> None:
    found = excerpt(Record(prompt="short", response=LETTERS), 105)
    assert found.record.response == f"{LETTERS[:50]}\n\n{LETTERS[-50:]}"
    at = {"begin": (3, 9), "end": (60, 70), "last": (101, 102), "across": (45, 60)}
    evidence = tuple(Evidence("response", *place, name) for name, place in at.items())
    kept = Evidence("prompt", 1, 3, "prompt")
    score = Score(value=1.0, label="x", version="1", evidence=(*evidence, kept))
    failure = Failure(evaluator="y", version="1", error="E", message="m")
    results = found.restore({"x": score, "y": failure})
    assert results["y"] is failure
    restored = results["x"]
    assert isinstance(restored, Score)
    moved = {one.reason: (one.start, one.end) for one in restored.evidence}
    assert moved == {
        "begin": (3, 9),
        "end": (958, 968),
        "last": (999, 1000),
        "across": (45, 958),
        "prompt": (1, 3),
    }


@pytest.mark.parametrize("most", [20, 55, 120, 399])
def test_passages_keep_their_borders(most: int) -> None:
    passages = tuple(LETTERS[start : start + 40] for start in range(0, 400, 40))
    record = Record(prompt="", response="", context=passages)
    whole = Prepared([record]).texts("context")[0]
    found = excerpt(record, most)
    text = Prepared([found.record]).texts("context")[0]
    assert len(text) <= most + 2 * len(found.record.context)
    for passage in found.record.context:
        start = text.index(passage)
        score = Score(
            value=1.0,
            label="x",
            version="1",
            evidence=(Evidence("context", start, start + len(passage), "w"),),
        )
        restored = found.restore({"x": score})["x"]
        assert isinstance(restored, Score)
        (moved,) = restored.evidence
        assert whole[moved.start : moved.end] == passage
    assert whole.startswith(found.record.context[0])
    assert whole.endswith(found.record.context[-1])


def test_the_limit_is_that_of_the_constant() -> None:
    assert not excerpt(Record(prompt="", response="a" * SCORED_CHARACTERS)).partial
    assert excerpt(Record(prompt="", response="a" * (SCORED_CHARACTERS + 1))).partial
