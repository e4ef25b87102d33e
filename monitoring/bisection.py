"""Finding the items that make a batch fail: a failed part is tried again as two halves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

__all__ = ["Bisection", "halves"]

T = TypeVar("T")


class Bisection(Generic[T]):
    """The parts of a batch that are still to be tried, beginning with the whole batch.

    The caller iterates over the parts and tries each of them. It asks for the halves of a part that
    fails. A part that cannot be halved is one item, and that item is at fault. Parts come in the
    order of the batch, and an empty batch has no parts.
    """

    def __init__(self, batch: Sequence[T]) -> None:
        self._parts = [batch] if batch else []

    def __iter__(self) -> Iterator[Sequence[T]]:
        """Yield the next part until no part is left."""
        while self._parts:
            yield self._parts.pop()

    def halve(self, part: Sequence[T]) -> bool:
        """Have the halves of a failed part tried next; returns False if it is a single item."""
        if len(part) < 2:  # noqa: PLR2004 one item has no halves
            return False
        self._parts += reversed(halves(part))
        return True


def halves(batch: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """Return the two halves of a batch; if its length is odd, the second half is the longer one."""
    middle = len(batch) // 2
    return batch[:middle], batch[middle:]
