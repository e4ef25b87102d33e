"""What tests of the settings share: an API that answers as told, and the text of components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import httpx
import numpy as np
from plotly.io.json import to_json_plotly

from app.access.identity import Identity
from dashboard.auth.current_identity import CURRENT_IDENTITY, CURRENT_SESSION
from dashboard.data.changes import Changes
from dashboard.data.queries import Queries
from dashboard.data.sources import Sources
from dashboard.settings.section import Section, Shown

__all__ = ["NOW", "Api", "drawn", "signed_in"]

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


class _Queries:
    """The clock, and values of the last day."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def clock(self) -> datetime:
        return NOW

    async def scores_of_day(self, *_: Any) -> Mapping[str, Any]:
        return {name: np.array(values) for name, values in self.values.items()}


class Api:
    """Answers by method and path, and remembers what was asked; other paths get 404."""

    def __init__(
        self, answers: Mapping[str, httpx.Response], values: Mapping[str, Any] | None = None
    ) -> None:
        self.asked: list[httpx.Request] = []
        self._answers = answers
        client = httpx.AsyncClient(base_url="http://api", transport=httpx.MockTransport(self._answer))
        self.sources = Sources(cast("Queries", _Queries(values or {})), Changes(client))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        unknown = httpx.Response(404, json={"detail": "There is no such address."})
        return self._answers.get(f"{request.method} {request.url.path}", unknown)


@contextmanager
def signed_in() -> Iterator[None]:
    """A person who signed in to the project `team` with the key that begins with lm_mine."""
    person = Identity("team", frozenset({"admin"}), "me", session="lm_mine")
    identity, session = CURRENT_IDENTITY.set(person), CURRENT_SESSION.set("lms-token")
    try:
        yield
    finally:
        CURRENT_SESSION.reset(session)
        CURRENT_IDENTITY.reset(identity)


def drawn(section: Section, found: Any, **fields: str) -> str:
    """Return what a section draws, as it is sent to the browser."""
    return str(to_json_plotly(section.draw(found, Shown("?period=7d", fields, NOW))))
