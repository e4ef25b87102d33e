"""Reservations of money in Redis, by period of a budget."""

from __future__ import annotations

import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from redis.asyncio import Redis

from app.budgets.scripts import APPLY, RESERVE, SETTLE
from app.figures.spending import Place
from app.schemas.budgets import RESERVATION

__all__ = ["MOST_OPEN", "Attempt", "Held", "Reservations", "from_micros", "to_micros"]

MOST_OPEN = 20_000
"""Open reservations of one period of a budget; each costs Redis about 200 bytes."""

Result = Literal["reserved", "refused", "releasable", "full", "stale"]

_MILLION = Decimal(1_000_000)
_STALE_MS = 5_000
_RELEASED = 5_000
# The keys outlive the period, for reservations that were made at its end.
_KEPT = timedelta(days=2)
_LONGEST_PERIOD = timedelta(days=32)
_ID = re.compile(RESERVATION)
_TOKEN_BYTES = 12


class Attempt(NamedTuple):
    """What became of an attempt to reserve; money in millionths of a dollar.

    `age_ms` is the age of the sum `spent`, and `now_ms` the time of Redis.
    """

    result: Result
    spent: int
    reserved: int
    age_ms: int
    now_ms: int
    reservation: str | None


class Held(NamedTuple):
    """What Redis knows of a period: spent and reserved, in millionths of a dollar."""

    spent: int
    reserved: int


def to_micros(amount: Decimal, *, up: bool) -> int:
    """Return US dollars in whole millionths: costs are rounded up, and a budget is rounded down."""
    return int((amount * _MILLION).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR))


def from_micros(micros: int) -> Decimal:
    """Return millionths of a dollar in US dollars."""
    return Decimal(micros) / _MILLION


class Reservations:
    """Reserves, settles and releases money. Every method raises redis errors."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._reserve = redis.register_script(RESERVE)
        self._settle = redis.register_script(SETTLE)
        self._apply = redis.register_script(APPLY)

    async def now_ms(self) -> int:
        """Return the time of Redis in Unix milliseconds."""
        seconds, micros = await self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    async def reserve(
        self, project_id: str, place: Place, amount: Decimal, estimate: Decimal, lapse: timedelta
    ) -> Attempt:
        """Reserve an estimate if it fits into what is left, and nothing otherwise.

        An estimate of zero reserves nothing. The result is `releasable` where it does not fit but
        some reservations have ended, and `stale` where the sum is missing or too old.
        """
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        micros = to_micros(estimate, up=True)
        result, spent, reserved, age_ms, now_ms = await self._reserve(
            keys=_keys(project_id, place),
            args=[
                to_micros(amount, up=False),
                micros,
                token,
                lapse // timedelta(milliseconds=1),
                MOST_OPEN,
                _STALE_MS,
                _end_ms(place),
            ],
        )
        name = result.decode()
        reserved_now = name == "reserved" and micros > 0
        text = f"{place.budget_id.hex}.{int(place.period_start.timestamp())}.{token}"
        return Attempt(name, spent, reserved, age_ms, now_ms, text if reserved_now else None)

    async def apply(self, project_id: str, place: Place, spent: Decimal, read_at_ms: int) -> Held:
        """Note a sum that was read from Postgres after `read_at_ms` (by `now_ms`).

        Releases up to 5,000 reservations that had ended by then. An older sum changes nothing.
        """
        found = await self._apply(
            keys=_keys(project_id, place),
            args=[to_micros(spent, up=True), read_at_ms, _end_ms(place), _RELEASED],
        )
        return Held(*found)

    async def settle(self, project_id: str, reservations: Iterable[str]) -> int:
        """End reservations whose calls are stored; returns how many were open.

        What names no open reservation of the project is left out.
        """
        tokens: dict[Place, list[str]] = defaultdict(list)
        for text in reservations:
            if (found := _ID.fullmatch(text)) is not None:
                start = datetime.fromtimestamp(int(found[2]), UTC)
                tokens[Place(UUID(found[1]), start)].append(found[3])
        settled = 0
        for place, named in tokens.items():
            settled += await self._settle(keys=_keys(project_id, place), args=[_end_ms(place), *named])
        return settled


def _keys(project_id: str, place: Place) -> Sequence[str]:
    period = int(place.period_start.timestamp())
    base = f"llm-monitor:budget:{{{project_id}:{place.budget_id.hex}:{period}}}"
    return [base, f"{base}:held", f"{base}:open", f"{base}:settled"]


def _end_ms(place: Place) -> int:
    return int((place.period_start + _LONGEST_PERIOD + _KEPT).timestamp() * 1000)
