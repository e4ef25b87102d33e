from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.api.paging import read_cursor, write_cursor
from app.api.recent import may_be_queued, missing_trace
from app.errors import InvalidParameter
from app.schemas.ids import mint

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def minted(moment: datetime) -> UUID:
    return mint(int(moment.timestamp() * 1000))


def test_a_cursor_leads_back_to_its_trace() -> None:
    trace_id = minted(NOW)
    assert read_cursor(write_cursor(trace_id)) == trace_id
    assert read_cursor(None) is None


@pytest.mark.parametrize("cursor", ["", "abc", "!" * 22, "A" * 23, "é" * 22, "A" * 60])
def test_a_cursor_that_no_page_gave_out_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidParameter, match="cursor"):
        read_cursor(cursor)


@pytest.mark.parametrize(
    ("trace_id", "queued"),
    [
        (minted(NOW), True),
        (minted(NOW - timedelta(minutes=59)), True),
        (minted(NOW - timedelta(minutes=61)), False),
        (minted(NOW + timedelta(minutes=5)), False),
        (uuid4(), False),
        (UUID(int=0), False),
        (UUID(int=2**128 - 1), False),
    ],
)
def test_only_an_id_minted_lately_may_still_be_on_its_way(trace_id: UUID, queued: bool) -> None:  # noqa: FBT001 a table
    assert may_be_queued(trace_id, NOW) is queued
    assert (missing_trace(trace_id, NOW).retry_after is not None) is queued
