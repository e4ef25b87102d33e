"""The name of the job that a process is scoring, which its parent can read after it died."""

from __future__ import annotations

import mmap

__all__ = ["LastJob"]

_BYTES = 512
_HEAD = 2


class LastJob:
    """The name of one job in memory that parent and child share by fork: the child writes it.

    Nothing is written to disk or sent. Noting a name takes a microsecond, and it survives any death
    of the child.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _BYTES)

    def note(self, job: str) -> None:
        """Note the job whose scoring begins; an empty text says that no job is scored."""
        name = job.encode()[: _BYTES - _HEAD]
        self._memory[:_HEAD] = bytes(_HEAD)
        self._memory[_HEAD : _HEAD + len(name)] = name
        self._memory[:_HEAD] = len(name).to_bytes(_HEAD, "big")

    def read(self) -> str:
        """Return the name of the job that was scored last, or an empty text if there was none."""
        length = int.from_bytes(self._memory[:_HEAD], "big")
        return self._memory[_HEAD : _HEAD + length].decode(errors="replace")

    def close(self) -> None:
        """Release the memory."""
        self._memory.close()
