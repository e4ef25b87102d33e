"""The fields of the filter language, for those who complete what people type."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from app.filters.fields import FAMILIES, FIELDS, Field
from app.filters.parsing import written_operators

__all__ = ["FieldList", "FieldShown", "list_fields"]


class FieldShown(BaseModel):
    """One field. A name that ends with a dot takes a key: one of `keys`, or any if there are none.

    `values` lists all values where only some are possible.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    aliases: tuple[str, ...]
    type: str
    operators: tuple[str, ...]
    values: tuple[str, ...]
    keys: tuple[str, ...]
    description: str


class FieldList(BaseModel):
    """All fields of a trace that a filter may name."""

    model_config = ConfigDict(frozen=True)

    fields: tuple[FieldShown, ...]


def list_fields(evaluators: Sequence[str]) -> FieldList:
    """Return all fields; the names of the evaluators are the keys of `score.` and `label.`."""
    keyed = {"score": tuple(evaluators), "label": tuple(evaluators)}
    return FieldList(fields=tuple(_shown(one, keyed.get(one.column, ())) for one in (*FIELDS, *FAMILIES)))


def _shown(field: Field, keys: tuple[str, ...]) -> FieldShown:
    return FieldShown(
        name=field.name,
        aliases=field.aliases,
        type=field.type,
        operators=written_operators(field),
        values=field.values,
        keys=keys,
        description=field.description,
    )
