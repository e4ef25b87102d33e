"""Whether people looked at a call, as conditions on rows of `traces`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, ColumnElement, case, func, select

from app.storage.tables import labels, traces

__all__ = ["LABELS", "OF_CALL", "REVIEWED", "labelled"]

OF_CALL: Final = select(labels.c.flag).where(
    labels.c.project_id == traces.c.project_id,
    labels.c.trace_id == traces.c.trace_id,
    labels.c.evidence.is_(None),
)
"""The flags of the labels of a call, without labels of one place, which decide nothing."""
_decided = func.array(OF_CALL.where(labels.c.flag.is_not(None)).correlate(traces).scalar_subquery())
REVIEWED: Final[ColumnElement[bool]] = case(
    (func.cardinality(traces.c.flags) == 0, OF_CALL.correlate(traces).exists()),
    else_=traces.c.flags.op("<@", return_type=Boolean())(_decided),
)
"""A call was looked at when all its flags are decided. One without a flag needs a label."""
LABELS: Final = func.array(OF_CALL.with_only_columns(labels.c.label).correlate(traces).scalar_subquery())
"""What people said of a call."""


def labelled(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return whether a call has a label of which all conditions on `labels` hold."""
    return OF_CALL.where(*conditions).correlate(traces).exists()
