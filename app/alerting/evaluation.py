"""Evaluating alert rules: each once per due time, by whichever worker is alive."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.alerting.gauges import Backlog, measure_backlogs, read_gauge
from app.alerting.messages import make_frames, make_message
from app.alerting.observing import read_observation
from app.alerting.tallying import MINUTE_SECONDS, floor_to
from app.errors import Unavailable
from app.events import publish_alert
from app.queue import queued_since
from app.reports.pipeline import read_pipeline
from app.schemas.alerts import AlertExample
from app.storage.alerts.deliveries import enqueue
from app.storage.alerts.examples import read_examples
from app.storage.alerts.rules import StoredRule, due_rules, lock_rule, save_state
from app.storage.alerts.transitions import add_transitions
from app.storage.engine import DATABASE_ERRORS, Connection, Engine, is_outage, is_overflow, limit_statements
from app.storage.locks import ALERTING, try_lock
from app.storage.rollups.folding import figures
from monitoring.alerting.machine import observe
from monitoring.alerting.metrics import find_metric
from monitoring.alerting.rules import Selection
from monitoring.alerting.states import Notice, Observation, Step

__all__ = ["Evaluation", "announce", "next_due"]

logger = logging.getLogger(__name__)

_MOST_DUE: Final = 500
# The rules of one project take no longer than this per turn. The others wait for the next turn.
_PROJECT_SECONDS: Final = 5.0
_STATEMENT_SECONDS: Final = 10
_EXAMPLE_SECONDS: Final = 2
# Records of the last seconds may be on their way to the queue.
_SETTLE = timedelta(seconds=5)


def next_due(stored: StoredRule, now: datetime) -> datetime:
    """Return the first due time after `now`. Due times are the same, whoever evaluates."""
    seconds = int(stored.rule.interval.total_seconds())
    return floor_to(now, seconds) + timedelta(seconds=seconds)


async def announce(redis: Redis, stored: StoredRule, step: Step) -> None:
    """Tell live pages of an evaluation. It is news only: what is lost is in the history."""
    try:
        for data in make_frames(stored, step):
            await publish_alert(redis, stored.project_id, msgspec.to_builtins(data))
    except (RedisError, OSError) as error:
        logger.warning("news of the alert rule %s was lost: %s", stored.rule_id, type(error).__name__)


class Evaluation:
    """Evaluates the rules of one database; of many workers one at a time does so."""

    def __init__(self, engine: Engine, redis: Redis) -> None:
        self._engine = engine
        self._redis = redis

    async def turn(self, now: datetime) -> int:
        """Evaluate what is due at `now`, aware UTC; returns the number of rules evaluated."""
        async with self._engine.begin() as guard:
            if not await try_lock(guard, ALERTING):
                return 0
            due = await due_rules(guard, now, limit=_MOST_DUE)
            if not due:
                return 0
            backlogs = measure_backlogs(await queued_since(self._redis))
            missing = await self._read_missing(due, now)
            done = 0
            by_project = sorted(due, key=lambda stored: stored.project_id)
            for project_id, rules in groupby(by_project, lambda stored: stored.project_id):
                backlog = backlogs.get(project_id, Backlog())
                done += await self._evaluate(list(rules), backlog, missing.get(project_id, 0), now)
            return done

    async def _read_missing(self, due: Sequence[StoredRule], now: datetime) -> dict[str, int]:
        """Return the records that are nowhere, by project, if a rule watches them."""
        if not any(stored.rule.metric == "unaccounted" for stored in due):
            return {}
        async with self._engine.connect() as connection:
            report = await read_pipeline(connection, self._redis, now)
        return {each.project_id: each.unaccounted for each in report.projects}

    async def _evaluate(
        self, rules: Sequence[StoredRule], backlog: Backlog, missing: int, now: datetime
    ) -> int:
        """Evaluate the rules of one project, the one that waited longest first."""
        begun, done = time.monotonic(), 0
        try:
            async with figures(self._engine, rules[0].project_id) as connection:
                for stored in sorted(rules, key=lambda stored: stored.due_at):
                    if time.monotonic() - begun > _PROJECT_SECONDS:
                        break
                    observation = await self._observe(connection, stored, backlog, missing, now)
                    done += await self._settle(stored, observation, now)
        except Unavailable as error:
            logger.warning("the alert rules of project %s wait: %s", rules[0].project_id, error.detail)
        return done

    async def _observe(
        self, connection: Connection, stored: StoredRule, backlog: Backlog, missing: int, now: datetime
    ) -> Observation | None:
        """Return what a rule finds, None while the figures after its last look are not complete."""
        metric = find_metric(stored.rule.metric)
        try:
            await limit_statements(connection, _STATEMENT_SECONDS)
            if metric is not None and metric.gauge:
                found = await read_gauge(connection, stored.project_id, stored.rule, backlog, missing, now)
            else:
                at = _complete_until(backlog, now)
                if stored.state.observed_at is not None and at <= stored.state.observed_at:
                    return None
                found = await read_observation(
                    connection, stored.project_id, stored.rule, stored.state, at, now
                )
        except Exception as error:
            if is_outage(error) or is_overflow(error):
                raise
            logger.warning("the alert rule %s could not be read: %s", stored.rule_id, type(error).__name__)
            found = Observation(floor_to(now, MINUTE_SECONDS), failed=True)
        finally:
            await connection.rollback()
        return found

    async def _settle(self, stored: StoredRule, observation: Observation | None, now: datetime) -> bool:
        """Store what follows from an observation; False if the rule was changed meanwhile."""
        async with self._engine.begin() as connection:
            fresh = await lock_rule(connection, stored.project_id, stored.rule_id)
            if fresh is None or not fresh.enabled or _moved(stored, fresh):
                return False
            step = observe(fresh.rule, fresh.state, observation, now)
            after = msgspec.structs.replace(fresh, state=step.state, due_at=next_due(fresh, now))
            await save_state(connection, after)
            await add_transitions(connection, after.project_id, after.rule_id, step.transitions, now)
            messages = [
                make_message(after, notice, await _read_examples(connection, after, notice))
                for notice in step.notices
            ]
            await enqueue(connection, messages, now)
        await announce(self._redis, after, step)
        return True


async def _read_examples(
    connection: Connection, stored: StoredRule, notice: Notice
) -> tuple[AlertExample, ...]:
    """Return calls behind the worst group of an alert; none if they cannot be read in time."""
    rule, at = stored.rule, stored.state.observed_at
    if notice.kind == "recovered" or at is None:
        return ()
    selection = rule.filter
    if rule.group_by:
        selection = Selection(dimension=rule.group_by, values=(notice.groups[0][0],))
    try:
        async with connection.begin_nested():
            await limit_statements(connection, _EXAMPLE_SECONDS)
            span, change = (at - rule.window, at), notice.groups[0][1].change
            ids = await read_examples(connection, stored.project_id, rule, selection, span, change)
    except DATABASE_ERRORS as error:
        if is_outage(error):
            raise
        logger.warning("no examples for the alert rule %s: %s", stored.rule_id, type(error).__name__)
        return ()
    return tuple(AlertExample(trace_id=trace_id, prompt=None, response=None) for trace_id in ids)


def _moved(before: StoredRule, after: StoredRule) -> bool:
    return (before.version, before.due_at) != (after.version, after.due_at)


def _complete_until(backlog: Backlog, now: datetime) -> datetime:
    """Return the moment until which everything that was accepted is in the figures."""
    at = now - _SETTLE
    if backlog.since_ms is not None:
        at = min(at, now - timedelta(seconds=backlog.age_seconds(now)))
    return floor_to(at, MINUTE_SECONDS)
