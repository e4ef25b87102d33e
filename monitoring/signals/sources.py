"""The texts that responses are compared with.

Passages of prose stay as they were given, and structured ones are read as fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.signals.fields import Field, read_fields
from monitoring.text.language import covered
from monitoring.text.prepared import Prepared

__all__ = ["SourceField", "SourceTexts", "read_source", "source_covered"]

SourceField = Literal["context", "reference"]
_JOINT = "\n"


class SourceTexts(NamedTuple):
    """A batch with its sources in the form that is compared, and the rows of each of their words.

    `rows` uint64 and `claims` uint8 have one entry per word of the field, as in
    `monitoring.signals.fields`. If no source of the batch has fields, both are empty and `batch` is
    the original one.
    """

    batch: Prepared
    rows: NDArray[np.uint64]
    claims: NDArray[np.uint8]


def read_source(batch: Prepared, source: SourceField) -> SourceTexts:
    """Return the sources of a batch; structured passages of the context are read as fields."""
    return batch.shared(("source_texts", source), lambda: _read(batch, source))


def source_covered(batch: Prepared, source: SourceField) -> NDArray[np.bool_]:
    """Tell for each source whether it is English or of no language, without regard to fields.

    This is `covered` for the prose of the sources. The names of fields and their contents have no
    language that could be recognised.
    """
    fields = _fields(batch) if source == "context" else None
    if fields is None:
        return covered(batch, source)
    prose = [
        record if found is None else msgspec.structs.replace(record, context=(_prose(found),))
        for record, found in zip(batch.records, fields, strict=True)
    ]
    return covered(Prepared(prose), source)


def _read(batch: Prepared, source: SourceField) -> SourceTexts:
    fields = _fields(batch) if source == "context" else None
    if fields is None:
        return SourceTexts(batch, np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint8))
    whole = [
        found if found is not None else [Field("\n\n".join(record.context), 0)]
        for record, found in zip(batch.records, fields, strict=True)
    ]
    read = Prepared(
        [
            msgspec.structs.replace(record, context=(_JOINT.join(field.text for field in found),))
            for record, found in zip(batch.records, whole, strict=True)
        ]
    )
    starts = read.encoded("context").starts
    begins = np.concatenate(
        [start + _begins(found) for start, found in zip(starts[:-1], whole, strict=True) if found]
    )
    every = list(chain.from_iterable(whole))
    rows = np.array([field.rows for field in every], dtype=np.uint64)
    claims = np.array([field.claim for field in every], dtype=np.uint8)
    at = np.searchsorted(begins, read.words("context").begins, side="right") - 1
    return SourceTexts(read, rows[at], claims[at])


def _begins(fields: Sequence[Field]) -> NDArray[np.int64]:
    """Return the byte at which each field begins in the text that joins them."""
    sizes = [len(field.text.encode("utf-8", "replace")) + len(_JOINT) for field in fields[:-1]]
    return np.cumsum([0, *sizes], dtype=np.int64)


def _fields(batch: Prepared) -> list[list[Field] | None] | None:
    """Return the fields of each record's context, or None for prose.

    The whole result is None if no record has fields.
    """
    return batch.shared(("source_texts", "fields"), lambda: _find_fields(batch))


def _find_fields(batch: Prepared) -> list[list[Field] | None] | None:
    found = [_record_fields(record.context) if record.context else None for record in batch.records]
    return found if any(fields is not None for fields in found) else None


def _record_fields(context: Sequence[str]) -> list[Field] | None:
    read = [read_fields(passage) for passage in context]
    if all(fields is None for fields in read):
        return None
    return [
        field
        for passage, fields in zip(context, read, strict=True)
        for field in (fields if fields is not None else [Field(passage, 0)])
    ]


def _prose(fields: Sequence[Field]) -> str:
    return "\n\n".join(field.text for field in fields if not field.rows)
