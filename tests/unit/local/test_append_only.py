"""Files of Redis as crashes leave them: what may be cut off, and what nobody may decide alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import StartupError
from app.local.append_only import cut, find_damage
from app.queue import ACCEPTED_KEY


def command(*parts: str | bytes) -> bytes:
    encoded = [part if isinstance(part, bytes) else part.encode() for part in parts]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in encoded)


SET = command("SELECT", "0") + command("SET", "a", b"x" * 40 + b"\r\n\0\0")
JOB = (
    command("MULTI")
    + command("PSETEX", "arq:job:1", "1000", b"\x81\0payload")
    + command("HINCRBY", ACCEPTED_KEY, "till", "7")
    + command("EXEC")
)
SNAPSHOT = b"REDIS0009\xfa\x09redis-ver\x066.2.14\xfe\x00\xff12345678*3\r\n no \xff" + b"checksum"
NULS = bytes(4096)


def single(folder: Path, content: bytes) -> Path:
    file = folder / "appendonly.aof"
    file.write_bytes(content)
    return file


def several(folder: Path, content: bytes) -> Path:
    listed = folder / "appendonlydir"
    listed.mkdir()
    (listed / "appendonly.aof.manifest").write_text(
        "file appendonly.aof.2.base.rdb seq 2 type b\n"
        "file appendonly.aof.1.incr.aof seq 1 type h\n"
        "file appendonly.aof.2.incr.aof seq 2 type i\n"
        'file "appendonly.aof.3.incr.aof" seq 3 type i\n'
    )
    (listed / "appendonly.aof.2.incr.aof").write_bytes(SET)
    file = listed / "appendonly.aof.3.incr.aof"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("layout", [single, several])
@pytest.mark.parametrize(
    "whole",
    [b"", SET, SET + JOB, JOB + b"#TS:1732800000\r\n" + SET, command("SET", "a", "")],
)
def test_a_file_that_ends_with_a_command_is_whole(tmp_path: Path, layout: object, whole: bytes) -> None:
    layout(tmp_path, whole)  # type: ignore[operator]  # either layout of files
    assert find_damage(tmp_path) is None


@pytest.mark.parametrize("layout", [single, several])
@pytest.mark.parametrize("before", [SET, JOB + SET])
@pytest.mark.parametrize("after", [b"", NULS, b"\0"])
@pytest.mark.parametrize("cut_off", [1, 2, 3, 5, 9, 12, 14, 25, 40, len(JOB) - 1])
def test_what_was_not_written_to_its_end_may_go(
    tmp_path: Path, layout: object, before: bytes, after: bytes, cut_off: int
) -> None:
    file = layout(tmp_path, before + JOB[:-cut_off] + after)  # type: ignore[operator]  # either layout of files
    damage = find_damage(tmp_path)
    assert damage is not None
    assert (damage.file, damage.end, damage.harmless) == (file, len(before), True)


@pytest.mark.parametrize("layout", [single, several])
def test_zeros_behind_whole_commands_may_go(tmp_path: Path, layout: object) -> None:
    layout(tmp_path, SET + JOB + NULS)  # type: ignore[operator]  # either layout of files
    damage = find_damage(tmp_path)
    assert damage is not None
    assert (damage.end, damage.size - damage.end, damage.harmless) == (len(SET + JOB), 4096, True)


@pytest.mark.parametrize(
    "rest",
    [
        b"garbage",
        b"garbage" + NULS,
        NULS + b"garbage",
        NULS + SET,
        b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9999\r\n" + SET,  # a damaged length swallows what follows
        b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nxyz",
        b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9999999999\r\nx",
        b"*x\r\n",
        b"PING\r\n",
        JOB[:-5] + SET + JOB,
    ],
)
def test_anything_else_is_for_a_person_to_decide(tmp_path: Path, rest: bytes) -> None:
    single(tmp_path, SET + JOB + rest)
    damage = find_damage(tmp_path)
    assert damage is not None
    assert not damage.harmless
    assert damage.end == len(SET + JOB)


@pytest.mark.parametrize(
    ("rest", "harmless"), [(b"", None), (NULS, True), (JOB[:-7], True), (b"garbage", False)]
)
def test_commands_behind_a_snapshot_are_found(tmp_path: Path, rest: bytes, *, harmless: bool | None) -> None:
    single(tmp_path, SNAPSHOT + SET + JOB + rest)
    damage = find_damage(tmp_path)
    assert (damage.harmless if damage else None) is harmless
    assert damage is None or damage.end == len(SNAPSHOT + SET + JOB)


def test_no_file_has_no_damage(tmp_path: Path) -> None:
    assert find_damage(tmp_path) is None


@pytest.mark.parametrize("layout", [single, several])
def test_cutting_keeps_a_copy_of_every_byte(tmp_path: Path, layout: object) -> None:
    file = layout(tmp_path, SET + JOB[:-3] + NULS)  # type: ignore[operator]  # either layout of files
    damage = find_damage(tmp_path)
    assert damage
    kept = cut(damage)
    assert file.read_bytes() == SET
    assert kept.parent == tmp_path
    assert kept.read_bytes() == JOB[:-3] + NULS
    assert kept.stat().st_mode & 0o777 == 0o600
    assert find_damage(tmp_path) is None


def test_acceptances_that_are_cut_off_still_count(tmp_path: Path) -> None:
    other = command("HINCRBY", ACCEPTED_KEY, "kasse", "3")
    file = single(tmp_path, SET + b"garbage" + JOB + other + JOB)
    damage = find_damage(tmp_path)
    assert damage
    cut(damage, counter=ACCEPTED_KEY)
    counted = [
        command("HINCRBY", ACCEPTED_KEY, project, number)
        for project, number in (("till", "14"), ("kasse", "3"))
    ]
    assert file.read_bytes() == SET + b"".join(counted)


def test_a_copy_that_cannot_be_written_cuts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = single(tmp_path, SET + NULS)
    damage = find_damage(tmp_path)
    assert damage

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.local.append_only._write_aside", refuse)
    with pytest.raises(StartupError, match="No space left on device"):
        cut(damage)
    assert file.read_bytes() == SET + NULS
