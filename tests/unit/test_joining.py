from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from monitoring.marks import Mark
from monitoring.models import Record
from workers.spans.late_content import merge

ONE: dict[str, Any] = {"role": "user", "content": "one"}
TURNED: dict[str, Any] = {"content": "one", "role": "user"}
TWO: dict[str, Any] = {"role": "user", "content": "two"}


@pytest.mark.parametrize(
    ("own", "parts", "expected"),
    [
        ((), [(ONE,), (TWO,)], (ONE, TWO)),
        ((), [(ONE,), (TURNED,), (ONE, TWO)], (ONE, TWO)),
        ((ONE, ONE), [(ONE,)], (ONE, ONE)),
        ((), [(ONE, ONE)], (ONE, ONE)),
        ((TWO,), [], (TWO,)),
        ((), [({"content": 1},), ({"content": "1"},)], ({"content": 1}, {"content": "1"})),
    ],
)
def test_what_several_parts_tell_is_kept_once(own: Any, parts: list[Any], expected: Any) -> None:
    found = merge(
        Record(prompt="q", response="a", messages=own),
        [Record(prompt="q", response="a", messages=part) for part in parts],
    )
    assert found.messages == expected


@pytest.mark.parametrize(
    ("own", "parts", "cost"),
    [(None, [None, "0.5"], "0.5"), ("0.2", ["0.5"], "0.2"), ("0", ["0.5"], "0"), (None, [], None)],
)
def test_a_cost_is_told_by_the_call_itself_or_else_by_its_parts(
    own: str | None, parts: list[str | None], cost: str | None
) -> None:
    records = [
        Record(prompt="q", response="a", reported_cost_usd=Decimal(told) if told else None)
        for told in (own, *parts)
    ]
    assert merge(records[0], records[1:]).reported_cost_usd == (cost and Decimal(cost))


def test_time_grows_with_the_number_of_parts_and_not_with_its_square() -> None:
    def seconds(count: int) -> float:
        parts = [
            Record(prompt="q", response="a", messages=tuple({"content": f"{part} {n}"} for n in range(20)))
            for part in range(count)
        ]
        begun = time.process_time()
        merge(Record(prompt="q", response=""), parts)
        return time.process_time() - begun

    small = min(seconds(200) for _ in range(3))
    assert min(seconds(1_600) for _ in range(3)) < 24 * small


@pytest.mark.parametrize(
    ("own", "parts", "expected"),
    [
        ((Mark.NO_CONTENT,), [(Mark.TRUNCATED,)], (Mark.TRUNCATED,)),
        (
            (),
            [(Mark.UNRECOGNISED_SHAPE,), (Mark.UNRECOGNISED_SHAPE, Mark.TRUNCATED)],
            (Mark.UNRECOGNISED_SHAPE, Mark.TRUNCATED),
        ),
        (
            ("usage_exclusive", Mark.NO_CONTENT),
            [(Mark.NUMBER_OUT_OF_RANGE, "redacted")],
            ("usage_exclusive", Mark.NUMBER_OUT_OF_RANGE, "redacted"),
        ),
        ((), [(Mark.NO_CONTENT, "empty_prompt", "empty_response")], ()),
        (("other:user",), [(Mark.TRUNCATED,)], (Mark.TRUNCATED,)),
        ((), [("nul_replaced", "invalid_unicode_replaced")], ("nul_replaced", "invalid_unicode_replaced")),
    ],
)
def test_what_is_noted_of_the_texts_of_a_part_is_noted_of_the_call(
    own: Any, parts: Any, expected: Any
) -> None:
    found = merge(
        Record(prompt="", response="", marks=own),
        [Record(prompt="q", response="a", marks=marks) for marks in parts],
    )
    assert found.marks == expected


WEAK = ("inherited_user",)


@pytest.mark.parametrize(
    ("own", "part", "expected"),
    [
        (("zoe", ()), ("bob", ()), ("zoe", ())),
        ((None, ()), ("bob", ()), ("bob", ())),
        (("zoe", WEAK), ("bob", ()), ("bob", ())),
        (("zoe", WEAK), ("bob", WEAK), ("zoe", WEAK)),
        (("zoe", ()), ("bob", WEAK), ("zoe", ())),
        ((None, ()), ("bob", WEAK), ("bob", WEAK)),
        (("zoe", WEAK), (None, ()), ("zoe", WEAK)),
    ],
)
def test_a_user_of_its_own_stands_before_an_inherited_one(own: Any, part: Any, expected: Any) -> None:
    records = [Record(prompt="q", response="a", user_id=user, marks=marks) for user, marks in (own, part)]
    found = merge(records[0], records[1:])
    assert (found.user_id, found.marks) == expected


def test_documents_and_what_tools_answered_are_kept_beside_each_other() -> None:
    records = [Record(prompt="q", response="a", context=context) for context in (("a",), ("b", "a"))]
    assert merge(records[0], records[1:]).context == ("a", "b")
