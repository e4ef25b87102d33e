from __future__ import annotations

import pytest

from app.queue import JobName
from app.queue.scheduling import CROWDED_SECONDS, LATE_SECONDS, Deferral, fit, pick_waited

BULK = [str(JobName.new("default", 256, 9)).encode() for _ in range(2)]
WAITED = [str(JobName.new("default", 1, 9, waited=True)).encode() for _ in range(2)]
HALF = str(JobName("default", 1, JobName.parse(WAITED[0].decode()).token + "a", 9)).encode()


def test_a_name_says_whether_posts_wait_and_a_half_of_it_that_they_do_not() -> None:
    names = [JobName.parse(name.decode()) for name in (WAITED[0], HALF, BULK[0])]
    assert [name.waited for name in names] == [True, False, False]
    assert names[0].root == names[1].root != names[2].root
    assert str(names[0]).encode() == WAITED[0]


def test_only_waited_jobs_are_picked_as_such() -> None:
    strangers = [b"cron:x", b"\xff\xfe"]
    names = [WAITED[0], BULK[0], HALF, WAITED[1], *strangers]
    assert pick_waited(names) == WAITED
    for name in names:
        assert JobName.is_waited(name) == JobName.parse(name.decode(errors="replace")).waited


@pytest.mark.parametrize(
    ("has_bulk", "after", "picked"),
    [
        (False, 0.0, [*WAITED, *BULK]),
        (True, 0.0, BULK),
        (True, 0.9 * LATE_SECONDS, BULK),
        (True, 1.1 * LATE_SECONDS, [*WAITED, *BULK]),
    ],
)
def test_a_process_with_bulk_in_hand_leaves_waited_jobs_to_others_until_they_are_late(
    *, has_bulk: bool, after: float, picked: list[bytes]
) -> None:
    deferral = Deferral()
    deferral.pick([*WAITED, *BULK], 100.0, has_bulk=True)
    assert deferral.pick([*WAITED, *BULK], 100.0 + after, has_bulk=has_bulk) == picked


def test_it_is_crowded_until_nobody_has_waited_for_a_second() -> None:
    deferral = Deferral()
    deferral.pick(BULK, 100.0, has_bulk=True)
    assert not deferral.is_crowded(100.0)
    deferral.pick([*WAITED, *BULK], 100.0, has_bulk=True)
    deferral.pick(BULK, 100.5, has_bulk=True)
    moments = [100.0 + share * CROWDED_SECONDS for share in (0.0, 0.9, 1.1)]
    assert [deferral.is_crowded(moment) for moment in moments] == [True, True, False]


def test_a_waited_job_that_went_and_comes_again_is_not_late() -> None:
    deferral = Deferral()
    deferral.pick([WAITED[0]], 100.0, has_bulk=True)
    deferral.pick([], 100.0, has_bulk=True)
    assert deferral.pick([WAITED[0]], 100.0 + 2 * LATE_SECONDS, has_bulk=True) == []


@pytest.mark.parametrize(
    ("sizes", "room", "idle", "chosen"),
    [
        ([10, 20, 30], 60, True, 3),
        ([10, 20, 31], 60, True, 2),
        ([10, 20, 31], 60, False, 2),
        ([61, 1], 60, True, 1),
        ([61, 1], 60, False, 0),
        ([1, 61, 1], 60, True, 1),
        ([1], 0, False, 0),
        ([], 60, True, 0),
    ],
)
def test_a_process_claims_what_fits_in_order_and_a_large_job_alone(
    *, sizes: list[int], room: int, idle: bool, chosen: int
) -> None:
    names = [str(JobName.new("default", 1, size)).encode() for size in sizes]
    assert fit(names, room, idle=idle) == names[:chosen]
