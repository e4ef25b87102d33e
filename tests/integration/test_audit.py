"""Every act of administration leaves one line in the audit log, in whatever way it came.

Reading leaves none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import pytest
import typer
from typer.testing import CliRunner, Result

from app.access.administration import Line, make_project
from app.api.access import ACCESS
from app.catalogue import list_judges, publish_judges
from app.cli.main import app as cli
from app.jobs.price_tables import change_prices
from app.schemas.projects import ProjectSettings
from app.storage.engine import writing
from app.storage.upkeep.jobs import Job, add_job
from monitoring.spending.price_tables import PriceTable
from tests.integration.acts import NOBODY, WATCHING, Act
from tests.integration.alert_rig import SEALING_KEY
from tests.integration.api_rig import ApiRig, bury, running_api
from tests.integration.test_keys import issue, line
from tests.integration.worker_rig import Alarm, WordCount

CALL = {"prompt": "hello", "response": "two words"}
ANYTHING = {"If-Match": "*"}


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[ApiRig]:
    async with running_api(database_url, redis_url, privacy_key=SEALING_KEY) as rig:
        await publish_judges(rig.services.redis, list_judges([WordCount(), Alarm()]))
        yield rig


async def _make_shop(api: ApiRig) -> None:
    async with writing(api.services.engine) as connection:
        await make_project(connection, Line("shop", "test", line().now), "Shop", ProjectSettings())


async def _key(api: ApiRig) -> str:
    return (await issue(api.services.engine, "read", project_id="shop"))[:15]


async def _delete_key(api: ApiRig) -> Act:
    prefix = await _key(api)
    idle = "/projects/shop/keys/lm_000000000000"
    return Act(f"/projects/shop/keys/{prefix}", "key.revoked", prefix, detail={"name": "a key"}, idle=idle)


async def _delete_trace(api: ApiRig) -> Act:
    (trace_id,) = await api.store(CALL)
    missing = "/traces/018f0000-0000-7000-8000-000000000000"  # received long ago, so no more on its way
    return Act(f"/traces/{trace_id}", "erasure.requested", None, detail={"of": "trace"}, idle=missing)


async def _delete_job(api: ApiRig) -> Act:
    job = Job(job_id=UUID(int=7), kind="erase", state="queued", parameters={}, created_at=line().now)
    async with writing(api.services.engine) as connection:
        await add_job(connection, "default", job)
    detail = {"kind": "erase", "done": 0}
    return Act(f"/jobs/{job.job_id}", "job.cancelled", str(job.job_id), None, detail, f"/jobs/{NOBODY}")


async def _post_replay(api: ApiRig) -> Act:
    (trace_id,) = await bury(api)
    idle = f"/pipeline/dead/{NOBODY}/replay"
    return Act(f"/pipeline/dead/{trace_id}/replay", "dead.replayed", trace_id, idle=idle)


async def _post_replay_of_many(api: ApiRig) -> Act:
    await bury(api, "deadline", "deadline", "process_died")
    path, detail = "/pipeline/dead/replay?reason=deadline", {"records": 2, "reason": "deadline"}
    return Act(path, "dead.replayed", "*", None, detail, "/pipeline/dead/replay?reason=nothing")


async def _purge(api: ApiRig) -> Act:
    (trace_id,) = await bury(api)
    return Act(f"/pipeline/dead/{trace_id}", "dead.purged", trace_id, idle=f"/pipeline/dead/{NOBODY}")


async def _purge_many(api: ApiRig) -> Act:
    await bury(api, "deadline", "process_died")
    detail = {"records": 1, "before": "2100-01-01T00:00:00+00:00", "reason": "deadline"}
    path = "/pipeline/dead?before=2100-01-01T00:00:00Z&reason=deadline"
    return Act(path, "dead.purged", "*", None, detail)


PRICE = {"model": "m", "per_request": 0.5}
PRICED = {"changed": {"prices.m.currency": [None, "USD"], "prices.m.per_request": [None, 0.5]}}


async def _delete_price(api: ApiRig) -> Act:
    table = PriceTable.model_validate({"prices": [PRICE]})
    async with writing(api.services.engine) as connection:
        await change_prices(connection, line("default"), lambda _: table)
    detail = {"changed": {"prices.m.currency": ["USD", None], "prices.m.per_request": [0.5, None]}}
    return Act("/prices?model=m", "prices.changed", "default", None, detail, "/prices?model=n")


def always(act: Act) -> Callable[[ApiRig], Awaitable[Act]]:
    async def give(api: ApiRig) -> Act:
        await _make_shop(api)
        return act

    return give


KEY = {"name": "till", "scopes": ["read"]}
ACTS: Mapping[str, Callable[[ApiRig], Awaitable[Act]]] = {
    "DELETE /traces/{trace_id}": _delete_trace,
    "DELETE /users/{user_id:path}": always(
        Act("/users/jane", "erasure.requested", None, detail={"of": "user"})
    ),
    "DELETE /jobs/{job_id}": _delete_job,
    "POST /pipeline/dead/{trace_id}/replay": _post_replay,
    "POST /pipeline/dead/replay": _post_replay_of_many,
    "DELETE /pipeline/dead/{trace_id}": _purge,
    "DELETE /pipeline/dead": _purge_many,
    "PUT /policy": always(
        Act(
            "/policy",
            "policy.changed",
            "default",
            {"thresholds": {"alarm": 0.4}},
            {"changed": {"thresholds.alarm": [None, 0.4]}},
        )
    ),
    "PATCH /policy": always(
        Act(
            "/policy",
            "policy.changed",
            "default",
            {"weights": {"coherence": 0.4}},
            {"changed": {"weights.coherence": [None, 0.4]}},
        )
    ),
    "PUT /prices": always(Act("/prices", "prices.changed", "default", {"prices": [PRICE]}, PRICED)),
    "POST /prices": always(Act("/prices", "prices.changed", "default", {"prices": [PRICE]}, PRICED)),
    "DELETE /prices": _delete_price,
    "POST /projects": always(
        Act(
            "/projects",
            "project.created",
            "bank",
            {"project_id": "bank", "name": "A bank"},
            {"name": "A bank"},
        )
    ),
    "PUT /projects/{project_id}/settings": always(
        Act(
            "/projects/shop/settings",
            "project.settings_changed",
            "shop",
            {"retention_days": 7},
            {"changed": {"retention_days": [None, 7]}},
            idle="/projects/nowhere/settings",
        )
    ),
    "PATCH /projects/{project_id}/settings": always(
        Act(
            "/projects/shop/settings",
            "project.settings_changed",
            "shop",
            {"redaction": {"mode": "mask"}},
            {"changed": {"redaction.mode": ["off", "mask"]}},
            idle="/projects/nowhere/settings",
        )
    ),
    "POST /projects/{project_id}/keys": always(
        Act("/projects/shop/keys", "key.created", None, KEY, {"name": "till"}, "/projects/nowhere/keys")
    ),
    "DELETE /projects/{project_id}/keys/{prefix}": _delete_key,
    **WATCHING,
}


async def lines(api: ApiRig) -> list[dict[str, Any]]:
    return await api.worker.rows("SELECT * FROM audit_log ORDER BY act_id")


def test_every_route_that_administers_is_known_here() -> None:
    administering = {
        place for place, need in ACCESS.items() if need == "admin" and not place.startswith("GET")
    }
    assert administering == ACTS.keys()


@pytest.mark.parametrize("place", ACTS)
async def test_a_route_that_administers_leaves_its_line(api: ApiRig, place: str) -> None:
    method = place.partition(" ")[0]
    act = await ACTS[place](api)
    before = await lines(api)
    if act.idle:
        idle = await api.client.request(method, act.idle, json=act.body, headers=ANYTHING)
        assert idle.status_code in {202, 404}
        assert await lines(api) == before
    response = await api.client.request(method, act.path, json=act.body, headers=ANYTHING)
    assert response.status_code < 300, response.text
    (left,) = [one for one in await lines(api) if one not in before]
    assert (left["act"], left["actor"]) == (act.act, "anonymous")
    assert act.subject in {None, left["subject"]}
    assert act.detail.items() <= left["detail"].items()
    assert "jane" not in str(left)


# Sub-commands that act, and what they leave. They use the API or the database.
COMMANDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "keys create": (("keys", "create", "till", "--scope", "read"), "key.created"),
    "keys revoke": (("keys", "revoke", "{prefix}", "--project", "shop"), "key.revoked"),
    "projects create": (("projects", "create", "bank"), "project.created"),
    "projects password": (("projects", "password", "default"), "project.password_set"),
    "policy": (("policy", "--threshold", "alarm=0.8"), "policy.changed"),
    "prices set": (("prices", "set", "m", "--request", "0"), "prices.changed"),
    "prices rate": (("prices", "rate", "EUR", "1.08"), "prices.changed"),
    "calibrate": (("calibrate", "--rate", "0.1", "--apply"), "policy.changed"),
}
# They call the functions that leave the lines of the routes and commands above.
ALIKE = {
    "prices import", "prices remove", "budgets create", "budgets change", "budgets remove", "alerts acknowledge",
    "alerts snooze", "alerts channels create", "alerts channels test", "alerts channels delete",
}  # fmt: skip
# These ask the API, whose routes are above. The tests of the commands check that they reach it.
OVER_HTTP = {"dead replay", "dead purge", "erase"}
LOOKING = {
    "alerts list", "alerts channels list", "alerts channels deliveries", "budgets list",
    "audit", "benchmark", "dead list", "dead show", "doctor", "export", "keys list", "prices list", "projects list", "rules", "settings",
    "urls", "workers",
}  # fmt: skip
NO_ADMINISTRATION = {"evaluate", "ingest", "migrate", "repair-queue"}  # score, send records, make the log


def _commands(command: Any, name: str = "") -> set[str]:
    """Return the names of all sub-commands; those of groups follow the name of their group."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return {name}
    return {found for one in inner for found in _commands(inner[one], f"{name} {one}".strip())}


def test_every_command_is_known_here() -> None:
    found = _commands(typer.main.get_command(cli))
    assert found == COMMANDS.keys() | ALIKE | OVER_HTTP | LOOKING | NO_ADMINISTRATION


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_command_that_administers_leaves_its_line(api: ApiRig, name: str) -> None:
    prefix = await _key(api)
    settings = api.services.settings
    environment = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    arguments, act = COMMANDS[name]
    before = await lines(api)

    def run() -> Result:
        asked = [argument.format(prefix=prefix) for argument in arguments]
        return CliRunner(env=environment).invoke(cli, asked, input="correct horse battery\n")

    done = await asyncio.to_thread(run)
    assert done.exit_code == 0, done.output
    (left,) = [one for one in await lines(api) if one not in before]
    assert left["act"] == act
    assert left["actor"].startswith("command line (")
    assert "correct horse" not in str(left)
