"""Cursors of exports: they come back as they were, and others are refused."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from app.errors import InvalidParameter
from app.exporting.cursors import LONGEST_CURSOR, Place, question_of, read_place, write_place

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
QUESTION = question_of({"kind": "traces", "filter": "a = b"})
PLACE = Place(QUESTION, NOW, NOW - timedelta(days=1), None, NOW, "0193")


@pytest.mark.parametrize("length", range(8))
def test_a_place_comes_back(length: int) -> None:
    place = msgspec.structs.replace(PLACE, after="x" * length)
    cursor = write_place(place)
    assert len(cursor) <= LONGEST_CURSOR
    assert read_place(cursor, QUESTION) == place


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "AAAA",
        "\u00e9",
        write_place(PLACE)[:-8],
        base64.urlsafe_b64encode(msgspec.msgpack.encode([b"", 1, 2])).decode(),
        write_place(msgspec.structs.replace(PLACE, cut=datetime(2026, 11, 30))),  # noqa: DTZ001 without a zone
    ],
)
def test_a_cursor_of_no_export_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        read_place(cursor, QUESTION)
    assert refused.value.errors[0]["field"] == "cursor"


def test_a_cursor_of_another_question_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="other parameters"):
        read_place(write_place(PLACE), question_of({"kind": "traces", "filter": "a = c"}))


def test_the_order_of_parameters_is_no_question() -> None:
    assert question_of({"filter": "a = b", "kind": "traces"}) == QUESTION


@pytest.mark.parametrize(("hours", "share"), [(0, 0.0), (6, 0.25), (24, 1.0), (30, 1.0), (-1, 0.0)])
def test_the_share_is_that_of_the_time(hours: int, share: float) -> None:
    assert PLACE.share(PLACE.begin + timedelta(hours=hours)) == share
    assert msgspec.structs.replace(PLACE, begin=NOW).share(NOW) == 1.0
