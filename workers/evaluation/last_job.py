"""What a process is scoring, kept where its parent can read it when the process has died."""

from __future__ import annotations

import mmap

__all__ = ["LastJob"]

_BYTES = 512
_HEAD = 2


class LastJob:
    """The name of one job in memory that is shared by fork: made by the parent, written by the child.

    Nothing is written to disk or sent, so noting costs a microsecond and survives any death of the child.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _BYTES)

    def note(self, job: str) -> None:
        """Say which job is scored from now on; an empty text says none."""
        name = job.encode()[: _BYTES - _HEAD]
        self._memory[:_HEAD] = bytes(_HEAD)
        self._memory[_HEAD : _HEAD + len(name)] = name
        self._memory[:_HEAD] = len(name).to_bytes(_HEAD, "big")

    def read(self) -> str:
        """Return which job was scored last, empty when none was."""
        length = int.from_bytes(self._memory[:_HEAD], "big")
        return self._memory[_HEAD : _HEAD + length].decode(errors="replace")

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
