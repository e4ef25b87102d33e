"""Whether people looked at a call, as conditions on rows of `traces`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, ColumnElement, and_, case, func, select

from app.storage.tables import labels, traces
from app.storage.traces.verdicts import decided

__all__ = ["FALSE", "LABELS", "OF_CALL", "REVIEWED", "is_done", "is_done_by", "labelled"]

_SAME = labels.c.project_id == traces.c.project_id, labels.c.trace_id == traces.c.trace_id
OF_CALL: Final = select(labels.c.flag).where(*_SAME, labels.c.evidence.is_(None))
"""The flags of the labels of a call, without labels of one place, which decide nothing."""
_ANY: Final = OF_CALL.correlate(traces).exists()
_UNFLAGGED: Final = func.cardinality(traces.c.flags) == 0
_verdicts = decided(*_SAME, labels.c.flag.is_not(None)).correlate(traces).subquery()
_decided = func.array(select(_verdicts.c.flag).correlate(traces).scalar_subquery())
_dismissed = select(_verdicts.c.flag).where(_verdicts.c.label == "false_alarm").correlate(traces)
REVIEWED: Final[ColumnElement[bool]] = case(
    (_UNFLAGGED, _ANY), else_=traces.c.flags.op("<@", return_type=Boolean())(_decided)
)
"""A call was looked at when most people agree on each of its flags. One without a flag needs a
label."""
FALSE: Final = _dismissed.exists()
"""Whether people decided that a flag of a call is a false alarm."""
LABELS: Final = func.array(OF_CALL.with_only_columns(labels.c.label).correlate(traces).scalar_subquery())
"""What people said of a call."""


def is_done(raters: int) -> ColumnElement[bool]:
    """Return whether so many people labelled a call, and most of them agree on each flag."""
    if raters == 1:
        return REVIEWED
    actors = select(func.count(labels.c.actor.distinct())).where(*_SAME, labels.c.evidence.is_(None))
    whole = actors.where((labels.c.flag == func.any(traces.c.flags)) | _UNFLAGGED)
    return and_(REVIEWED, whole.correlate(traces).scalar_subquery() >= raters)


def is_done_by(actor: str) -> ColumnElement[bool]:
    """Return whether one person has said everything about a call that is asked."""
    said = OF_CALL.where(labels.c.actor == actor)
    flags = func.array(said.where(labels.c.flag.is_not(None)).correlate(traces).scalar_subquery())
    return case(
        (_UNFLAGGED, said.correlate(traces).exists()),
        else_=traces.c.flags.op("<@", return_type=Boolean())(flags),
    )


def labelled(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return whether a call has a label of which all conditions on `labels` hold."""
    return OF_CALL.where(*conditions).correlate(traces).exists()
