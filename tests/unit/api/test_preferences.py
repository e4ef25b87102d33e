from __future__ import annotations

import pytest

from app.api import preferences
from app.api.preferences import Preference, read_preference


@pytest.mark.parametrize(
    ("headers", "seconds", "applied"),
    [
        ([], 5.0, None),
        (["respond-async"], 0, "respond-async"),
        (["Respond-Async"], 0, "respond-async"),
        (["wait=3"], 3, "wait=3"),
        (['wait="3"'], 3, "wait=3"),
        (["wait=0"], 0, "wait=0"),
        (["wait=3600"], 60, "wait=60"),
        (["respond-async, wait=2"], 2, "respond-async, wait=2"),
        (["respond-async", "wait=2"], 2, "respond-async, wait=2"),
        (["wait=2, wait=9"], 2, "wait=2"),
        (["wait=2; reason=x"], 2, "wait=2"),
        (["wait=soon"], 5.0, None),
        (["wait=-1"], 5.0, None),
        (["wait=1.5"], 5.0, None),
        (["wait=²"], 5.0, None),
        (["wait=" + "9" * 5000], 5.0, None),
        (["return=minimal"], 5.0, None),
        (["respond-asynchronously"], 5.0, None),
    ],
)
def test_the_prefer_header_bounds_the_waiting(
    headers: list[str], seconds: float, applied: str | None
) -> None:
    assert read_preference(headers, default_seconds=5.0) == Preference(seconds, applied)


def test_long_values_are_ignored_and_not_remembered() -> None:
    remembered = preferences._read.cache_info().currsize  # noqa: SLF001 memory is the question
    for values in (["respond-async" + " " * 300], ["wait=1"] * 100):
        assert read_preference(values, default_seconds=5) == Preference(5, None)
    assert preferences._read.cache_info().currsize == remembered  # noqa: SLF001 a look at what is remembered
    assert read_preference(["respond-async" + " " * 200], default_seconds=5) == Preference(0, "respond-async")
