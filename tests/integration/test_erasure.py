from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.jobs import Runner
from app.jobs.erasure import Erasure
from app.jobs.evaluations import Evaluations
from app.jobs.kinds import JobKind
from app.schemas.projects import ProjectSettings
from app.storage.access.projects import save_settings
from app.storage.rollups.covering import cover, fold_closed, forget_covered
from monitoring.privacy.redaction import Redaction
from monitoring.verdict import Policy
from tests.integration.api_rig import ApiRig, running_api
from tests.integration.truth import assert_rollups_equal_rows
from tests.integration.worker_rig import Rig

NOW = datetime.now(UTC)
AGES = (timedelta(), timedelta(minutes=30), timedelta(hours=5), timedelta(days=3), timedelta(days=20))


def call(user: str | None, number: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "prompt": "p",
        "response": ["one", "two words", "danger ahead"][number % 3],
        "model_name": f"gpt-{4 + number % 2}",
        "user_id": user,
        "session_id": f"s-{user}" if user else None,
        "tags": ["a", f"t{number % 2}"],
        "template_id": "t" if number % 2 else None,
        "response_time_ms": 100.0 * (number + 1),
        **fields,
    }


async def fill(api: ApiRig, users: tuple[str | None, ...] = ("zoe", "bob", None)) -> list[str]:
    ids = []
    for age in AGES:
        moment = (NOW - age).isoformat()
        for user in users:
            ids += await api.store(*(call(user, i, timestamp=moment) for i in range(7)))
    return ids


def runner(api: ApiRig) -> Runner:
    rig = api.worker
    handlers: dict[str, Any] = {
        JobKind.ERASE: Erasure(rig.engine, rig.redis, ()),
        JobKind.EVALUATE: Evaluations(rig.redis),
    }
    return Runner(rig.engine, rig.redis, handlers)


async def work(api: ApiRig) -> None:
    """Take steps until none is due."""
    running = runner(api)
    while await running.turn():
        pass


async def hurry(rig: Rig) -> None:
    async with rig.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE jobs SET due_at = now()")


async def erase(api: ApiRig, path: str) -> dict[str, Any]:
    response = await api.client.delete(path)
    assert response.status_code == 202, response.text
    await work(api)
    job: dict[str, Any] = dict(await api.get(response.headers["location"]))
    return job


async def fold(rig: Rig) -> None:
    for step in (fold_closed, cover, forget_covered):
        async with rig.engine.begin() as connection:
            await step(connection, datetime.now(UTC) + timedelta(minutes=5))


async def mentions(rig: Rig, *names: str) -> dict[str, int]:
    """How many rows of each table hold one of the names anywhere."""
    tables = ("traces", "scores", "feedback", "labels", "dead_letters", "rollups", "observed_values", "jobs")
    found = {}
    for table in tables:
        row = "encode(payload, 'escape') || t::text" if table == "dead_letters" else "t::text"
        statement = f"SELECT count(*) FROM {table} AS t WHERE {row} LIKE "  # noqa: S608 names of tables
        hits = [await rig.value(f"{statement} '%{name}%'") for name in names]
        if any(hits):
            found[table] = sum(hits)
    return found


@pytest.mark.parametrize("folded", [False, True])
async def test_a_user_is_erased_everywhere_and_figures_equal_what_is_left(
    api: ApiRig, *, folded: bool
) -> None:
    ids = await fill(api)
    about_zoe, by_zoe = ids[0], ids[7]
    for trace_id, user in ((about_zoe, "bob"), (by_zoe, "zoe"), (by_zoe, "bob")):
        opinion = {"trace_id": trace_id, "rating": 1, "user_id": user}
        assert (await api.client.post("/feedback", json=opinion)).status_code == 201
    for trace_id in (about_zoe, by_zoe):
        label = {"score": 0.5, "comment": f"zoe, {trace_id}" if trace_id == about_zoe else "bob"}
        assert (await api.client.post(f"/traces/{trace_id}/labels", json=label)).status_code == 201
    if folded:
        await fold(api.worker)
    await assert_rollups_equal_rows(api.worker)
    bob = await mentions(api.worker, "bob")

    job = await erase(api, "/users/zoe")
    assert (job["state"], job["done"], job["total"]) == ("done", 35, 35)
    assert job["result"] == {"traces": 35, "feedback": 1, "dead_letters": 0}
    await assert_rollups_equal_rows(api.worker)
    assert await api.worker.value("SELECT count(*) FROM traces") == 70
    await fold(api.worker)
    await assert_rollups_equal_rows(api.worker)
    assert await mentions(api.worker, "zoe") == {}
    assert (await mentions(api.worker, "bob"))["traces"] == bob["traces"]
    assert len((await api.get(f"/traces/{by_zoe}"))["feedback"]) == 1
    assert (await api.client.get(f"/traces/{about_zoe}")).status_code == 404


async def test_what_waits_in_the_queue_is_erased_as_soon_as_it_is_stored(api: ApiRig) -> None:
    await api.post("/monitor/inferences", [call("zoe"), call("bob"), call("zoe")])
    job = await erase(api, "/users/zoe")
    assert (job["state"], job["done"]) == ("running", 0)
    later = await api.post("/monitor/inferences", [call("zoe")])  # after the request: new data
    assert later.status_code == 202
    await api.worker.drain()
    assert await api.worker.value("SELECT count(*) FROM traces WHERE user_id = 'zoe'") == 3
    await hurry(api.worker)
    await work(api)
    job = dict(await api.get(f"/jobs/{job['job_id']}"))
    assert (job["state"], job["result"]["traces"]) == ("done", 2)
    left = await api.worker.rows("SELECT user_id, trace_id::text FROM traces ORDER BY user_id")
    assert [row["user_id"] for row in left] == ["bob", "zoe"]
    assert left[1]["trace_id"] == later.json()["trace_ids"][0]
    await assert_rollups_equal_rows(api.worker)


async def test_dead_letters_go_with_their_payloads(api: ApiRig) -> None:
    rig = api.worker
    (trace_id,) = (await api.post("/monitor/inferences", [call("zoe")])).json()["trace_ids"]
    await rig.drain()
    payload = b"\xa7user_id\xa3zoe and whatever follows"
    async with rig.engine.begin() as connection:
        for reason, user, content in (
            ("ValueError", "zoe", b"x"),
            ("unreadable", None, payload),
            ("unreadable", None, b"\xa7user_id\xa4zoey"),
            ("ValueError", "bob", payload),
        ):
            await connection.exec_driver_sql(
                "INSERT INTO dead_letters (project_id, trace_id, job_id, reason, detail, attempts, payload, user_id)"
                " VALUES ('default', gen_random_uuid(), 'j', $1, '', 1, $3, $2)",
                (reason, user, content),
            )
    job = await erase(api, "/users/zoe")
    assert job["result"]["dead_letters"] == 2
    left = await rig.rows("SELECT user_id, payload FROM dead_letters ORDER BY user_id NULLS LAST")
    assert [(row["user_id"], bytes(row["payload"])) for row in left] == [
        ("bob", payload),
        (None, b"\xa7user_id\xa4zoey"),
    ]
    assert (await api.client.get(f"/traces/{trace_id}")).status_code == 404


async def examples(api: ApiRig) -> set[str]:
    report = await api.get("/metrics/safety", time_period="90d")
    return {example for pattern in report["patterns"] for example in pattern["example_trace_ids"]}


async def test_one_trace_is_erased_and_nothing_beside_it(api: ApiRig) -> None:
    ids = await fill(api, ("zoe",))
    erased, *others = await examples(api)
    job = await erase(api, f"/traces/{erased}")
    assert (job["state"], job["result"]["traces"]) == ("done", 1)
    assert await api.worker.value("SELECT count(*) FROM traces") == len(ids) - 1
    await assert_rollups_equal_rows(api.worker)
    assert await examples(api) == set(others)


async def test_names_beyond_the_cap_are_taken_back_from_where_they_were_counted(
    api: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dimension, cap in (("user", 1), ("tag", 1), ("session", 0)):
        monkeypatch.setitem(__import__("workers.cardinality", fromlist=["CAPS"]).CAPS, dimension, cap)
    await fill(api, ("zoe", "bob"))
    assert await api.worker.value("SELECT count(*) FROM rollups WHERE NOT covered AND value = 'bob'") == 0
    await erase(api, "/users/bob")
    await assert_rollups_equal_rows(api.worker)
    await erase(api, "/users/zoe")
    await assert_rollups_equal_rows(api.worker)
    assert await api.worker.value("SELECT count(*) FROM traces") == 0


async def test_thresholds_changed_since_do_not_change_what_is_taken_back(api: ApiRig) -> None:
    await fill(api, ("zoe", "bob"))
    hits = (
        "SELECT sum(u.hit)::int FROM rollups, unnest(hits) AS u(hit) WHERE NOT covered AND dimension = 'all'"
    )
    before = await api.worker.value(hits)
    assert before > 0
    async with api.worker.engine.begin() as connection:
        policy = Policy(thresholds={"coherence": 0.2, "alarm": 0.95})
        assert await save_settings(connection, "default", ProjectSettings(policy=policy))
    await erase(api, "/users/zoe")
    assert await api.worker.value(hits) == before / 2
    await assert_rollups_equal_rows(api.worker)


async def test_figures_of_calls_that_retention_dropped_stop_naming_the_user(api: ApiRig) -> None:
    await api.store(call("zoe"), call("bob"))
    async with api.worker.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM traces")
    await erase(api, "/users/zoe")
    users = await api.worker.rows("SELECT value FROM rollups WHERE NOT covered AND dimension = 'user'")
    assert [row["value"] for row in users] == ["bob"]
    assert (
        await api.worker.value("SELECT sum(records) FROM rollups WHERE NOT covered AND dimension = 'all'")
        == 2
    )


@pytest.mark.parametrize("user", ["a/b c", "ü%2F", "x" * 500])
async def test_users_may_be_named_in_any_way(api: ApiRig, user: str) -> None:
    from urllib.parse import quote

    await api.store(call(user), call("other"))
    job = await erase(api, f"/users/{quote(user, safe='')}")
    assert job["result"]["traces"] == 1


async def test_a_user_stored_under_a_pseudonym_is_found_by_the_id(database_url: str, redis_url: str) -> None:
    async with running_api(database_url, redis_url, privacy_key="0123456789abcdef" * 2) as api:
        await api.store(call("zoe"))
        async with api.worker.engine.begin() as connection:
            settings = ProjectSettings(redaction=Redaction(mode="hash"))
            assert await save_settings(connection, "default", settings)
        await api.services.projects.refresh()
        await api.store(call("zoe"), call("bob"))
        stored = await api.worker.rows("SELECT user_id FROM traces")
        assert len({row["user_id"] for row in stored}) == 3
        assert (await erase(api, "/users/zoe"))["result"]["traces"] == 2
        assert (
            await api.worker.value("SELECT count(*) FROM rollups WHERE NOT covered AND dimension = 'user'")
            == 1
        )


async def test_a_trace_that_never_was_is_not_erased(api: ApiRig) -> None:
    assert (await api.client.delete(f"/traces/{uuid4()}")).status_code == 404
    assert (await api.client.delete(f"/traces/{UUID(int=0)}")).status_code == 404


async def test_an_evaluation_ends_when_its_records_have_an_outcome(api: ApiRig) -> None:
    response = await api.post("/evaluate", [call("zoe"), call("bob")], prefer="respond-async")
    job_id = response.json()["job_id"]
    await work(api)
    assert (await api.get(f"/jobs/{job_id}"))["done"] == 0
    await api.worker.drain()
    await hurry(api.worker)
    await work(api)
    job = await api.get(f"/jobs/{job_id}")
    assert (job["state"], job["result"]) == ("done", {"stored": 2, "failed": 0})
    await erase(api, "/users/zoe")
    assert (await api.get(f"/evaluate/{job_id}"))["state"] == "done"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "either --user or --trace"),
        (("--user", "a", "--trace", str(uuid4())), "either --user or --trace"),
        (("--user", "a", "--yes", "--url", "http://127.0.0.1:1"), "No API answers"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(options: tuple[str, ...], words: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "app.cli.main", "erase", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert words in result.stderr
