"""The time a request asks about."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Query

from app.api.dependencies import Serving
from app.errors import InvalidParameter
from monitoring.statistics.trends import Window, window_of

__all__ = ["Period", "SourceName"]

SourceName = Annotated[
    Literal["live", "evaluate", "import"], Query(description="Which records: live traffic unless asked.")
]


async def _window(
    serving: Serving,
    time_period: Annotated[
        str, Query(description="A number and m, h, d or w: 15m, 1h, 24h, 7d, 30d, 90d.", max_length=16)
    ] = "24h",
) -> Window:
    try:
        return window_of(time_period, serving.clock())
    except ValueError as error:
        raise InvalidParameter(
            f"time_period: {error}.", errors=[{"field": "time_period", "message": str(error)}]
        ) from error


Period = Annotated[Window, Depends(_window)]
