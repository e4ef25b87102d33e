"""What counts of a call after people found that some of its flags are false alarms."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from app.figures.aggregation import difference
from app.schemas.traces import Trace
from app.storage.access.projects import share_settings
from app.storage.budgets.spending import count_spending
from app.storage.engine import Connection
from app.storage.rollups.writing import append_deltas
from app.storage.traces.dismissals import lock_labelled, save_dismissed, take_changes
from app.storage.traces.labels import read_verdicts
from monitoring.evaluator import Evaluator

__all__ = ["Raised", "count_again", "dismiss"]


class Raised:
    """The flags that evaluators raise, and the order in which a call names them."""

    def __init__(self, evaluators: Iterable[Evaluator]) -> None:
        self._flags = {one.name: one.flag for one in evaluators}
        self._order = {flag: place for place, flag in enumerate(self._flags.values())}

    def ordered(self, flags: Iterable[str]) -> tuple[str, ...]:
        """Return flags in the order in which a verdict names them; unknown ones come last."""
        return tuple(sorted(set(flags), key=lambda flag: (self._order.get(flag, len(self._order)), flag)))

    def flag_of(self, evaluator: str) -> str | None:
        """Return the flag of an evaluator. An unknown one has the flag of its own name."""
        return self._flags.get(evaluator, evaluator)


def dismiss(trace: Trace, false_alarms: Collection[str], raised: Raised) -> Trace:
    """Return a call of which the false alarms do not count, and everything else that was raised.

    It depends only on what was raised and on `false_alarms`, so that taking a label back restores
    what was before. The scores stay as they are.
    """
    if not (trace.flags or trace.dismissed_flags):
        return trace
    every = raised.ordered((*trace.flags, *trace.dismissed_flags))
    hits = (*trace.hits, *(name for name in trace.dismissed_hits if name not in trace.hits))
    flags = tuple(flag for flag in every if flag not in false_alarms)
    gone = tuple(flag for flag in every if flag in false_alarms)
    return msgspec.structs.replace(
        trace,
        flags=flags,
        hits=tuple(name for name in hits if raised.flag_of(name) not in gone),
        is_safe=not flags,
        dismissed_flags=gone,
        dismissed_hits=tuple(name for name in hits if raised.flag_of(name) in gone),
    )


async def count_again(
    connection: Connection, project_id: str, raised: Raised, descriptive: Collection[str], *, most: int
) -> int:
    """Count calls again whose labels changed, and return how many noted changes were taken.

    The calls, the rollups and the noted changes change in the connection's transaction. The
    project's settings are locked until it ends: when they change afterwards, that notes the calls
    again.
    """
    trace_ids = await take_changes(connection, project_id, most)
    settings = await share_settings(connection, project_id)
    before = await lock_labelled(connection, project_id, trace_ids)
    wanted = settings is not None and settings.dismiss_false_alarms
    verdicts = await read_verdicts(connection, project_id, trace_ids) if wanted else {}
    pairs = [(call, dismiss(call, _false_alarms(verdicts.get(call.trace_id, {})), raised)) for call in before]
    await _save(connection, project_id, [pair for pair in pairs if pair[0] != pair[1]], descriptive)
    return len(trace_ids)


def _false_alarms(verdicts: Mapping[str, str]) -> list[str]:
    return [flag for flag, verdict in verdicts.items() if verdict == "false_alarm"]


async def _save(
    connection: Connection,
    project_id: str,
    changed: Sequence[tuple[Trace, Trace]],
    descriptive: Collection[str],
) -> None:
    before, after = [one for one, _ in changed], [other for _, other in changed]
    await save_dismissed(connection, project_id, after)
    await count_spending(connection, project_id, before, after)
    await append_deltas(connection, difference(before, after, descriptive))
