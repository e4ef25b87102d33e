"""What people decided about findings: the majority of those who labelled the same one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from app.storage.tables import labels, traces

__all__ = ["NEWEST_FIRST", "decided"]

NEWEST_FIRST = (labels.c.created_at.desc(), labels.c.label_id.desc())


def decided(*conditions: ColumnElement[bool], by_flag: bool = True) -> Select[Any]:
    """Return the query for calls, flags and what the majority says of them: `label`.

    Each person has one vote, the newest. Where as many say one as the other, nothing is decided and
    there is no row. Labels of one place decide nothing. Without `by_flag` the votes on a call are
    counted together, and `flag` is missing. Conditions may name a row of `traces` around the query.
    """
    what = [labels.c.trace_id, *([labels.c.flag] if by_flag else [])]
    votes = (
        select(*what, labels.c.actor, labels.c.label)
        .ext(distinct_on(*what, labels.c.actor))
        .where(labels.c.evidence.is_(None), *conditions)
        .order_by(*what, labels.c.actor, *NEWEST_FIRST)
        .correlate(traces)
        .subquery()
    )
    true = func.count().filter(votes.c.label == "true_alarm")
    false = func.count().filter(votes.c.label == "false_alarm")
    of_votes = [votes.c[one.name] for one in what]
    return (
        select(*of_votes, case((true > false, "true_alarm"), else_="false_alarm").label("label"))
        .group_by(*of_votes)
        .having(true != false)
    )
