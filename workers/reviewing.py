"""Counting calls again after people labelled them, or after their project decided what counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial

from app.review.dismissing import Raised, count_again
from app.storage.engine import Engine
from app.storage.traces.dismissals import projects_with_changes
from app.supervision import Tasks
from monitoring.evaluator import Evaluator

__all__ = ["Reviewing"]

_POLL_SECONDS = 1.0
_BATCH = 200


class Reviewing:
    """Counts the calls of one database again; of many workers each takes changes of its own."""

    def __init__(self, engine: Engine, evaluators: Iterable[Evaluator], descriptive: Collection[str]) -> None:
        self._engine = engine
        self._raised = Raised(evaluators)
        self._descriptive = descriptive

    async def run(self, tasks: Tasks) -> None:
        """Repeat until cancelled. What fails in one project does not stop the others."""

        async def turn() -> None:
            for project_id in await self.waiting():
                await tasks.attempt("label", partial(self.catch_up, project_id))

        await tasks.repeat("labels", turn, _POLL_SECONDS, longest=10 * _POLL_SECONDS)

    async def waiting(self) -> list[str]:
        """Return the projects with calls that wait to be counted again."""
        async with self._engine.connect() as connection:
            return await projects_with_changes(connection)

    async def catch_up(self, project_id: str) -> None:
        """Count the calls of a project again, in small transactions, until none waits."""
        while await self._take(project_id):
            pass

    async def _take(self, project_id: str) -> int:
        async with self._engine.begin() as connection:
            return await count_again(connection, project_id, self._raised, self._descriptive, most=_BATCH)
