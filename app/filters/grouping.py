"""What figures may be grouped by: at most two fields of a trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from app.errors import InvalidParameter
from app.filters.conditions import Comparison, Operator, negate
from app.filters.fields import find_field, near_names
from app.filters.filter import Filter
from app.filters.parsing import MOST_KEY_CHARACTERS

__all__ = ["MOST_DIMENSIONS", "Dimension", "parse_group_by"]

MOST_DIMENSIONS: Final = 2
_PLAIN: Final = ("model", "provider", "user", "session", "tag", "template")
_METADATA: Final = "metadata."
_OFFERED: Final = f"{', '.join(_PLAIN)} or metadata.KEY"
_MOST_CHARACTERS: Final = 1_000


class Dimension(msgspec.Struct, frozen=True):
    """One field to group by, and its key where it is a key of metadata."""

    field: str
    key: str = ""

    @property
    def name(self) -> str:
        """The name as it is written in `group_by`."""
        return self.field + self.key

    @property
    def overlaps(self) -> bool:
        """Whether one trace may be in several groups."""
        return self.field == "tag"

    def equals(self, value: str | None) -> Filter:
        """Return the filter of the traces in one group; None stands for a missing value."""
        if value is None:
            return Filter(negate(Comparison(self.field, Operator.EXISTS, (), self.key)))
        return Filter(Comparison(self.field, Operator.IN, (value,), self.key))


def parse_group_by(given: Sequence[str]) -> tuple[Dimension, ...]:
    """Return the fields that a query names, each parameter with one or several between commas.

    Raises InvalidParameter for an unknown one, one that is named twice, and more than two.
    """
    names = [name.strip() for one in given for name in one[:_MOST_CHARACTERS].split(",") if name.strip()]
    if len(names) > MOST_DIMENSIONS:
        raise _refuse(f"at most {MOST_DIMENSIONS} fields are expected, and these are {len(names)}")
    found = tuple(map(_dimension, names))
    if len(set(found)) < len(found):
        raise _refuse(f"{found[0].name} is named twice")
    return found


def _dimension(name: str) -> Dimension:
    found = find_field(name)
    if found is not None and found[0].name in _PLAIN:
        return Dimension(found[0].name)
    if found is not None and found[0].name == _METADATA and 0 < len(found[1]) <= MOST_KEY_CHARACTERS:
        if "\0" in found[1]:
            raise _refuse("a key of metadata has no NUL character")
        return Dimension(_METADATA, found[1])
    near = near_names(name, (*_PLAIN, _METADATA))
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise _refuse(f"{name[:64]!r} cannot be grouped by, only {_OFFERED}{hint}")


def _refuse(message: str) -> InvalidParameter:
    end = "" if message.endswith("?") else "."
    return InvalidParameter(f"group_by: {message}{end}", errors=[{"field": "group_by", "message": message}])
