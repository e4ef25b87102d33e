"""Numbers that are whole but written with a point or an exponent, as integers where a type asks for integers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

__all__ = ["with_whole_numbers"]

_BEYOND = 2.0**63


def with_whole_numbers(value: Any, kind: Any) -> Any:
    """Return a decoded JSON value with 12.0 as 12 wherever `kind` has an integer and no float.

    Everything else is left as it is, what `kind` does not describe and numbers over 64 bits included.
    """
    return _convert(value, _describe(kind))


_describe = cache(inspect.type_info)


def _convert(value: Any, kind: inspect.Type) -> Any:
    if isinstance(value, float):
        return int(value) if _wants_integer(kind) and value.is_integer() and abs(value) < _BEYOND else value
    for choice in _choices(kind):
        if isinstance(choice, inspect.StructType) and isinstance(value, dict):
            fields = _fields(choice.cls)
            return {
                **value,
                **{name: _convert(value[name], fields[name]) for name in fields if name in value},
            }
        if isinstance(choice, inspect.DictType) and isinstance(value, dict):
            return {name: _convert(item, choice.value_type) for name, item in value.items()}
        if isinstance(choice, inspect.CollectionType) and isinstance(value, list):
            return [_convert(item, choice.item_type) for item in value]
    return value


def _choices(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _wants_integer(kind: inspect.Type) -> bool:
    choices = _choices(kind)
    return any(isinstance(one, inspect.IntType) for one in choices) and not any(
        isinstance(one, inspect.FloatType) for one in choices
    )


@cache
def _fields(kind: type[msgspec.Struct]) -> Mapping[str, inspect.Type]:
    """Return the fields in which there may be integers."""
    described = _describe(kind)
    holders = (inspect.StructType, inspect.DictType, inspect.CollectionType)
    return {
        field.encode_name: field.type
        for field in getattr(described, "fields", ())
        if _wants_integer(field.type) or any(isinstance(one, holders) for one in _choices(field.type))
    }
