from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from redis.exceptions import RedisError

from app.errors import Unavailable
from app.schemas.tasks import TaskState, decode_states, encode_states
from app.supervision import NEVER, Tasks, in_background, repeat


async def forever(ended: list[str], swallowed: int) -> None:
    """Run on over a number of cancellations, as a client library that loses them would."""
    for _ in range(swallowed):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("ended")


@pytest.mark.parametrize("swallowed", [0, 1, 3])
async def test_a_task_that_loses_cancellations_ends_with_the_block(swallowed: int) -> None:
    ended: list[str] = []
    async with asyncio.timeout(10), in_background(forever(ended, swallowed), forever(ended, 0)):
        await asyncio.sleep(0)
        assert ended == []
    assert ended == ["ended", "ended"]


async def test_a_task_that_failed_does_not_hide_the_error_of_the_block() -> None:
    async def fail() -> None:
        raise ValueError("mine")

    with pytest.raises(KeyError):  # noqa: PT012 the block is what is tested
        async with in_background(fail()):
            await asyncio.sleep(0)
            raise KeyError


class Sleeping:
    """Pauses that pass at once and end the task after as many as are wanted."""

    def __init__(self, most: int) -> None:
        self.pauses: list[float] = []
        self._most = most

    async def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) == self._most:
            raise asyncio.CancelledError
        await asyncio.sleep(0)


def failing(*outcomes: BaseException | float | None) -> Callable[[], Awaitable[float | None]]:
    """A turn that does what is said, in this order."""
    left = list(outcomes)

    async def turn() -> float | None:
        outcome = left.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return turn


async def taken(
    *outcomes: BaseException | float | None, seconds: float = 2.0, longest: float = 60.0
) -> tuple[list[float], Tasks]:
    sleeping = Sleeping(len(outcomes))
    tasks = Tasks(clock=lambda: 7.0, sleep=sleeping)
    with pytest.raises(asyncio.CancelledError):
        await tasks.repeat("upkeep", failing(*outcomes), seconds, longest=longest)
    return sleeping.pauses, tasks


@pytest.mark.parametrize(
    ("outcomes", "pauses"),
    [
        ([None, None], [2, 2]),
        ([0.0, 5.0, None], [0, 5, 2]),  # a turn may say when the next one is due
        ([KeyError()] * 8, [2, 4, 8, 16, 32, 60, 60, 60]),
        ([KeyError(), KeyError(), None, KeyError()], [2, 4, 2, 2]),
        (
            [OSError(), Unavailable("away"), RedisError()],
            [2, 2, 2],
        ),  # a server that is back is needed at once
        ([asyncio.CancelledError()], [2]),  # what was waited for was cancelled, not the task
    ],
)
async def test_pauses_grow_with_failures_that_no_outage_explains(
    outcomes: list[BaseException | float | None], pauses: list[float]
) -> None:
    assert (await taken(*outcomes))[0] == pauses


@pytest.mark.parametrize(
    ("outcomes", "first_after", "pauses"),
    [
        ([NEVER], None, []),
        ([NEVER], 3.0, [3]),
        ([None, None, NEVER], None, [2, 2]),
        ([0.0, 5.0, None, NEVER], 3.0, [3, 0, 5, 2]),
    ],
)
async def test_turns_are_taken_until_one_says_that_none_is_due(
    outcomes: list[float | None], first_after: float | None, pauses: list[float]
) -> None:
    sleeping = Sleeping(9)
    await repeat(failing(*outcomes), 2.0, first_after=first_after, sleep=sleeping)
    assert sleeping.pauses == pauses


async def test_turns_that_nobody_watches_end_with_an_error() -> None:
    with pytest.raises(KeyError):
        await repeat(failing(None, KeyError(), None), 0.0)


async def test_a_long_period_is_not_shortened_by_failures() -> None:
    assert (await taken(KeyError(), KeyError(), seconds=600))[0] == [600, 600]


@pytest.mark.parametrize(
    ("outcomes", "failing"),
    [
        ([None], False),
        ([KeyError()], True),
        ([KeyError(), None], False),
        ([OSError(), OSError()], False),
        ([OSError(), OSError(), OSError()], True),
    ],
)
async def test_a_task_is_failing_after_one_error_or_three_outages(
    outcomes: list[BaseException | None], *, failing: bool
) -> None:
    _, tasks = await taken(*outcomes)
    assert [state.failing for state in tasks.states()] == [failing]


async def test_failures_are_counted_and_named_and_the_last_success_is_known() -> None:
    _, tasks = await taken(None, KeyError(), ValueError())
    assert tasks.states() == (
        TaskState("upkeep", failures=2, failed=2, succeeded_at=7.0, error="ValueError"),
    )
    assert decode_states(encode_states(tasks.states())) == tasks.states()


async def test_one_attempt_that_fails_keeps_the_next_from_nothing() -> None:
    tasks = Tasks(clock=lambda: 7.0)
    assert await tasks.attempt("cover", failing(KeyError())) is None
    assert await tasks.attempt("retention", failing(3.0)) == 3.0
    assert {state.task: state.failures for state in tasks.states()} == {"cover": 1, "retention": 0}


async def test_a_task_that_dies_or_ends_is_restarted() -> None:
    runs = 0

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs % 2:
            raise LookupError

    sleeping = Sleeping(6)
    tasks = Tasks(sleep=sleeping)
    with pytest.raises(asyncio.CancelledError):
        await tasks.keep("news", run)
    assert (runs, sleeping.pauses) == (6, [0.5, 1, 2, 4, 5, 5])
    (state,) = tasks.states()
    assert (state.failures, state.error, state.failing) == (6, "_EndedError", True)


async def test_a_task_is_cancelled_when_its_owner_says_so() -> None:
    tasks = Tasks()
    async with asyncio.timeout(10), in_background(tasks.keep("news", asyncio.Event().wait)):  # type: ignore[arg-type]  # a wait that returns True counts as one
        await asyncio.sleep(0)
    (state,) = tasks.states()
    assert state.failures == 0
