"""Finding what makes a whole batch fail: a part that failed is tried again as its two halves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

__all__ = ["Bisection", "halves"]

T = TypeVar("T")


class Bisection(Generic[T]):
    """The parts of a batch that are still to be tried, beginning with the whole batch.

    The caller iterates over the parts and tries each. Where a part fails, the caller has it halved; where it
    cannot be halved, its one item is what fails. Parts come in the order of the batch, and an empty batch has none.
    """

    def __init__(self, batch: Sequence[T]) -> None:
        self._parts = [batch] if batch else []

    def __iter__(self) -> Iterator[Sequence[T]]:
        """Yield the next part until no part is left."""
        while self._parts:
            yield self._parts.pop()

    def halve(self, part: Sequence[T]) -> bool:
        """Have the halves of a failed part tried next; returns False where the part is one item."""
        if len(part) < 2:  # noqa: PLR2004 one item has no halves
            return False
        self._parts += reversed(halves(part))
        return True


def halves(batch: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """Return the first and the second half of a batch; of an odd number the second one is larger."""
    middle = len(batch) // 2
    return batch[:middle], batch[middle:]
