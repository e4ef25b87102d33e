"""Walking over the calls of an export: where a piece of it ends, and its rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.errors import Overdue
from app.exporting.turns import Ask
from app.storage.traces.exporting import Exported, Found, find_calls, read_rows

__all__ = ["FIRST", "End", "find_end", "read_lines"]

FIRST: Final = UUID(int=0)
_STEP: Final = 2_000
_SHORTEST_STEP: Final = 20
_LONGEST_STEP: Final = 32_000
_FEW: Final = 4
# What one reading returns. A longer row is read alone.
_ROWS: Final = 500
_BYTES: Final = 2 * 1024 * 1024


class End(NamedTuple):
    """Where a piece ends: the id of its last call, None for the end of everything.

    `calls` is their number, and `first` the first of them.
    """

    last: UUID | None
    calls: int
    first: UUID | None = None


async def find_end(
    ask: Ask[Found], exported: Exported, after: UUID, limit: int, clock: Callable[[], float], seconds: float
) -> End:
    """Return where a piece of `limit` calls ends that begins after an id.

    It ends earlier if the search takes longer than `seconds` of the clock. Then it may be empty.
    """
    begun = clock()
    number, first, reached = 0, None, after
    async for found in _steps(ask, exported, after, sized=False):
        first = first or (found.calls[0][0] if found.calls else None)
        if number + len(found.calls) > limit:
            return End(found.calls[limit - number - 1][0] if limit > number else reached, limit, first)
        number += len(found.calls)
        if found.reached is None:
            return End(None, number, first)
        reached = found.reached
        if clock() - begun > seconds:
            break
    return End(reached, number, first)


async def read_lines(
    ask: Ask[Any], exported: Exported, after: UUID, last: UUID | None
) -> AsyncIterator[bytes]:
    """Yield the rows of all calls after an id, up to and with `last`, as lines of JSON.

    What is yielded at once has about two megabytes, or one row.
    """
    async for found in _steps(ask, exported, after, sized=True):
        calls = [call for call in found.calls if last is None or call[0] <= last]
        for ids in _parts(calls):
            rows: list[bytes] = await ask(partial(read_rows, exported=exported, ids=ids))
            if rows:
                yield b"\n".join((*rows, b""))
        if last is not None and (found.reached is None or found.reached >= last):
            return


async def _steps(ask: Ask[Found], exported: Exported, after: UUID, *, sized: bool) -> AsyncIterator[Found]:
    """Yield the chosen calls after an id in steps.

    A step is longer where few calls are chosen, and shorter where looking takes too long.
    """
    step, place = _STEP, after
    while True:
        try:
            found = await ask(partial(find_calls, exported=exported, after=place, step=step, sized=sized))
        except Overdue:
            if step == _SHORTEST_STEP:
                raise
            step = max(_SHORTEST_STEP, step // 8)
            continue
        yield found
        if found.reached is None:
            return
        place = found.reached
        if len(found.calls) * _FEW < step:
            step = min(_LONGEST_STEP, step * 2)


def _parts(calls: Sequence[tuple[UUID, int]]) -> list[list[UUID]]:
    """Return the ids in parts of few rows and few bytes."""
    cuts, rows, size = [0], 0, 0
    for at, (_, bytes_) in enumerate(calls):
        if rows and (rows == _ROWS or size + bytes_ > _BYTES):
            cuts.append(at)
            rows, size = 0, 0
        rows, size = rows + 1, size + bytes_
    return [
        [trace_id for trace_id, _ in calls[begin:end]]
        for begin, end in pairwise((*cuts, len(calls)))
        if end > begin
    ]
