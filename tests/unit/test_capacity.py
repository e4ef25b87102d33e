from __future__ import annotations

import dataclasses

import msgspec
import pytest

from benchmarks.capacity import GIB, Setup, enlarge, simulate
from tests.unit.sizing.test_plan import FIGURES

ENOUGH = Setup(workers=100, redis=1, redis_bytes=8 * GIB, postgres=1)


@pytest.mark.parametrize(
    ("changes", "rate", "fault"),
    [
        ({}, 1_000, None),
        ({"workers": 1}, 1_900, "workers"),
        ({"workers": 1}, 1_000, None),  # the peak waits and is worked off
        ({}, 11_000, "Postgres writes"),
        ({"postgres": 100, "workers": 1_000}, 20_000, "Redis commands"),
        ({"redis_bytes": GIB / 8}, 1_000, "Redis memory"),
    ],
)
def test_the_fault_is_what_there_is_too_little_of(
    changes: dict[str, float], rate: float, fault: str | None
) -> None:
    hour = simulate(FIGURES, dataclasses.replace(ENOUGH, **changes), rate)  # type: ignore[arg-type]  # each test changes other fields
    assert hour.fault == fault
    assert (hour.refused == 0 and hour.left <= rate) or fault is not None


def test_an_outage_is_waited_for_and_nothing_is_lost() -> None:
    hour = simulate(FIGURES, ENOUGH, 1_000)
    assert (hour.refused, hour.left) == (0, 0)
    assert 12 <= hour.longest_wait < 13  # two minutes of records at ten times their rate


@pytest.mark.parametrize("fault", ["workers", "Postgres writes", "Redis commands", "Redis memory"])
def test_more_of_what_was_at_fault_never_makes_an_hour_worse(fault: str) -> None:
    small = Setup(workers=4, redis=1, redis_bytes=GIB / 8, postgres=1)
    figures = msgspec.structs.replace(FIGURES, queue_rate=9_000)
    before, after = simulate(figures, small, 4_000), simulate(figures, enlarge(small, fault), 4_000)
    assert after.refused <= before.refused
