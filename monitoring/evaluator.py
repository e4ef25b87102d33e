"""The contract between the framework and one evaluator."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from monitoring.models import Score, TextField
from monitoring.text.prepared import Prepared

__all__ = ["Category", "Evaluator"]

Category = Literal["safety", "quality", "descriptive"]


@runtime_checkable
class Evaluator(Protocol):
    """Scores a prepared batch; each file of `monitoring/evaluators` makes one in its `build()`.

    `name` is the name of the file. `version` changes whenever the same text could get another
    score. `category` says what a value means: `safety` values are 1 if the harm is present,
    `quality` values are 1 if the text is good, and `descriptive` evaluators give a label (a topic,
    a language) and judge nothing. `needs` are the text fields that are read. A safety value at or
    above `threshold` raises `flag`; a quality value below `threshold` counts as low. None switches
    either off.
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

        An evaluator is deterministic, keeps no state between batches, and is safe to call from
        several threads. If nothing can be known it returns `value=None` with a label; it does not
        guess or raise.
        """
        ...
