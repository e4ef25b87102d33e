"""Reading the values of a filter, as the type of their field wants them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from app.errors import InvalidParameter
from app.filters.conditions import ORDERED, Operator, Value
from app.filters.fields import Field, FieldType, near_names
from app.filters.tokens import Token, TokenKind, refuse

__all__ = ["KEYWORDS", "MOST_VALUE_CHARACTERS", "read_value"]

KEYWORDS: Final = frozenset({"and", "or", "not", "in", "is", "null", "exists", "contains", "true", "false"})
MOST_VALUE_CHARACTERS: Final = 1_000
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?")
_MOST_DIGITS = 60
_MOST_NUMBER = Decimal("1e30")
_TRUTHS = {"true": True, "false": False}
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def read_value(field: Field, operator: Operator, token: Token) -> Value:
    """Return the value of a token; raises InvalidParameter if it is none for the field."""
    if token.kind not in {TokenKind.STRING, TokenKind.WORD}:
        raise refuse(token.start, f"a value for {field.name} is expected here, not {token}")
    if len(token.text) > MOST_VALUE_CHARACTERS:
        raise refuse(
            token.start, f"a value may have {MOST_VALUE_CHARACTERS} characters, and this one has more"
        )
    match field.type:
        case FieldType.TEXT | FieldType.TEXTS:
            return _read_text(field, token)
        case FieldType.NUMBER:
            return _read_number(field, token)
        case FieldType.TRUTH:
            return _read_truth(field, token)
        case FieldType.MOMENT:
            return _read_moment(field, token)
        case FieldType.ID | FieldType.HEX:
            return _read_id(field, token)
        case FieldType.JSON:
            return _read_any(field, operator, token)


def _read_text(field: Field, token: Token) -> str:
    if token.kind is TokenKind.WORD and token.text.lower() in KEYWORDS:
        hint = "; write `is null` for a missing one" if token.text.lower() == "null" else ""
        raise refuse(token.start, f"a text in quotes is expected for {field.name}, not {token}{hint}")
    if field.values and token.text not in field.values:
        near = near_names(token.text, field.values)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise refuse(token.start, f"{field.name} is one of {', '.join(field.values)}, not {token}{hint}")
    return token.text


def _number(token: Token) -> Decimal | None:
    if token.kind is not TokenKind.WORD or len(token.text) > _MOST_DIGITS:
        return None
    found = Decimal(token.text) if _NUMBER.fullmatch(token.text) else None
    return None if found is None or abs(found) > _MOST_NUMBER else found


def _read_number(field: Field, token: Token) -> Decimal:
    found = _number(token)
    if found is None:
        raise refuse(
            token.start,
            f"a number without quotes or unit is expected for {field.name}{_key(field)}, not {token}",
        )
    return found


def _key(field: Field) -> str:
    return "NAME" if field.name.endswith(".") else ""


def _read_truth(field: Field, token: Token) -> bool:
    found = _TRUTHS.get(token.text.lower())
    if found is None:
        raise refuse(token.start, f"{field.name} is true or false, not {token}")
    return found


def _read_moment(field: Field, token: Token) -> datetime:
    try:
        found = datetime.fromisoformat(token.text)
        found = (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _no_moment(field, token) from error
    if not _EARLIEST <= found < _LATEST:
        raise _no_moment(field, token)
    return found


def _no_moment(field: Field, token: Token) -> InvalidParameter:
    example = '"2026-11-30T14:00:00Z"'
    return refuse(token.start, f"a moment such as {example} is expected for {field.name}, not {token}")


def _read_id(field: Field, token: Token) -> UUID | bytes:
    try:
        return UUID(token.text) if field.type is FieldType.ID else bytes.fromhex(token.text)
    except ValueError as error:
        what = "an id of a trace" if field.type is FieldType.ID else "an even number of hexadecimal digits"
        raise refuse(token.start, f"{what} is expected for {field.name}, not {token}") from error


def _read_any(field: Field, operator: Operator, token: Token) -> Value:
    if operator in ORDERED:
        return _read_number(field, token)
    if token.kind is TokenKind.WORD and operator is Operator.IN:
        truth, number = _TRUTHS.get(token.text.lower()), _number(token)
        if truth is not None or number is not None:
            return number if truth is None and number is not None else bool(truth)
    return _read_text(field, token)
