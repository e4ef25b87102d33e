"""The search for a text finds what reading every text finds, whatever is in blocks by then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select, text

from app.filters import parse_filter
from app.schemas.ids import first_id, mint
from app.schemas.traces import Trace
from app.storage.engine import Connection, Engine
from app.storage.tables import traces
from app.storage.traces import reading, text_blocks, text_search
from app.storage.traces.erasure import delete_traces
from app.storage.traces.filtering import where
from app.storage.traces.reading import read_bounded_page, read_page
from app.storage.traces.text_blocks import add_blocks, forget_blocks
from app.storage.traces.writing import copy_traces, insert_traces, replace_traces
from app.storage.upkeep.partitions import ensure_partitions
from tests.integration.test_sampling import received

PROJECT = "sampled"
NOW = datetime.now(UTC)
BEGIN = NOW - timedelta(hours=40)
WORDS = (
    "refund", "Refund", "REFUNDED", "100 %", "a_b", "back\\slash", "İstanbul", "straße", "STRASSE", "привет",
    "Привет", "東京の天気", "天気", "สวัสดีครับ", "مرحبا", "👍🏽", "👍", "cafe\u0301", "café", "x", "\x01\x02", "naïve",
    "\u200bzero", "line\nbreak", "tab\tstop", "ﬁ", "the", "quick", "brown", "fox",
)  # fmt: skip


def calls(number: int, seed: int = 1) -> list[Trace]:
    """Return calls of the last forty hours, the oldest first, with texts in many languages."""
    chosen = Random(seed)  # noqa: S311 values of tests need no secrecy
    step = timedelta(hours=40) / number
    return [
        msgspec.structs.replace(
            received(BEGIN + step * place, BEGIN + step * place),
            prompt=" ".join(chosen.choices(WORDS, k=3)),
            response="".join(chosen.choices(WORDS, k=4)) + f" number {place}",
        )
        for place in range(number)
    ]


@pytest.fixture
async def connection(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connection]:
    monkeypatch.setattr(text_blocks, "_LARGEST", 16)
    await ensure_partitions(engine, (BEGIN - timedelta(days=1)).date(), NOW.date())
    async with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        await transaction.rollback()


async def scanned(connection: Connection, condition: str) -> list[UUID]:
    """Return the ids of all calls that a filter lets pass, found by reading each one."""
    chosen = where(parse_filter(condition))
    rows = await connection.execute(
        select(traces.c.trace_id)
        .where(traces.c.project_id == PROJECT, chosen)
        .order_by(traces.c.trace_id.desc())
    )
    return [UUID(bytes=row.trace_id.bytes) for row in rows]


async def found(connection: Connection, condition: str, limit: int = 10_000) -> list[UUID]:
    """Return the ids of the calls that the search finds page by page."""
    ids: list[UUID] = []
    before: UUID | None = None
    while True:
        page = await read_bounded_page(
            connection, PROJECT, parse_filter(condition), before=before, limit=limit
        )
        ids += [row.trace_id for row in page.rows]
        before = ids[-1] if len(page.rows) == limit else page.searched_to
        if before is None:
            return ids


async def add_all(connection: Connection, now: datetime = NOW) -> None:
    for _ in range(1_000):
        if not await add_blocks(connection, PROJECT, now):
            return
    pytest.fail("making blocks does not end")


def patterns(rows: Sequence[Trace]) -> list[str]:
    """Return parts of stored texts of all lengths, and texts that are nowhere."""
    chosen = Random(2)  # noqa: S311 values of tests need no secrecy
    parts = [
        "nowhere at all",
        "天京",
        "zz",
        "q",
        "東",
        "気",
        "fun",
        "FUN",
        "İ",
        "i̇",
        "ß",
        "SS",
        "%",
        "_",
        "\\",
    ]
    for _ in range(60):
        row = chosen.choice(rows)
        whole = chosen.choice([row.prompt, row.response])
        begin = chosen.randrange(len(whole))
        parts.append(whole[begin : begin + chosen.choice((1, 2, 3, 4, 8, 200))])
    return parts


def quoted(part: str) -> str:
    return '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize("made", [False, True])
async def test_each_part_of_a_text_is_found_where_reading_all_finds_it(
    connection: Connection, *, made: bool
) -> None:
    rows = calls(300)
    await copy_traces(connection, rows)
    if made:
        await add_all(connection)
        assert await connection.scalar(text("SELECT sum(calls) FROM text_blocks")) > 250
    hits = 0
    for part in patterns(rows):
        for field in ("prompt", "response"):
            condition = f"{field} ~ {quoted(part)}"
            expected = await scanned(connection, condition)
            assert await found(connection, condition) == expected, condition
            hits += bool(expected)
    assert hits > 60


@pytest.mark.parametrize(
    "condition",
    [
        'prompt ~ "refund" and response ~ "天気"',
        'prompt ~ "refund" and not response ~ "fox"',
        'prompt ~ "refund" or response ~ "天気"',
        'not prompt ~ "refund"',
        'prompt ~ "refund" and model = m and cost is null',
        'prompt ~ "refund" and model = other',
        'prompt ~ "refund" and timestamp >= "HALF"',
        'prompt ~ "refund" and timestamp < "HALF"',
    ],
)
async def test_a_text_is_one_condition_among_others(connection: Connection, condition: str) -> None:
    condition = condition.replace("HALF", (NOW - timedelta(hours=20)).isoformat())
    await copy_traces(connection, calls(300))
    await add_all(connection)
    expected = await scanned(connection, condition)
    assert await found(connection, condition) == expected
    assert await found(connection, condition, limit=3) == expected
    read = await read_page(connection, PROJECT, parse_filter(condition), limit=1_000)
    assert [row.trace_id for row in read] == expected


async def test_blocks_that_cannot_hold_a_text_are_not_read(connection: Connection) -> None:
    rows = calls(320)
    rows[40] = msgspec.structs.replace(rows[40], prompt="a needle")
    await copy_traces(connection, rows)
    await add_all(connection)
    search = text_search.text_search(parse_filter("prompt ~ needle"))
    assert search is not None
    ranges = await text_search.next_ranges(connection, PROJECT, search, before=None, left=1_000)
    held = [
        sum(
            one.first <= row.trace_id < one.until
            for row in rows
            if row.trace_id < first_id(NOW - timedelta(hours=1))
        )
        for one in ranges.ranges
    ]
    assert 1 <= sum(held) <= 48
    assert await found(connection, "prompt ~ needle") == [rows[40].trace_id]


async def test_what_is_in_no_block_is_read_within_a_bound_and_said(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_SCANNED", 50)
    rows = calls(300)
    await copy_traces(connection, rows)
    page = await read_bounded_page(connection, PROJECT, parse_filter("prompt ~ nowhere"))
    assert page.rows == []
    assert page.searched_to is not None
    assert sum(row.trace_id >= page.searched_to for row in rows) == 50
    for part in ("refund", "天気", "nowhere"):
        condition = f'prompt ~ "{part}"'
        assert await found(connection, condition) == await scanned(connection, condition)
        assert await found(connection, condition, limit=2) == await scanned(connection, condition)


async def test_a_search_through_many_blocks_ends_and_goes_on(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_ROUNDS", 2)
    monkeypatch.setattr(text_search, "_MOST_BLOCKS", 3)
    await copy_traces(connection, calls(300))
    await add_all(connection)
    page = await read_bounded_page(connection, PROJECT, parse_filter("prompt ~ zq"))
    assert (page.rows, page.searched_to is None) == ([], False)
    for condition in ("prompt ~ zq", "prompt ~ x", "prompt ~ refund"):
        assert await found(connection, condition) == await scanned(connection, condition)


async def test_late_changed_and_erased_calls_are_found_as_they_are(connection: Connection) -> None:
    rows = calls(300)
    late, kept = rows[50], [row for row in rows if row is not rows[50]]
    await copy_traces(connection, kept)
    await add_all(connection)
    await insert_traces(connection, [msgspec.structs.replace(late, prompt="a late needle")])
    changed = msgspec.structs.replace(rows[120], response="a changed needle")
    await replace_traces(connection, [changed])
    for _ in range(2):
        assert await found(connection, "prompt ~ needle") == [late.trace_id]
        assert await found(connection, "response ~ needle") == [changed.trace_id]
        await add_all(connection)
    before = await connection.scalar(text("SELECT count(*) FROM text_blocks"))
    await delete_traces(connection, PROJECT, [late.trace_id, changed.trace_id])
    # What was erased is in no signature any more, and the others stay.
    assert await connection.scalar(text("SELECT count(*) FROM text_blocks")) == before - 2
    assert await found(connection, "prompt ~ needle") == []
    await add_all(connection)
    for condition in ('prompt ~ "refund"', 'response ~ "天気"'):
        assert await found(connection, condition) == await scanned(connection, condition)


async def test_blocks_go_with_their_calls(connection: Connection) -> None:
    rows = calls(300)
    await copy_traces(connection, rows)
    await add_all(connection)
    middle = rows[150].trace_id
    await connection.execute(text("DELETE FROM traces WHERE trace_id < :middle"), {"middle": middle})
    await forget_blocks(connection, PROJECT, middle)
    held = await connection.scalar(text("SELECT sum(calls) FROM text_blocks"))
    assert 120 < held < 170
    await add_all(connection)
    assert await connection.scalar(text("SELECT sum(calls) FROM text_blocks")) == held
    assert await found(connection, "prompt ~ refund") == await scanned(connection, "prompt ~ refund")


async def test_calls_of_another_project_are_never_found(connection: Connection) -> None:
    rows = calls(100)
    await copy_traces(connection, rows)
    await copy_traces(
        connection,
        [
            msgspec.structs.replace(
                row, project_id="other", trace_id=mint(round(NOW.timestamp() * 1000) - 10**7)
            )
            for row in rows
        ],
    )
    for project in (PROJECT, "other"):
        while await add_blocks(connection, project, NOW):
            pass
    assert set(await found(connection, 'prompt ~ "the"')) == set(await scanned(connection, 'prompt ~ "the"'))


@pytest.mark.parametrize(
    ("number", "days_later", "made"), [(15, 0, 0), (16, 0, 16), (15, 2, 15), (40, 0, 40)]
)
async def test_few_calls_wait_for_others_to_fill_a_block(
    connection: Connection, number: int, days_later: int, made: int
) -> None:
    moment = NOW - timedelta(hours=3)
    await copy_traces(connection, [received(moment, moment) for _ in range(number)])
    await add_all(connection, NOW + timedelta(days=days_later))
    assert (await connection.scalar(text("SELECT coalesce(sum(calls), 0) FROM text_blocks"))) == made
