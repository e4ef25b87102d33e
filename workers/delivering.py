"""Sending what alerts have to say: due messages are claimed, sent beside each other, and settled.

It runs beside scoring. A receiver that hangs costs one place among many for some seconds, never a
database connection, and a project has only a few of the places.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from app.access.administration import Line, record
from app.channels.errors import DeliveryError
from app.channels.examples import fill_examples
from app.channels.notice import Notice
from app.channels.sealing import OpenError, Sealing
from app.schemas.alerts import AlertMessage
from app.schemas.channels import Channel, Target
from app.storage.alerts.channels import read_channel, save_channel
from app.storage.alerts.outbox import Claim, claim_due, drop_waiting, finish, forget_deliveries, postpone
from app.storage.engine import Connection, Engine
from app.storage.locks import UPKEEP, try_lock
from app.storage.traces.reading import read_traces
from app.supervision import Tasks
from monitoring.clock import now_utc

if TYPE_CHECKING:
    from app.channels.sending import Sender, Sent

__all__ = ["MOST_ATTEMPTS", "MOST_FAILURES", "Delivering", "pause_after"]

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 6
MOST_FAILURES = 5
"""Messages in a row that fail before a channel is turned off."""
_PAUSES = (10, 30, 120, 600, 1800)
_LONGEST_PAUSE = timedelta(hours=1)
_LEASE = timedelta(seconds=90)
_OLDEST = timedelta(days=1)
_LOG_KEPT, _LOG_ROWS = timedelta(days=30), 10_000
_MOST_AT_ONCE, _MOST_OF_PROJECT = 16, 4
_CONNECTIONS = 2
_POLL_SECONDS = 1.0
_CLEAN_SECONDS = 3600.0
_ACTOR = "alert delivery"


def pause_after(attempts: int, chance: float) -> timedelta:
    """Return the pause after so many failed attempts, of which `chance` (0..1) decides a part.

    The parts keep messages for one receiver apart: a pause is between half and one and a half of
    10 s, 30 s, 2 min, 10 min and 30 min.
    """
    longest = _PAUSES[min(attempts, len(_PAUSES)) - 1]
    return timedelta(seconds=longest * (0.5 + chance))


class Delivering:
    """Sends the messages of one database; of many workers each takes those that it claims.

    `open_sender` is called in a thread when the first message is due, since few workers send any.
    `dashboard` is the address of the dashboard. `clock` returns the moment, aware UTC, and `chance`
    a number in 0..1.
    """

    def __init__(
        self,
        engine: Engine,
        open_sender: Callable[[], Sender],
        sealing: Sealing,
        dashboard: str,
        *,
        clock: Callable[[], datetime] = now_utc,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._engine = engine
        self._open_sender = open_sender
        self._sender: Sender | None = None
        self._opening = asyncio.Lock()
        self._sealing = sealing
        self._dashboard = dashboard
        self._clock = clock
        self._chance = chance
        self._running = 0
        self._connections = asyncio.Semaphore(_CONNECTIONS)

    async def run(self, tasks: Tasks) -> None:
        """Repeat until cancelled. What is being sent then is sent again by another worker."""
        async with asyncio.TaskGroup() as group:

            async def take() -> None:
                for claim in await self.claim():
                    self._running += 1
                    group.create_task(self._deliver(tasks, claim))

            group.create_task(tasks.repeat("forget_deliveries", self.forget, _CLEAN_SECONDS))
            await tasks.repeat("alert_deliveries", take, _POLL_SECONDS, longest=10 * _POLL_SECONDS)

    async def claim(self) -> list[Claim]:
        """Claim as many due messages as there are places."""
        places = _MOST_AT_ONCE - self._running
        if places <= 0:
            return []
        async with self._connections, self._engine.begin() as connection:
            return await claim_due(
                connection, self._clock(), _LEASE, most=places, most_of_project=_MOST_OF_PROJECT
            )

    async def forget(self) -> None:
        """Delete the log of deliveries that is too old or too long."""
        async with self._connections, self._engine.begin() as connection:
            if await try_lock(connection, UPKEEP):
                await forget_deliveries(connection, self._clock() - _LOG_KEPT, most=_LOG_ROWS)

    async def _deliver(self, tasks: Tasks, claim: Claim) -> None:
        try:
            await tasks.attempt("alert_delivery", partial(self.deliver, claim))
        finally:
            self._running -= 1

    async def deliver(self, claim: Claim) -> None:
        """Send a claimed message, and write what became of it."""
        try:
            sent = await self._send(claim)
        except DeliveryError as error:
            await self._fail(claim, error)
        except Exception as error:
            logger.exception("a message of channel %s could not be sent", claim.channel_id)
            await self._fail(claim, DeliveryError(f"{type(error).__name__}; see the log of the workers."))
        else:
            async with self._connections, self._engine.begin() as connection:
                await finish(
                    connection,
                    claim,
                    self._clock(),
                    delivered=True,
                    status_code=sent.status_code,
                    error=sent.warning,
                )

    async def _send(self, claim: Claim) -> Sent:
        if self._clock() - claim.created_at > _OLDEST:
            raise DeliveryError("It waited for more than a day.", permanent=True)
        if claim.attempts > MOST_ATTEMPTS:
            raise DeliveryError("Workers died while they sent it.", permanent=True)
        target, message = await self._read(claim)
        notice = Notice(claim.delivery_id, claim.kind, message, self._dashboard)
        return await (await self._open()).send(target, notice)

    async def _open(self) -> Sender:
        async with self._opening:
            if self._sender is None:
                self._sender = await asyncio.to_thread(self._open_sender)
            return self._sender

    async def _read(self, claim: Claim) -> tuple[Target, AlertMessage]:
        """Return the target of a message, and the message with the texts of its examples."""
        message = replace(claim.message, project_id=claim.project_id)
        async with self._connections, self._engine.connect() as connection:
            channel = await read_channel(connection, claim.project_id, claim.channel_id)
            traces = await read_traces(
                connection, claim.project_id, [example.trace_id for example in message.examples]
            )
        if channel is None:
            raise DeliveryError("The channel was deleted.", permanent=True)
        try:
            target = self._sealing.open(claim.project_id, claim.channel_id, channel.sealed)
        except OpenError as error:
            raise DeliveryError(str(error)) from error
        if not message.examples:
            return target, message
        return target, await asyncio.to_thread(fill_examples, message, traces)

    async def _fail(self, claim: Claim, error: DeliveryError) -> None:
        """Postpone a message, or give it up and turn off a channel that fails again and again."""
        now = self._clock()
        last = error.permanent or claim.kind == "test" or claim.attempts >= MOST_ATTEMPTS
        async with self._connections, self._engine.begin() as connection:
            if not last:
                asked = timedelta(seconds=error.retry_after or 0)
                pause = min(max(asked, pause_after(claim.attempts, self._chance())), _LONGEST_PAUSE)
                await postpone(
                    connection, claim, now + pause, status_code=error.status_code, error=error.detail
                )
                return
            channel = await finish(
                connection, claim, now, delivered=False, status_code=error.status_code, error=error.detail
            )
            if channel and channel.enabled and channel.failures >= MOST_FAILURES:
                await self._turn_off(connection, channel, error, now)

    async def _turn_off(
        self, connection: Connection, channel: Channel, error: DeliveryError, now: datetime
    ) -> None:
        reason = f"{channel.failures} messages in a row failed. The last: {error.detail}"
        await save_channel(
            connection, msgspec.structs.replace(channel, enabled=False, off_reason=reason, updated_at=now)
        )
        await drop_waiting(connection, channel.project_id, channel.channel_id, now)
        await record(
            connection,
            Line(channel.project_id, _ACTOR, now),
            "alert_channel.turned_off",
            str(channel.channel_id),
            name=channel.name,
            reason=reason,
        )
        logger.warning("the alert channel %s was turned off", channel.channel_id)
