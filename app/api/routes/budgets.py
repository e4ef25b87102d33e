"""Routes for budgets: how they stand, changes, and the check before a call."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api.administration import line_of, read_struct
from app.api.budgets import BudgetIn, BudgetList, BudgetPatch, CheckIn
from app.api.dependencies import Project, Reading, Services, Serving
from app.api.operations import BUDGET_BODY, BUDGET_CHECK, BUDGET_PATCH, BUDGET_SHOWN, BUDGETS_SHOWN
from app.api.responses import json_response
from app.budgets.changes import change_budget, make_budget, remove_budget
from app.budgets.checking import missing_budget
from app.budgets.standing import BudgetOut, show_budgets
from app.ingest.outage import redis_required
from app.schemas.budgets import Budget
from app.storage.budgets.definitions import read_budget, read_budgets
from app.storage.engine import Connection, reading

__all__ = ["check_directly", "router"]

router = APIRouter(prefix="/budgets", tags=["budgets"])

_BODY_BYTES = 16 * 1024


@router.get("", **BUDGETS_SHOWN)
async def get_budgets(connection: Reading, project: Project, serving: Serving) -> Response:
    """List the budgets of the project: spent, reserved, remaining, level, and what to expect."""
    budgets = await read_budgets(connection, project)
    shown = await show_budgets(connection, serving.redis, budgets, serving.clock())
    return json_response(BudgetList(tuple(shown)))


@router.get("/{budget_id}", **BUDGET_SHOWN)
async def get_budget(connection: Reading, project: Project, serving: Serving, budget_id: UUID) -> Response:
    """Return one budget and how it stands."""
    budget = await read_budget(connection, project, budget_id)
    if budget is None:
        raise missing_budget(budget_id)
    return json_response(await _show(connection, serving, budget))


@router.post("", **BUDGET_BODY)
async def post_budget(request: Request, serving: Serving, project: Project) -> Response:
    """Make a budget. The calls of its present period are added up at once.

    Where that takes long, `counted` is false, and workers go on.
    """
    asked = await read_struct(request, BudgetIn, limit=_BODY_BYTES)
    line = line_of(request, serving, project)

    def forms(user_id: str) -> tuple[str, ...]:
        return serving.privacy.stored_forms(project, "USER_ID", user_id)

    budget = await make_budget(serving.engine, line, asked.to_request(), forms)
    return await _answer(serving, budget, HTTPStatus.CREATED)


@router.patch("/{budget_id}", **BUDGET_PATCH)
async def patch_budget(request: Request, serving: Serving, project: Project, budget_id: UUID) -> Response:
    """Change the name, amount, period or time zone of a budget.

    Another period or time zone lets the budget begin anew with the present period.
    """
    asked = await read_struct(request, BudgetPatch, limit=_BODY_BYTES)
    line = line_of(request, serving, project)
    budget = await change_budget(serving.engine, line, budget_id, asked.to_changes())
    return await _answer(serving, budget, HTTPStatus.OK)


@router.delete("/{budget_id}", status_code=HTTPStatus.NO_CONTENT)
async def delete_budget(request: Request, serving: Serving, project: Project, budget_id: UUID) -> Response:
    """Remove a budget with what is known of it. The calls stay."""
    await remove_budget(serving.engine, line_of(request, serving, project), budget_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/{budget_id}/check", **BUDGET_CHECK)
async def post_check(request: Request, serving: Serving, project: Project, budget_id: UUID) -> Response:
    """Ask before a call whether its estimated cost fits, and reserve it if it does.

    The record of the call names the reservation as `budget_reservation`. Otherwise it lapses.
    """
    asked = await read_struct(request, CheckIn, limit=_BODY_BYTES)
    with redis_required():
        found = await serving.checking.check(project, budget_id, asked.read_estimate(), asked.read_lapse())
    return json_response(found)


async def check_directly(request: Request, serving: Services, project: str) -> Response:
    """Answer as `post_check`; a gateway asks before each call, so the way is short."""
    return await post_check(request, serving, project, request.path_params["budget_id"])


async def _answer(serving: Services, budget: Budget, status: HTTPStatus) -> Response:
    async with reading(serving.engine) as connection:
        return json_response(await _show(connection, serving, budget), status)


async def _show(connection: Connection, serving: Services, budget: Budget) -> BudgetOut:
    (shown,) = await show_budgets(connection, serving.redis, [budget], serving.clock())
    return shown
