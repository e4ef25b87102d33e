"""Reading attributes of several conventions: the first name with a usable value is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.schemas.json_input import NotJsonError, WrongShapeError, check_values, read_any
from app.schemas.limits import MOST_RECORD_VALUES
from monitoring.bounds import BEYOND, MOST_MILLISECONDS, MOST_TOKENS, is_bounded, read_count, read_number

__all__ = ["Attributes", "first_count", "first_number", "first_text", "parsed", "unflatten"]

Attributes = Mapping[str, Any]

_ENCODED = "mlflow."  # values of MLflow are JSON, so texts have quotes
_LONGEST_LIST = 10_000


def first_text(attributes: Attributes, names: Sequence[str]) -> str | None:
    """Return the first of `names` with text or a number, as text without surrounding blanks."""
    for name in names:
        value = attributes.get(name)
        if value is None:
            continue
        if name.startswith(_ENCODED):
            value = parsed(value)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            text = str(value).strip()
            if text:
                return text
    return None


def first_number(
    attributes: Attributes, names: Sequence[str], most: float = MOST_MILLISECONDS
) -> float | None:
    """Return the first of `names` that holds a number from 0 to `most`.

    If none does but some hold another number, the result is BEYOND; None if none holds a number.
    """
    found: float | None = None
    for name in names:
        if (value := attributes.get(name)) is not None and (number := read_number(value)) is not None:
            if is_bounded(number, most):
                return number
            found = BEYOND
    return found


def first_count(attributes: Attributes, names: Sequence[str]) -> int | None:
    """Return the first of `names` that holds a whole number of tokens within bounds.

    If none does, the result is that of `first_number`.
    """
    found: int | None = None
    for name in names:
        if (value := attributes.get(name)) is not None and (
            number := read_count(value, MOST_TOKENS)
        ) is not None:
            if number != BEYOND:
                return number
            found = BEYOND
    return found


def parsed(value: Any) -> Any:
    """Return the value that a JSON string stands for; other values unchanged.

    JSON of more values than a record may hold stays a string.
    """
    if not isinstance(value, str) or value[:1] not in {"[", "{", '"'}:
        return value
    # An escaped NUL would become a NUL character, which Postgres cannot store.
    content = (value.replace("\\u0000", "\\ufffd") if "\\u0000" in value else value).encode(
        "utf-8", "replace"
    )
    if not check_values(content, MOST_RECORD_VALUES):
        return value
    try:
        return read_any(content)
    except (NotJsonError, WrongShapeError):
        return value


def unflatten(attributes: Attributes, prefix: str) -> list[Any]:
    """Return the list that conventions spread over names such as `prefix.0.message.role`.

    Numbers in a name are positions, which may have gaps. The list keeps their order.
    """
    start = f"{prefix}."
    spread = [(name, value) for name, value in attributes.items() if name.startswith(start)]
    if not spread:
        return []
    tree: dict[str, Any] = {}
    for name, value in spread:
        *path, last = name[len(start) :].split(".")
        node = tree
        for step in path:
            inner = node.setdefault(step, {})
            if not isinstance(inner, dict):
                break
            node = inner
        else:
            node.setdefault(last, value)
    found = _listed(tree)
    return found if isinstance(found, list) else []


def _listed(node: Any) -> Any:
    """Turn mappings whose keys are all numbers into lists, at every depth."""
    if not isinstance(node, dict):
        return node
    if node and all(key.isascii() and key.isdigit() and len(key) < len(str(_LONGEST_LIST)) for key in node):
        return [_listed(node[key]) for key in sorted(node, key=int)]
    return {key: _listed(value) for key, value in node.items()}
