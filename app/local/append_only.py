"""The file in which Redis keeps the queue: where it is damaged, and cutting a damaged end off.

A file of Redis 6 is one, `appendonly.aof`, perhaps with a snapshot at its front; later servers keep a list of
files in `appendonlydir`. Only the last file of a list is written to, so only its end can be torn by a crash.
"""

from __future__ import annotations

import mmap
import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from app.errors import StartupError

__all__ = ["Damage", "cut", "find_damage"]

_Buffer = bytes | mmap.mmap

_COUNT: Final = re.compile(rb"\*(\d{1,7})\r\n")
_LENGTH: Final = re.compile(rb"\$(\d{1,10})\r\n")
_NOTE: Final = re.compile(rb"#[^\r\n]*\r\n")
# What a file may end with in the middle of such a line.
_PART_OF_HEADER: Final = re.compile(rb"[*$](\d{0,10}\r?)?|#[^\r\n]*\r?")
_NEXT_COMMAND: Final = re.compile(rb"\r\n\*\d{1,7}\r\n\$\d{1,10}\r\n")
# A snapshot ends with this byte and eight of its checksum; what follows is commands.
_SNAPSHOT_END: Final = re.compile(rb"\xff.{8}(?=\*\d{1,7}\r\n\$)", re.DOTALL)
_SNAPSHOTS: Final = (b"REDIS", b"VALKEY")
_LONGEST_VALUE: Final = 512 * 1024 * 1024


class Damage(NamedTuple):
    """A file whose commands end at byte `end` of `size`.

    `harmless` where what follows is one command or transaction that was not written to its end, or zeros that
    the file system left after a loss of power: neither was ever acknowledged.
    """

    file: Path
    end: int
    size: int
    harmless: bool

    def __str__(self) -> str:
        return f"{self.size - self.end} of {self.size} bytes of {self.file}, from byte {self.end} on"


class _TornError(Exception):
    """The file ends within a command."""


class _BrokenError(Exception):
    """There is no command at this place."""


class _End(NamedTuple):
    """Where the last whole command or transaction ends, and where the command begins that could not be read."""

    whole: int
    unread: int
    torn: bool


def find_damage(folder: Path) -> Damage | None:
    """Return what is wrong with the file to which Redis wrote last in `folder`, None where nothing is.

    Reads all of it: seconds per hundred megabytes.
    """
    file = _last_file(folder)
    if file is None or not (size := file.stat().st_size):
        return None
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        judged = [_judge(file, content, start) for start in _starts(content)]
        if None in judged:
            return None
        found = [damage for damage in judged if damage]
        return max(found, key=lambda damage: damage.end, default=Damage(file, 0, size, harmless=False))


def _judge(file: Path, content: _Buffer, start: int) -> Damage | None:
    size = len(content)
    end = _read(content, start, size)
    if end.whole == size:
        return None
    filled = _without_zeros(content, end.unread)
    zeros = filled < size
    torn = end.torn or (zeros and (filled == end.unread or _read(content, end.unread, filled).torn))
    # A length that was damaged looks like a command that is not whole, with others behind it.
    alone = _NEXT_COMMAND.search(content, end.unread + 1, filled) is None
    return Damage(file, end.whole, size, harmless=torn and alone)


def _last_file(folder: Path) -> Path | None:
    listed = folder / "appendonlydir" / "appendonly.aof.manifest"
    if not listed.exists():
        single = folder / "appendonly.aof"
        return single if single.exists() else None
    lines = (shlex.split(line) for line in listed.read_text().splitlines())
    # Until a server that took over a file of Redis 6 has read it, that file is the base, and nothing follows it.
    names = {words[-1]: words[words.index("file") + 1] for words in lines if "file" in words}
    file = listed.parent / names.get("i", names.get("b", ""))
    return file if file.is_file() else None


def _starts(content: _Buffer) -> Iterator[int]:
    """Yield where commands may begin: at the front, or behind a snapshot, whose length nothing tells."""
    if content[:6].startswith(_SNAPSHOTS):
        for found in _SNAPSHOT_END.finditer(content):
            yield found.end()
    else:
        yield 0


def _read(content: _Buffer, start: int, size: int) -> _End:
    """Follow commands from `start` as far as they are whole; one MULTI to its EXEC counts as one."""
    place = whole = start
    open_transaction = False
    while place < size:
        try:
            after, name = _command(content, place, size)
        except (_TornError, _BrokenError) as error:
            return _End(whole, place, torn=isinstance(error, _TornError))
        if name == b"MULTI":
            open_transaction = True
        elif name == b"EXEC":
            open_transaction = False
        place = after
        if not open_transaction:
            whole = place
    return _End(whole, place, torn=True)


def _command(content: _Buffer, place: int, size: int) -> tuple[int, bytes]:
    """Return where the command at `place` ends, and its name in capitals."""
    if note := _NOTE.match(content, place, size):
        return note.end(), b""
    head = _header(_COUNT, content, place, size)
    place, name = head.end(), b""
    for number in range(int(head[1])):
        begin = _header(_LENGTH, content, place, size)
        length = int(begin[1])
        place = begin.end() + length + 2
        if length > _LONGEST_VALUE or not b"\r\n".startswith(
            content[begin.end() + length : min(place, size)]
        ):
            raise _BrokenError
        if place > size:
            raise _TornError
        if number == 0:
            name = content[begin.end() : min(place - 2, begin.end() + 16)].upper()
    return place, name


def _header(shape: re.Pattern[bytes], content: _Buffer, place: int, size: int) -> re.Match[bytes]:
    """Return the line at `place` that says how many values, or bytes of one, follow."""
    if found := shape.match(content, place, size):
        return found
    raise _TornError if place == size or _PART_OF_HEADER.fullmatch(content, place, size) else _BrokenError


def _without_zeros(content: _Buffer, start: int) -> int:
    """Return where the zeros at the end begin, at `start` at the earliest."""
    end, step = len(content), 1 << 16
    while end > start:
        part = content[max(start, end - step) : end].rstrip(b"\0")
        if part:
            return max(start, end - step) + len(part)
        end = max(start, end - step)
    return start


def cut(damage: Damage, *, counter: str | None = None) -> Path:
    """Cut the damaged end off, and return the file in which it is kept.

    With `counter`, the key of a hash of counts, what was added to it in that part is added all the same: so the
    ledger shows accepted records as unaccounted that are neither stored nor queued now. Raises StartupError when
    there is no room.
    """
    folder = next(each for each in damage.file.parents if each.name != "appendonlydir")
    kept = folder / f"damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{damage.end}.aof"
    try:
        with damage.file.open("r+b") as file:
            file.seek(damage.end)
            tail = file.read()
            _write_aside(kept, tail, like=damage.file)
            file.truncate(damage.end)
            if counter:
                file.seek(damage.end)
                file.write(_additions(tail, counter.encode()))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StartupError(
            f"{damage.file} could not be repaired ({error.strerror}): make room there"
        ) from error
    return kept


def _write_aside(kept: Path, tail: bytes, *, like: Path) -> None:
    with kept.open("wb") as copy:
        copy.write(tail)
        copy.flush()
        os.fsync(copy.fileno())
    owner = like.stat()
    kept.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(kept, owner.st_uid, owner.st_gid)


def _additions(tail: bytes, key: bytes) -> bytes:
    """Return one command per field of `key` that adds what the commands in `tail` would have added."""
    shape = rb"\*4\r\n\$7\r\nHINCRBY\r\n\$%d\r\n%s\r\n\$\d+\r\n([^\r\n]+)\r\n\$\d+\r\n(\d+)\r\n"
    counts: Counter[bytes] = Counter()
    for field, added in re.findall(shape % (len(key), re.escape(key)), tail, re.IGNORECASE):
        counts[field] += int(added)
    commands = ((b"HINCRBY", key, field, b"%d" % added) for field, added in counts.items())
    return b"".join(
        b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in command)
        for command in commands
    )
