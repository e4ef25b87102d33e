"""Giving labels to stored calls and taking them back, each with its line in the audit log."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

import msgspec

from app.access.administration import Line, record
from app.errors import Conflict, InvalidRecord, NotFound
from app.schemas.ids import mint
from app.schemas.labels import MOST_LABELS, Label, Span, Verdict
from app.schemas.traces import Trace
from app.storage.engine import Connection
from app.storage.traces.dismissals import note_change
from app.storage.traces.labels import add_label, delete_label, delete_labels_like, read_labels
from app.storage.traces.reading import lock_traces
from app.storage.traces.reviewing import release_claim
from monitoring.models import Score

__all__ = ["LabelRequest", "flag_of", "give_label", "take_back_label"]

Raisers = Mapping[str, Collection[str]]
"""The evaluators that raise each flag."""
_VALUES: Mapping[Verdict, float] = {"true_alarm": 1.0, "false_alarm": 0.0}


class LabelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a new label should say: a verdict on a finding, or a score of the whole call."""

    finding: str | None = None
    verdict: Verdict | None = None
    score: float | None = None
    evidence: Span | None = None
    comment: str | None = None


async def give_label(
    connection: Connection, line: Line, trace_id: UUID, request: LabelRequest, raisers: Raisers
) -> Label | None:
    """Store a label of a call, in place of what the same person said about the same before.

    Returns None if the call is not stored. Raises InvalidRecord where the call has no such finding,
    and Conflict when it has too many labels.
    """
    trace = (await lock_traces(connection, line.project_id, [trace_id])).get(trace_id)
    if trace is None:
        return None
    flag = None if request.finding is None else flag_of(trace, request.finding, raisers)
    label = Label(
        label_id=mint(int(line.now.timestamp() * 1000)),
        trace_id=trace_id,
        finding=request.finding,
        flag=flag,
        label=request.verdict or "score",
        value=_VALUES[request.verdict] if request.verdict else request.score or 0.0,
        evidence=request.evidence,
        comment=request.comment,
        actor=line.actor,
        created_at=line.now,
    )
    await delete_labels_like(connection, line.project_id, label)
    if len(await read_labels(connection, line.project_id, trace_id)) >= MOST_LABELS:
        raise Conflict(f"A call has at most {MOST_LABELS} labels: remove one first.")
    await add_label(connection, trace, label)
    if label.evidence is None and {*trace.flags} <= {flag}:
        await release_claim(connection, line.project_id, trace_id, line.actor)
    await _note(connection, line, label)
    await _record(connection, line, "label.given", label)
    return label


async def take_back_label(connection: Connection, line: Line, trace_id: UUID, label_id: UUID) -> None:
    """Delete a label of a call; raises NotFound."""
    label = await delete_label(connection, line.project_id, trace_id, label_id)
    if label is None:
        raise NotFound("There is no label with this id.")
    await _note(connection, line, label)
    await _record(connection, line, "label.taken_back", label)


def flag_of(trace: Trace, finding: str, raisers: Raisers) -> str | None:
    """Return the flag of a call that a finding decides about.

    A finding is a flag of the call, or an evaluator that has a score there. An evaluator decides
    about its flag unless another one raised that flag too. Raises InvalidRecord for other names.
    """
    raised = (*trace.flags, *trace.dismissed_flags)
    if finding in raised:
        return finding
    if not isinstance(trace.scores.get(finding), Score):
        message = "is neither a flag of this call nor an evaluator with a score of it"
        raise InvalidRecord(
            f"The label was refused: finding {message}.", errors=[{"field": "finding", "message": message}]
        )
    hits = {*trace.hits, *trace.dismissed_hits}
    for flag in raised:
        found = set(raisers.get(flag, (flag,))) & hits
        if finding in found:
            return flag if found == {finding} else None
    return None


async def _note(connection: Connection, line: Line, label: Label) -> None:
    # What is said about one place, or about no flag, decides nothing.
    if label.flag is not None and label.evidence is None:
        await note_change(connection, line.project_id, label.trace_id)


async def _record(connection: Connection, line: Line, act: str, label: Label) -> None:
    said = {"finding": label.finding, "label": label.label, "value": label.value}
    await record(connection, line, act, str(label.trace_id), **said)
