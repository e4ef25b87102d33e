"""Routes for alert rules, their states and their history."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response

from app.access.decisions import SETTINGS_BYTES
from app.alerting.administration import (
    Draft,
    acknowledge_alert,
    find_rule,
    make_rule,
    remove_rule,
    replace_rule,
    snooze_alert,
)
from app.alerting.evaluation import announce
from app.alerting.history import RuleTrial, read_history, try_rule
from app.api.administration import line_of
from app.api.alert_rules import (
    AlertHistory,
    AlertList,
    AlertRuleIn,
    AlertRuleList,
    AlertRuleMade,
    ReadyRule,
    SnoozeIn,
    show_definition,
    show_rule,
    show_state,
)
from app.api.dependencies import Project, Reading, Services, Serving
from app.api.models import read_model
from app.api.operations import (
    ALERT_HISTORY_SHOWN,
    ALERT_RULE_BODY,
    ALERT_RULE_CHANGE,
    ALERT_RULE_SHOWN,
    ALERT_RULE_TRIED,
    ALERT_RULES_SHOWN,
    ALERT_SHOWN,
    ALERT_SNOOZE,
    ALERTS_SHOWN,
    READY_RULE_CHOSEN,
)
from app.api.responses import json_response
from app.errors import NotFound
from app.storage.alerts.rules import StoredRule, read_rules
from app.storage.alerts.transitions import read_transitions
from app.storage.engine import writing
from app.storage.rollups.folding import figures
from monitoring.alerting.ready import READY_RULES
from monitoring.alerting.states import is_worse

__all__ = ["router"]

router = APIRouter(prefix="/alerts", tags=["alerts"])


@router.get("", **ALERTS_SHOWN)
async def get_alerts(connection: Reading, project: Project) -> Response:
    """Return the state of every alert rule, those that fire first."""
    rules = await read_rules(connection, project)
    rules.sort(key=lambda stored: (not is_worse(stored.state.level, "warning"), stored.state.level is None))
    return json_response(AlertList(alerts=tuple(map(show_state, rules))))


@router.get("/rules", **ALERT_RULES_SHOWN)
async def get_rules(connection: Reading, project: Project) -> Response:
    """List the alert rules of the project, and the ready rules that it may choose."""
    rules = await read_rules(connection, project)
    ready = tuple(
        ReadyRule(name=name, rule=show_definition(Draft(rule))) for name, rule in READY_RULES.items()
    )
    return json_response(AlertRuleList(rules=tuple(map(show_rule, rules)), ready=ready))


@router.post("/rules", **ALERT_RULE_BODY)
async def post_rule(request: Request, serving: Serving, project: Project) -> Response:
    """Make an alert rule.

    The answer says how often it would have fired in the last thirty days, and when; or why it can
    never fire.
    """
    body = await read_model(request, AlertRuleIn, limit=SETTINGS_BYTES)
    return await _make(request, serving, project, body.to_draft())


@router.post("/rules/trial", **ALERT_RULE_TRIED)
async def post_trial(request: Request, serving: Serving, project: Project) -> Response:
    """Try an alert rule on the last thirty days. Nothing is stored."""
    body = await read_model(request, AlertRuleIn, limit=SETTINGS_BYTES)
    return json_response(await _try(serving, project, body.to_draft()))


@router.post("/ready/{name}", **READY_RULE_CHOSEN)
async def post_ready_rule(request: Request, serving: Serving, project: Project, name: str) -> Response:
    """Choose a ready rule. It becomes a rule of the project, which may be changed as any other."""
    rule = READY_RULES.get(name)
    if rule is None:
        raise NotFound(f"There is no such ready rule. There are {', '.join(READY_RULES)}.")
    return await _make(request, serving, project, Draft(rule))


@router.get("/rules/{rule_id}", **ALERT_RULE_SHOWN)
async def get_rule(connection: Reading, project: Project, rule_id: UUID) -> Response:
    """Return an alert rule."""
    return json_response(show_rule(await find_rule(connection, project, rule_id)))


@router.put("/rules/{rule_id}", **ALERT_RULE_CHANGE)
async def put_rule(request: Request, serving: Serving, project: Project, rule_id: UUID) -> Response:
    """Replace an alert rule. If it changes or is turned off, its alert ends."""
    body = await read_model(request, AlertRuleIn, limit=SETTINGS_BYTES)
    draft, line = body.to_draft(), line_of(request, serving, project)
    trial = await _try(serving, project, draft)
    async with writing(serving.engine) as connection:
        changed, step = await replace_rule(connection, line, rule_id, draft)
    await announce(serving.redis, changed, step)
    return json_response(_with_trial(changed, trial))


@router.delete("/rules/{rule_id}", **ALERT_RULE_SHOWN)
async def delete_rule(request: Request, serving: Serving, project: Project, rule_id: UUID) -> Response:
    """Delete an alert rule. Its alert ends, and its history can be read no more."""
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        gone, step = await remove_rule(connection, line, rule_id)
    await announce(serving.redis, gone, step)
    return json_response(show_rule(gone))


@router.get("/{rule_id}/history", **ALERT_HISTORY_SHOWN)
async def get_history(
    connection: Reading,
    project: Project,
    rule_id: UUID,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    before: Annotated[UUID | None, Query(description="Only transitions before this one.")] = None,
) -> Response:
    """Return what became of a rule: every change of its state with the value, the last first."""
    await find_rule(connection, project, rule_id)
    found = await read_transitions(connection, project, rule_id, before=before, limit=limit + 1)
    following = found[limit - 1].transition_id if len(found) > limit else None
    return json_response(AlertHistory(transitions=tuple(found[:limit]), next=following))


@router.post("/{rule_id}/acknowledge", **ALERT_SHOWN)
async def post_acknowledgement(
    request: Request, serving: Serving, project: Project, rule_id: UUID
) -> Response:
    """Say that the alert has been seen: it is not told again until it changes or ends."""
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        return json_response(show_state(await acknowledge_alert(connection, line, rule_id)))


@router.post("/{rule_id}/snooze", **ALERT_SNOOZE)
async def post_snooze(request: Request, serving: Serving, project: Project, rule_id: UUID) -> Response:
    """Send no messages of a rule until a moment. Null sends them again."""
    body = await read_model(request, SnoozeIn, limit=SETTINGS_BYTES)
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        return json_response(show_state(await snooze_alert(connection, line, rule_id, body.until)))


async def _make(request: Request, serving: Services, project: str, draft: Draft) -> Response:
    line = line_of(request, serving, project)
    trial = await _try(serving, project, draft)
    async with writing(serving.engine) as connection:
        made = await make_rule(connection, line, draft)
    return json_response(_with_trial(made, trial), HTTPStatus.CREATED)


async def _try(serving: Services, project: str, draft: Draft) -> RuleTrial:
    async with serving.readers.admit(project), figures(serving.engine, project) as connection:
        history = await read_history(connection, project, draft.rule, serving.clock())
    return await asyncio.to_thread(try_rule, draft.rule, history)


def _with_trial(stored: StoredRule, trial: RuleTrial) -> AlertRuleMade:
    return AlertRuleMade(**msgspec.structs.asdict(show_rule(stored)), trial=trial)
