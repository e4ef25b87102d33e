"""The kinds of stored data that leave as a file, and the columns of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, get_args

from app.schemas.columns import COLUMNS, PROMISED_NAMES, UNSHOWN, ColumnType

__all__ = ["EXPORTED", "FORMATS", "KINDS", "RESULTS", "ExportColumn", "ExportKind", "Format"]

ExportKind = Literal["traces", "scores", "feedback", "labels", "labelled", "rollups"]
Format = Literal["ndjson", "csv", "parquet"]
KINDS: Final[Sequence[ExportKind]] = get_args(ExportKind)
FORMATS: Final[Sequence[Format]] = get_args(Format)


class ExportColumn(NamedTuple):
    """One column of a file: its name there, and its type. Bytes are written in hexadecimal."""

    name: str
    type: ColumnType


def _of(**types: ColumnType) -> tuple[ExportColumn, ...]:
    return tuple(ExportColumn(name, type_) for name, type_ in types.items())


_T = ColumnType
_TRACES: Final = (
    *(
        ExportColumn(PROMISED_NAMES.get(one.name, one.name), one.type)
        for one in COLUMNS
        if one.name not in UNSHOWN
    ),
    ExportColumn("cost_difference_usd", ColumnType.MONEY),
)
EXPORTED: Final[Mapping[ExportKind, tuple[ExportColumn, ...]]] = {
    "traces": _TRACES,
    "scores": _of(
        trace_id=_T.ID,
        timestamp=_T.MOMENT,
        model_name=_T.TEXT,
        evaluator=_T.TEXT,
        version=_T.TEXT,
        source=_T.TEXT,
        value=_T.NUMBER,
        label=_T.TEXT,
        confidence=_T.NUMBER,
        is_hit=_T.TRUTH,
        error=_T.TEXT,
        parts=_T.OBJECT,
        evidence=_T.OBJECT,
        created_at=_T.MOMENT,
    ),
    "feedback": _of(
        feedback_id=_T.ID,
        trace_id=_T.ID,
        created_at=_T.MOMENT,
        rating=_T.COUNT,
        comment=_T.TEXT,
        categories=_T.TEXTS,
        user_id=_T.TEXT,
    ),
    "labels": _of(
        label_id=_T.ID,
        trace_id=_T.ID,
        timestamp=_T.MOMENT,
        finding=_T.TEXT,
        flag=_T.TEXT,
        label=_T.TEXT,
        value=_T.NUMBER,
        evidence=_T.OBJECT,
        comment=_T.TEXT,
        actor=_T.TEXT,
        created_at=_T.MOMENT,
    ),
    "labelled": _of(
        task=_T.TEXT,
        source=_T.TEXT,
        prompt=_T.TEXT,
        response=_T.TEXT,
        context=_T.TEXT,
        reference=_T.TEXT,
        label=_T.NUMBER,
        meta=_T.OBJECT,
    ),
    "rollups": _of(
        timestamp=_T.MOMENT,
        seconds=_T.COUNT,
        source=_T.TEXT,
        dimension=_T.TEXT,
        value=_T.TEXT,
        model_name=_T.TEXT,
        template_id=_T.TEXT,
        requests=_T.COUNT,
        assessed=_T.COUNT,
        violations=_T.COUNT,
        quality_count=_T.COUNT,
        quality_sum=_T.NUMBER,
        priced=_T.COUNT,
        cost_usd=_T.MONEY,
        prompt_tokens=_T.COUNT,
        completion_tokens=_T.COUNT,
    ),
}
RESULTS: Final = _of(
    line=_T.COUNT,
    trace_id=_T.ID,
    state=_T.TEXT,
    timestamp=_T.MOMENT,
    model_name=_T.TEXT,
    quality_score=_T.NUMBER,
    safety_score=_T.NUMBER,
    is_safe=_T.TRUTH,
    safety_flags=_T.TEXTS,
    cost_usd=_T.MONEY,
    pricing_status=_T.TEXT,
    error=_T.TEXT,
    scores=_T.OBJECT,
)
"""The columns of the results of an evaluation."""
