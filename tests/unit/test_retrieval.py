from __future__ import annotations

import pytest

from app.schemas.retrieval import MOST_PASSAGES, as_context, first_passages, passages_before

MANY = tuple(f"passage {number}" for number in range(MOST_PASSAGES + 10))


@pytest.mark.parametrize(
    ("searches", "begun", "found"),
    [
        ([], 9, ()),
        ([(3, ("a", "b"))], 3, ("a", "b")),
        ([(3, ("a", "b"))], 2, ()),
        ([(7, ("c",)), (3, ("a", "b")), (5, ("b", "d"))], 9, ("a", "b", "d", "c")),
        ([(7, ("c",)), (3, ("a",)), (5, ("b",))], 5, ("a", "b")),
        ([(7, ("a",)), (3, ("a",))], 4, ("a",)),  # found again later, it was there before
        ([(4, ("z",)), (3, MANY)], 9, MANY[:MOST_PASSAGES]),
    ],
)
def test_a_call_gets_what_had_been_found_when_it_began(
    searches: list[tuple[int, tuple[str, ...]]], begun: int, found: tuple[str, ...]
) -> None:
    assert passages_before(first_passages(searches), begun) == found


@pytest.mark.parametrize(
    ("documents", "answers", "context"),
    [
        ((), (), ()),
        (("a",), ("b",), ("a", "b")),
        (("a", "b", "a"), ("b", "c"), ("a", "b", "c")),
        (MANY, ("c",), MANY[:MOST_PASSAGES]),
    ],
)
def test_a_context_holds_documents_before_answers_each_once(
    documents: tuple[str, ...], answers: tuple[str, ...], context: tuple[str, ...]
) -> None:
    assert as_context(documents, answers) == context
