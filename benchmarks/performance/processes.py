"""The CPU time and memory that processes have used, read from the kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import psutil

__all__ = ["cpu_seconds", "cpu_used", "family", "resident_bytes", "shared_out_bytes"]


def family(pid: int) -> list[psutil.Process]:
    """Return a running process and all its running descendants."""
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pid: int) -> float:
    """Return CPU seconds of a process, its descendants, and ended ones that were waited for."""
    total = 0.0
    for process in family(pid):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


@contextmanager
def cpu_used(pids: Mapping[str, int]) -> Iterator[dict[str, float]]:
    """Yield a mapping that holds, after the block, the CPU seconds of each named family in it."""
    used: dict[str, float] = {}
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    own = os.times()
    yield used
    used.update({name: cpu_seconds(pid) - before[name] for name, pid in pids.items()})
    spent = os.times()
    used["load"] = spent.user + spent.system - own.user - own.system


def resident_bytes(pid: int) -> int:
    """Return the resident memory of one process, including common pages."""
    return int(psutil.Process(pid).memory_info().rss)


def shared_out_bytes(pid: int, folder: str) -> dict[int, tuple[str, int]]:
    """Return PSS by process id, with the command line; PSS divides common pages among their users.

    The processes are `pid`, the servers that work on `folder`, the parents of those, and all their
    descendants.
    """
    heads = {pid}
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if any(folder in part for part in process.cmdline()):
                heads |= {process.pid, process.ppid()} - {1}
    found = {}
    for head in heads:
        for process in family(head):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                command = " ".join(process.cmdline())
                found[process.pid] = (command, int(process.memory_full_info().pss))
    found.pop(os.getpid(), None)
    return found
