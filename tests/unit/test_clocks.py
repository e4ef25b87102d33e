"""`monitoring` gets the moment as an argument, so the same records always have the same scores."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLOCKS = {
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("date", "today"),
    *(("time", f"{clock}{unit}") for clock in ("time", "monotonic", "perf_counter") for unit in ("", "_ns")),
}
# The first is the default of public classes. The second is the client, which runs in the processes
# of others and measures their calls.
READERS = ("monitoring/clock.py", "monitoring/client/")
MODULES = [
    path
    for folder in ("monitoring", "app/figures")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not path.relative_to(ROOT).as_posix().startswith(READERS)
]


def clocks_in(source: str) -> Iterator[str]:
    """Yield what a module reads the time with, whether it calls that or hands it on."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name):
                if (owner, name) in CLOCKS:
                    yield f"{owner}.{name}"
            case ast.ImportFrom(module="time", names=names):
                yield from (f"time.{one.name}" for one in names if ("time", one.name) in CLOCKS)
            case _:
                pass


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_reads_the_time(path: Path) -> None:
    assert list(clocks_in(path.read_text(encoding="utf-8"))) == []


def test_the_only_clock_is_found() -> None:
    source = (ROOT / "monitoring/clock.py").read_text(encoding="utf-8")
    assert list(clocks_in(source)) == ["datetime.now"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("at = datetime.now(UTC)", ["datetime.now"]),
        ("at = datetime.datetime.utcnow()", ["datetime.utcnow"]),
        ("clock = time.monotonic", ["time.monotonic"]),
        ("from time import perf_counter_ns", ["time.perf_counter_ns"]),
        ("day = date.today()", ["date.today"]),
        ("from time import sleep", []),
        ("from datetime import time", []),
        ("at = record.now", []),
        ("at = datetime.fromtimestamp(0, UTC)", []),
        ("text = 'datetime.now()'", []),
    ],
)
def test_every_way_to_read_the_time_is_known(source: str, found: list[str]) -> None:
    assert list(clocks_in(source)) == found
