"""The contract between the framework and one evaluator."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from monitoring.models import Score, TextField
from monitoring.text.prepared import Prepared

__all__ = ["Category", "Evaluator"]

Category = Literal["safety", "quality", "descriptive"]


@runtime_checkable
class Evaluator(Protocol):
    """Scores a prepared batch; one per file of `monitoring/evaluators`, made by that file's `build()`.

    `name` is the file's name. `version` changes whenever the same text could get another score.
    `category`: `safety` values are 1 when the thing is present, `quality` values are 1 when good,
    `descriptive` evaluators speak through their label (a topic, a language) and never judge.
    `needs` are the text fields that are read. A safety value at or above `threshold` raises `flag`;
    a quality value below `threshold` counts as low. None switches that off.
    """

    @property
    def name(self) -> str:
        """See the class."""
        ...

    @property
    def version(self) -> str:
        """See the class."""
        ...

    @property
    def category(self) -> Category:
        """See the class."""
        ...

    @property
    def needs(self) -> frozenset[TextField]:
        """See the class."""
        ...

    @property
    def flag(self) -> str | None:
        """See the class."""
        ...

    @property
    def threshold(self) -> float | None:
        """See the class."""
        ...

    def evaluate(self, batch: Prepared) -> list[Score]:
        """Return one score per record of the batch, in order, in time linear in its text.

        It is deterministic, keeps no state between batches, is safe to call from several threads, and
        returns `value=None` with a label where nothing can be known instead of raising or guessing.
        """
        ...
