"""The line that is printed for each attack.

It says how attackers were answered, and what the tenant noticed.
"""

from __future__ import annotations

from tests.abuse.measurement import Measurement, Window

__all__ = ["HEAD", "describe", "line"]

# Memory is in MiB. For API and dashboard the line shows how much they grew and how much of it they
# kept.
HEAD = (
    f"{'attack':<19}{'case':<8}{'p50 ms before/during/after':<28}{'p99 ms before/during/after':<30}{'x':>5}"
    f"{'faults':>8}{'stored s':>10}{'gap s':>7}{'API MiB':>11}{'dashboard':>11}{'worker':>8}{'redis':>7}{'rest s':>8}{'others':>8}  answers"
)


def describe(found: Measurement) -> str:
    """Return what is wrong with one attack, and the slowest kinds of request of the tenant."""
    kinds = ", ".join(f"{kind} {ms:.0f}" for kind, ms in found.during.by_kind.items())
    return "\n  ".join(
        [f"{found.attack}: {found.rounds} round(s), p99 during in ms: {kinds}", *found.complaints]
    )


def line(one: Measurement) -> str:
    """Return one attack in one line below HEAD."""
    answers = " ".join(f"{status}:{count}" for status, count in sorted(one.answers.items()))
    windows: tuple[Window, ...] = (one.before, one.during, one.after)
    p50, p99 = ("/".join(f"{getattr(each, name):.0f}" for each in windows) for name in ("p50", "p99"))
    faults = sum(one.during.faults.values()) + sum(one.after.faults.values())
    stored = max(one.during.stored, one.after.stored)
    factor = max(one.during.p99, one.after.p99) / one.before.p99 if one.before.p99 else 0.0
    memory = "".join(f"{f'{peak:+.0f}/{kept:+.0f}':>11}" for peak, kept in one.growth.values())
    return (
        f"{one.attack:<19}{one.case:<8}{p50:<28}{p99:<30}{factor:>5.1f}{faults:>8}{stored:>10.1f}"
        f"{max(one.gaps.values()):>7.1f}{memory}{one.workers_mib:>8.0f}{one.redis_mib:>7.0f}{one.rest_seconds:>8.1f}{one.others:>8.0%}  {answers}"
    )
