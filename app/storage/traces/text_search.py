"""Which ranges of ids can hold a text that is searched for, from the newest to the oldest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.filters import Filter
from app.filters.conditions import And, Comparison, Condition, Operator
from app.filters.fields import find_field
from app.filters.matching import fold_case
from app.schemas.ids import first_id
from app.storage.traces.filtering import LATEST_AHEAD
from app.storage.traces.text_blocks import FIELDS
from monitoring.text.signatures import pieces_of

__all__ = ["MOST_ROUNDS", "MOST_SCANNED", "Range", "Ranges", "TextSearch", "next_ranges", "text_search"]

MOST_SCANNED: Final = 20_000
"""The number of calls outside of blocks that are read for one page."""
MOST_ROUNDS: Final = 8
"""The number of times that ranges are taken for one page: 1,024 blocks, or 65,536 calls."""
_MOST_BLOCKS: Final = 128
_SINCE: Final = frozenset({Operator.MORE, Operator.AT_LEAST})
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)
# A signature is read once for all of its bits.
_BLOCKS = text("""
SELECT first_id, until_id FROM (
    SELECT first_id, until_id, signature || ''::bytea AS held FROM text_blocks
    WHERE project_id = :project_id AND first_id < :before AND until_id > :oldest
    ORDER BY first_id DESC OFFSET 0
) AS block
WHERE NOT EXISTS (
    SELECT FROM unnest(CAST(:pieces AS integer[])) AS piece
    WHERE get_bit(held, (piece & (8 * octet_length(held) - 1))::bigint) = 0
) ORDER BY first_id DESC LIMIT :most
""")
_GAPS = text("""
SELECT until_id AS first_id, next_id AS until_id FROM (
    SELECT until_id, lead(first_id) OVER (ORDER BY first_id, until_id) AS next_id FROM (
        SELECT greatest(first_id, :oldest) AS first_id, until_id FROM text_blocks
        WHERE project_id = :project_id AND first_id < :before AND until_id > :oldest
        UNION ALL SELECT CAST(:oldest AS uuid), CAST(:oldest AS uuid)
    ) AS known
) AS placed
WHERE next_id > until_id OR (next_id IS NULL AND until_id < :before) ORDER BY until_id DESC
""")
_SCANNED = text("""
SELECT count(*) AS number, (array_agg(trace_id ORDER BY trace_id))[1] AS oldest FROM (
    SELECT trace_id FROM traces WHERE project_id = :project_id AND trace_id >= :first AND trace_id < :until
    ORDER BY trace_id DESC LIMIT :most
) AS newest
""")


class Range(NamedTuple):
    """The ids from `first` to before `until`."""

    first: UUID
    until: UUID


class TextSearch(NamedTuple):
    """What the texts of each call must hold, and an id below those of all calls that can fit.

    `pieces` is empty for one or two characters of ASCII, which are in no signature.
    """

    pieces: list[int]
    oldest: UUID


class Ranges(NamedTuple):
    """Ranges that together hold all matches from `reached` on; `left` more calls may be scanned.

    The search is over where `reached` is the oldest id. With `is_cut` it ends before that, because
    enough calls were scanned.
    """

    ranges: Sequence[Range]
    reached: UUID
    left: int
    is_cut: bool = False


def text_search(chosen: Filter) -> TextSearch | None:
    """Return what a filter searches the texts of calls for; None where texts decide nothing."""
    needed = [(one, found[0]) for one in _necessary(chosen.condition) if (found := find_field(one.field))]
    searched = [
        pieces_of(fold_case(str(one.values[0])), FIELDS.index(field.column)).tolist()
        for one, field in needed
        if one.operator is Operator.CONTAINS and field.column in FIELDS
    ]
    if not searched:
        return None
    begins = [
        first_id(one.values[0] - LATEST_AHEAD)
        for one, field in needed
        if one.operator in _SINCE and field.column == "occurred_at" and isinstance(one.values[0], datetime)
    ]
    return TextSearch(sorted({*chain.from_iterable(searched)}), max(begins, default=_FIRST))


async def next_ranges(
    connection: AsyncConnection,
    project_id: str,
    search: TextSearch,
    *,
    before: UUID | None,
    left: int,
) -> Ranges:
    """Return the newest ranges below `before` that may hold what is searched for.

    At most `left` calls that are in no block are among them.
    """
    upper = before or _LAST
    bounds = {"project_id": project_id, "before": upper, "oldest": search.oldest}
    wanted = bounds | {"pieces": search.pieces, "most": _MOST_BLOCKS}
    blocks = (await connection.execute(_BLOCKS, wanted)).all()
    reached = _plain(blocks[-1].first_id) if len(blocks) == _MOST_BLOCKS else search.oldest
    ranges = [Range(_plain(one.first_id), min(_plain(one.until_id), upper)) for one in blocks]
    for gap in await connection.execute(_GAPS, bounds):
        part = Range(
            max(_plain(gap.first_id), reached), min(_plain(gap.until_id) if gap.until_id else upper, upper)
        )
        if part.first >= part.until:
            continue
        counted = {"project_id": project_id, "first": part.first, "until": part.until, "most": left + 1}
        scanned = (await connection.execute(_SCANNED, counted)).one()
        if scanned.number > left:
            cut = UUID(int=_plain(scanned.oldest).int + 1)
            kept = [*(one for one in ranges if one.first >= cut), Range(cut, part.until)]
            return Ranges(_joined(kept), cut, 0, is_cut=True)
        left -= scanned.number
        ranges += [part] if scanned.number else []
    return Ranges(_joined(ranges), reached, left)


def _joined(ranges: Iterable[Range]) -> list[Range]:
    """Return ranges from the newest to the oldest, those that touch as one."""
    joined: list[Range] = []
    for one in sorted(ranges, reverse=True):
        if joined and joined[-1].first == one.until:
            joined[-1] = Range(one.first, joined[-1].until)
        else:
            joined.append(one)
    return joined


def _necessary(condition: Condition | None) -> Iterator[Comparison]:
    match condition:
        case Comparison():
            yield condition
        case And(parts):
            for part in parts:
                yield from _necessary(part)


def _plain(value: UUID) -> UUID:
    # The driver has a class of its own for ids.
    return UUID(bytes=value.bytes)
