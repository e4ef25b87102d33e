"""Acts of administration on what is watched: budgets, views, alert rules and channels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from app.alerting.evaluation import Evaluation
from app.catalogue import list_judges, publish_judges
from app.experiments.runs import settle
from app.schemas.projects import DEFAULT_PROJECT
from app.storage.engine import writing
from tests.integration.alert_rig import CHANNEL_BODIES, RULE_BODIES, give_channel, give_rule
from tests.integration.api_rig import ApiRig
from tests.integration.worker_rig import Alarm, WordCount

__all__ = ["NOBODY", "WATCHING", "Act"]

NOBODY = "5e9d8cbe-7e5e-4d5c-9be9-111111111111"
_BUDGET = {"name": "all calls", "amount_usd": 100}
_VIEW = {"name": "slow", "path": "/traces", "query": "?filter=latency+%3E+10000"}
_BOARD = {"schema": "llm-monitor/board/1", "name": "Mine"}
_CHANNELS, _RULES = "/alerts/channels", "/alerts/rules"


class Act(NamedTuple):
    """A request that administers, the line that it must leave, and one like it without effect."""

    path: str
    act: str
    subject: str | None
    body: Any = None
    detail: Mapping[str, Any] = {}
    idle: str | None = None


def _of_budget(act: str, body: Any = None) -> Callable[[ApiRig], Awaitable[Act]]:
    async def give(api: ApiRig) -> Act:
        made = (await api.client.post("/budgets", json=_BUDGET)).json()["budget_id"]
        return Act(f"/budgets/{made}", act, made, body, idle=f"/budgets/{NOBODY}")

    return give


async def _of_view(api: ApiRig) -> Act:
    made = (await api.client.post("/views", json=_VIEW)).json()["view_id"]
    return Act(f"/views/{made}", "view.removed", made, None, {"name": "slow"}, f"/views/{NOBODY}")


def _of_board(act: str, body: Any, detail: Mapping[str, Any]) -> Callable[[ApiRig], Awaitable[Act]]:
    async def give(api: ApiRig) -> Act:
        await api.client.put("/boards/mine", json=_BOARD)
        return Act("/boards/mine", act, "mine", body, detail, "/boards/nobodys")

    return give


def _of_channel(act: str, body: Any = None, suffix: str = "") -> Callable[[ApiRig], Awaitable[Act]]:
    async def give(api: ApiRig) -> Act:
        made = await give_channel(api.services.engine, DEFAULT_PROJECT)
        idle = f"{_CHANNELS}/{NOBODY}{suffix}"
        return Act(
            f"{_CHANNELS}/{made}{suffix}", act, made, body, {"name": body["name"]} if body else {}, idle
        )

    return give


def _of_rule(
    act: str, body: Any = None, place: str = _RULES, suffix: str = ""
) -> Callable[[ApiRig], Awaitable[Act]]:
    async def give(api: ApiRig) -> Act:
        made = await give_rule(api.services.engine, DEFAULT_PROJECT)
        return Act(f"{place}/{made}{suffix}", act, made, body, idle=f"{place}/{NOBODY}{suffix}")

    return give


def _new(path: str, act: str, body: Any, detail: Mapping[str, Any]) -> Callable[[ApiRig], Awaitable[Act]]:
    async def give(_: ApiRig) -> Act:
        return Act(path, act, None, body, detail)

    return give


async def _acknowledge(api: ApiRig) -> Act:
    failed = {"prompt": "hello", "response": "two words", "error": "timeout"}
    await api.store(*[failed] * 3)
    made = (await api.client.post(_RULES, json=RULE_BODIES["POST /alerts/rules"])).json()["rule"]
    rules = (await api.client.get(_RULES)).json()["rules"]
    (rule_id,) = (one["rule_id"] for one in rules if one["rule"]["name"] == made["name"])
    evaluation = Evaluation(api.worker.engine, api.worker.redis)
    assert await evaluation.turn(datetime.now(UTC) + timedelta(minutes=5)) == 1
    path = f"/alerts/{rule_id}/acknowledge"
    return Act(path, "alert.acknowledged", rule_id, idle=f"/alerts/{NOBODY}/acknowledge")


async def _label(api: ApiRig) -> Act:
    (trace_id,) = await api.store({"prompt": "hello", "response": "two words"})
    body, idle = {"score": 0.5, "comment": "jane says so"}, f"/traces/{NOBODY}/labels"
    return Act(f"/traces/{trace_id}/labels", "label.given", trace_id, body, {"value": 0.5}, idle)


async def _take_back_label(api: ApiRig) -> Act:
    given = await _label(api)
    label_id = (await api.client.post(given.path, json=given.body)).json()["label_id"]
    idle = f"{given.path}/{NOBODY}"
    return Act(f"{given.path}/{label_id}", "label.taken_back", given.subject, None, {"value": 0.5}, idle)


_DATASET = {"name": "qa", "items": [{"item_id": "a", "prompt": "hello"}]}


async def _dataset(api: ApiRig) -> str:
    return str((await api.client.post("/datasets", json=_DATASET)).json()["dataset_id"])


def _of_dataset(act: str, suffix: str = "", body: Any = None) -> Callable[[ApiRig], Awaitable[Act]]:
    async def give(api: ApiRig) -> Act:
        made = await _dataset(api)
        idle = f"/datasets/{NOBODY}{suffix}"
        return Act(f"/datasets/{made}{suffix}", act, made, body, {"name": "qa"}, idle)

    return give


async def _run(api: ApiRig) -> str:
    await publish_judges(api.services.redis, list_judges([WordCount(), Alarm()]))
    await _dataset(api)
    body = {"name": "first", "dataset": "qa", "outputs": [{"item_id": "a", "response": "two words"}]}
    run = (await api.client.post("/experiments", json=body, headers={"prefer": "respond-async"})).json()
    await api.worker.drain()
    async with writing(api.services.engine) as connection:
        await settle(connection, DEFAULT_PROJECT, UUID(run["run_id"]), list_judges([WordCount(), Alarm()]))
    return str(run["run_id"])


async def _approve(api: ApiRig) -> Act:
    made = await _run(api)
    path, detail = (
        f"/experiments/{made}/approve",
        {"dataset": "qa", "version": 1, "run": "first", "before": None},
    )
    return Act(path, "baseline.approved", made, None, detail, f"/experiments/{NOBODY}/approve")


async def _remove_run(api: ApiRig) -> Act:
    made = await _run(api)
    return Act(f"/experiments/{made}", "run.removed", made, None, {"run": "first"}, f"/experiments/{NOBODY}")


WATCHING: Mapping[str, Callable[[ApiRig], Awaitable[Act]]] = {
    "POST /budgets": _new("/budgets", "budget.created", _BUDGET, {"name": "all calls"}),
    "POST /traces/{trace_id}/labels": _label,
    "DELETE /traces/{trace_id}/labels/{label_id}": _take_back_label,
    "PATCH /budgets/{budget_id}": _of_budget("budget.changed", {"name": "another"}),
    "DELETE /budgets/{budget_id}": _of_budget("budget.removed"),
    "POST /datasets": _new("/datasets", "dataset.created", _DATASET, {"name": "qa", "items": 1}),
    "DELETE /datasets/{dataset_id}": _of_dataset("dataset.removed"),
    "POST /datasets/{dataset_id}/items": _of_dataset(
        "dataset.items_added", "/items", {"items": [{"prompt": "jane asks"}]}
    ),
    "DELETE /datasets/{dataset_id}/items/{item_id}": _of_dataset("dataset.item_removed", "/items/a"),
    "POST /experiments/{experiment_id}/approve": _approve,
    "DELETE /experiments/{experiment_id}": _remove_run,
    "POST /views": _new("/views", "view.saved", _VIEW, {"name": "slow", "path": "/traces"}),
    "DELETE /views/{view_id}": _of_view,
    "PUT /boards/{board_id}": _of_board(
        "board.changed", {**_BOARD, "name": "Ours"}, {"name": "Ours", "charts": 0}
    ),
    "DELETE /boards/{board_id}": _of_board("board.removed", None, {"name": "Mine"}),
    "POST /alerts/channels": _new(
        _CHANNELS, "alert_channel.created", CHANNEL_BODIES["POST /alerts/channels"], {"name": "chat"}
    ),
    "PATCH /alerts/channels/{channel_id}": _of_channel("alert_channel.changed", {"name": "another name"}),
    "DELETE /alerts/channels/{channel_id}": _of_channel("alert_channel.deleted"),
    "POST /alerts/channels/{channel_id}/test": _of_channel("alert_channel.tested", suffix="/test"),
    "POST /alerts/rules": _new(
        _RULES, "alert_rule.created", RULE_BODIES["POST /alerts/rules"], {"name": "calls fail"}
    ),
    "POST /alerts/ready/{name}": _new(
        "/alerts/ready/errors", "alert_rule.created", None, {"name": "Calls fail"}
    ),
    "PUT /alerts/rules/{rule_id}": _of_rule("alert_rule.changed", RULE_BODIES["POST /alerts/rules"]),
    "DELETE /alerts/rules/{rule_id}": _of_rule("alert_rule.deleted"),
    "POST /alerts/{rule_id}/acknowledge": _acknowledge,
    "POST /alerts/{rule_id}/snooze": _of_rule("alert.snoozed", {"until": None}, "/alerts", "/snooze"),
}
