"""Datasets with versions, runs over them, comparisons, and the approved baseline."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from app.catalogue import list_judges, publish_judges
from app.experiments.runs import Runs
from app.jobs import Runner
from app.jobs.erasure import Erasure
from app.jobs.kinds import JobKind
from app.schemas.datasets import MOST_ITEMS
from app.storage.engine import writing
from app.storage.upkeep.jobs import read_job
from tests.integration.api_rig import ApiRig
from tests.integration.test_keys import bearer, issue
from tests.integration.worker_rig import Alarm, WordCount

JUDGES = list_judges([WordCount(), Alarm()])
ITEMS = [{"item_id": f"i{n}", "prompt": f"question {n}", "reference": "an answer"} for n in range(8)]
LATER = {"prefer": "respond-async"}


@pytest.fixture
async def told(api: ApiRig) -> ApiRig:
    await publish_judges(api.services.redis, JUDGES)
    return api


async def make(api: ApiRig, items: Any = ITEMS, name: str = "qa") -> dict[str, Any]:
    made = await api.client.post("/datasets", json={"name": name, "items": items})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


async def run(api: ApiRig, *responses: str, name: str = "run", **more: Any) -> dict[str, Any]:
    """Post a run, let workers score it, and take the step of its job."""
    outputs = [{"item_id": f"i{n % 8}", "response": text, **more} for n, text in enumerate(responses)]
    body = {"name": name, "dataset": "qa", "outputs": outputs}
    made = await api.client.post("/experiments", json=body, headers=LATER)
    assert (made.status_code, made.json()["state"]) == (202, "running"), made.text
    await api.worker.drain()
    run_id = UUID(made.json()["run_id"])
    async with writing(api.services.engine) as connection:
        job = await read_job(connection, "default", run_id)
        assert job is not None
        step = await Runs(JUDGES).step(connection, "default", job)
    assert step.finished
    found: dict[str, Any] = (await api.client.get(made.headers["location"])).json()
    return found


async def test_every_change_is_a_version_and_earlier_ones_stay(api: ApiRig) -> None:
    place = f"/datasets/{(await make(api, ITEMS[:2]))['dataset_id']}"
    added = await api.client.post(
        f"{place}/items",
        json={"items": [{"item_id": "i1", "prompt": "another", "split": "test"}, {"prompt": "no id"}]},
    )
    assert (added.status_code, added.json()["version"], added.json()["items"]) == (201, 2, 3)
    assert (await api.client.delete(f"{place}/items/i0")).json()["version"] == 3
    shown = (await api.client.get(place)).json()
    assert [(one["version"], one["items"], one["change"]) for one in shown["versions"]] == [
        (3, 2, "1 item removed"),
        (2, 3, "1 item added, 1 replaced"),
        (1, 2, "created"),
    ]
    prompts = []
    for version in (1, 2, 3):
        page = (await api.client.get(f"{place}/items", params={"version": version})).json()
        prompts.append(sorted(item["prompt"] for item in page["items"]))
    assert prompts == [["question 0", "question 1"], ["another", "no id", "question 0"], ["another", "no id"]]
    of_split = (await api.client.get(f"{place}/items", params={"split": "test"})).json()["items"]
    assert [item["item_id"] for item in of_split] == ["i1"]


async def test_items_come_in_pages(api: ApiRig) -> None:
    place = f"/datasets/{(await make(api))['dataset_id']}/items"
    first = (await api.client.get(place, params={"limit": 5})).json()
    second = (await api.client.get(place, params={"limit": 5, "cursor": first["next"]})).json()
    assert [item["item_id"] for page in (first, second) for item in page["items"]] == [
        item["item_id"] for item in ITEMS
    ]
    assert second["next"] is None


async def test_items_are_made_from_calls_and_from_an_evaluation(api: ApiRig) -> None:
    call = {"prompt": "from a call", "response": "two words", "reference": "right", "context": "facts"}
    (trace_id,) = await api.store(call)
    made = await make(api, [])
    place = f"/datasets/{made['dataset_id']}/items"
    added = await api.client.post(place, json={"trace_ids": [trace_id, trace_id]})
    assert (added.status_code, added.json()["items"]) == (201, 1)
    (item,) = (await api.client.get(place)).json()["items"]
    assert (item["prompt"], item["reference"], item["context"], item["trace_id"]) == (
        "from a call",
        "right",
        ["facts"],
        trace_id,
    )
    evaluated = await api.client.post("/evaluate", json=[call | {"prompt": "evaluated"}], headers=LATER)
    await api.worker.drain()
    added = await api.client.post(place, json={"evaluation_id": evaluated.json()["job_id"]})
    assert (added.status_code, added.json()["items"]) == (201, 2)


async def test_an_item_of_an_erased_call_goes_with_it(api: ApiRig) -> None:
    (trace_id,) = await api.store({"prompt": "my name is Jane", "response": "two words"})
    made = await make(api, [])
    place = f"/datasets/{made['dataset_id']}/items"
    await api.client.post(place, json={"trace_ids": [trace_id]})
    await api.client.delete(f"/traces/{trace_id}")
    erasure = Erasure(api.worker.engine, api.worker.redis, ())
    await Runner(api.worker.engine, api.worker.redis, {JobKind.ERASE: erasure}).turn()
    assert (await api.client.get(place)).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": ""}, 422),
        ({"name": "two\nlines"}, 422),
        ({"name": "x" * 81}, 422),
        ({"name": "a", "items": [{"response": "no prompt"}]}, 422),
        ({"name": "a", "items": [{"prompt": "p", "item_id": "a\x00b"}]}, 422),
        ({"name": "a", "items": [{"prompt": "p"}] * (MOST_ITEMS + 1)}, 422),
        ({"name": "a", "trace_ids": ["018f0000-0000-7000-8000-000000000000"]}, 404),
        ({"name": "a", "evaluation_id": "5e9d8cbe-7e5e-4d5c-9be9-111111111111"}, 404),
        ({"name": "a", "items": [{"prompt": "nul \x00", "metadata": {"nul": "\x00"}}]}, 201),
    ],
)
async def test_a_dataset_that_is_none_is_refused(api: ApiRig, body: dict[str, Any], status: int) -> None:
    assert (await api.client.post("/datasets", json=body)).status_code == status


async def test_a_name_is_taken_once(api: ApiRig) -> None:
    await make(api)
    assert (await api.client.post("/datasets", json={"name": "qa"})).status_code == 409


async def test_a_run_is_scored_like_all_calls_and_keeps_its_scores(told: ApiRig) -> None:
    await make(told)
    found = await run(told, *["two words"] * 7, "much danger", scores={"mine": 0.5})
    assert (found["state"], found["total"], found["done"], found["missing"]) == ("done", 8, 8, 0)
    figures = found["figures"]
    assert (figures["items"], figures["answers"], figures["flags"]) == (8, 8, {"toxicity": 1})
    assert figures["scores"]["mine"] == {"mean": 0.5, "count": 8}
    place = f"/experiments/{found['run_id']}/answers"
    first = (await told.client.get(place, params={"limit": 5})).json()
    second = (await told.client.get(place, params={"limit": 5, "cursor": first["next"]})).json()
    assert [one["item_id"] for page in (first, second) for one in page["answers"]] == [
        item["item_id"] for item in ITEMS
    ]
    live = (await told.client.get("/metrics/quality")).json()
    assert live["total_evaluations"] == 0


async def test_runs_are_compared_and_one_is_approved(told: ApiRig) -> None:
    dataset = await make(told)
    old = await run(told, *["two words"] * 8, name="old")
    new = await run(told, *["alarm"] * 8, *["alarm"] * 8, name="new")
    asked = {"base": old["run_id"], "with": new["run_id"]}
    compared = (await told.client.get("/experiments/compare", params=asked)).json()["comparison"]
    (passing,) = [one for one in compared["figures"] if one["figure"] == "pass_rate"]
    assert passing["n"] == 8
    assert passing["sentence"] == "new is worse by 1 (1 to 1): 8 of 8 items changed"
    assert len(compared["changed_most"]) == 8
    by_name = {"base": "approved", "with": new["run_id"]}
    refused = await told.client.get("/experiments/compare", params=by_name)
    assert (refused.status_code, "no approved baseline" in refused.text) == (409, True)
    assert (await told.client.post(f"/experiments/{old['run_id']}/approve")).status_code == 200
    approved = (await told.client.get("/experiments/compare", params=by_name)).json()
    assert approved["base"]["run_id"] == old["run_id"]
    shown = (await told.client.get(f"/datasets/{dataset['dataset_id']}")).json()
    assert shown["approved_run"] == old["run_id"]
    assert (await told.client.delete(f"/experiments/{old['run_id']}")).status_code == 409
    assert (await told.client.delete(f"/experiments/{new['run_id']}")).status_code == 204


async def test_an_output_whose_evaluator_failed_leaves_the_run_without_a_pass_rate(told: ApiRig) -> None:
    await make(told)
    found = await run(told, *["two words"] * 7, "some poison")
    assert (found["figures"]["unjudged"], found["figures"]["pass_rate"]) == (1, None)
    assert (await told.client.post(f"/experiments/{found['run_id']}/approve")).status_code == 409


async def test_a_run_pins_its_version(told: ApiRig) -> None:
    place = f"/datasets/{(await make(told))['dataset_id']}/items"
    old = await run(told, *["two words"] * 8)
    await told.client.post(place, json={"items": [{"item_id": "i0", "prompt": "another"}]})
    new = await run(told, *["two words"] * 8)
    assert (old["version"], new["version"]) == (1, 2)


async def test_a_run_with_missing_items_is_no_baseline(told: ApiRig) -> None:
    await make(told)
    found = await run(told, *["two words"] * 7)
    assert found["missing"] == 1
    assert (await told.client.post(f"/experiments/{found['run_id']}/approve")).status_code == 409


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"dataset": "another"}, 404),
        ({"version": 2}, 404),
        ({"outputs": []}, 422),
        ({"outputs": [{"item_id": "nowhere", "response": "a"}]}, 422),
        ({"outputs": [{"item_id": "i0", "scores": {"mine": "high"}}]}, 422),
        ({"name": None}, 422),
    ],
)
async def test_a_run_that_is_none_is_refused(told: ApiRig, change: dict[str, Any], status: int) -> None:
    await make(told)
    body = {"name": "r", "dataset": "qa", "outputs": [{"item_id": "i0", "response": "a"}]}
    assert (await told.client.post("/experiments", json=body | change)).status_code == status


CALLS = [
    {"prompt": "good?", "response": "two words", "model_name": "one", "reference": "kept"},
    {"prompt": "bad?", "response": "alarm", "model_name": "one"},
    {"prompt": "failed?", "response": "", "error": "timeout", "model_name": "one"},
    {"prompt": "other?", "response": "two words", "model_name": "two"},
]


async def items_at(api: ApiRig, place: str) -> dict[str, str | None]:
    """Return the references of all items by their prompts."""
    found = (await api.client.get(f"{place}/items")).json()["items"]
    assert len({item["prompt"] for item in found}) == len(found)
    return {item["prompt"]: item.get("reference") for item in found}


@pytest.mark.parametrize(
    ("chosen", "references"),
    [
        ({"calls": {"filter": "model = one"}}, {"good?": "kept", "bad?": None, "failed?": None}),
        (
            {"calls": {"filter": "model = one"}, "reference": "response"},
            {"good?": "two words", "bad?": "alarm"},
        ),
        ({"calls": {"filter": "model = two", "time_period": "1h"}, "reference": "none"}, {"other?": None}),
        ({"calls": {"limit": 1}, "reference": "none"}, {"other?": None}),
    ],
)
async def test_a_dataset_is_made_of_the_calls_that_a_filter_lets_pass(
    api: ApiRig, chosen: dict[str, Any], references: dict[str, str | None]
) -> None:
    await api.store(*CALLS[:3])
    await api.store(*CALLS[3:])
    made = await api.client.post("/datasets", json={"name": "qa", **chosen})
    assert made.status_code == 201, made.text
    place = f"/datasets/{made.json()['dataset_id']}"
    assert await items_at(api, place) == references
    again = await api.client.post(f"{place}/items", json=chosen)
    assert (again.status_code, again.json()["version"]) == (200, 1)
    assert await items_at(api, place) == references


@pytest.mark.parametrize(
    ("chosen", "status", "said"),
    [
        ({"calls": {"filter": "model = nobody"}}, 422, "No stored call fits"),
        ({"calls": {"filter": "modle = one"}}, 422, "did you mean model"),
        ({"calls": {"time_period": "soon"}}, 422, "time_period"),
        ({"calls": {"time_period": "1h", "from": "2026-01-01T00:00:00Z"}}, 422, "either time_period or from"),
        ({"calls": {"limit": 1001}}, 422, "1000"),
        ({"calls": {"filter": 'prompt ~ "failed"'}, "reference": "response"}, 422, "None of these calls"),
        ({"corrections": {"5e9d8cbe-7e5e-4d5c-9be9-111111111111": "a"}}, 422, "none of the calls"),
        ({"calls": {}, "reference": "best"}, 422, "reference"),
    ],
)
async def test_calls_that_make_no_dataset_are_refused(
    api: ApiRig, chosen: dict[str, Any], status: int, said: str
) -> None:
    await api.store(*CALLS)
    made = await api.client.post("/datasets", json={"name": "qa", **chosen})
    assert (made.status_code, said in made.text) == (status, True), made.text
    assert (await api.client.get("/datasets")).json()["datasets"] == []


async def test_a_call_is_added_once_and_its_correction_takes_its_place(api: ApiRig) -> None:
    (trace_id,) = await api.store(CALLS[1])
    place = f"/datasets/{(await make(api, ITEMS[:1]))['dataset_id']}"
    corrected = {"corrections": {trace_id: "a good answer"}}
    for answer, expected, body in (
        ((201, 2), None, {}),
        ((200, 2), None, {}),
        ((201, 3), "a good answer", corrected),
        ((200, 3), "a good answer", corrected),
        ((201, 4), "alarm", {"reference": "response"}),
    ):
        added = await api.client.post(f"{place}/items", json={"trace_ids": [trace_id], **body})
        assert (added.status_code, added.json()["version"]) == answer
        assert await items_at(api, place) == {"question 0": "an answer", "bad?": expected}
    changes = [one["change"] for one in (await api.client.get(place)).json()["versions"]]
    assert changes == ["1 item replaced", "1 item replaced", "1 item added", "created"]


async def test_a_correction_loses_personal_data_and_goes_with_its_call(api: ApiRig) -> None:
    (trace_id,) = await api.store(CALLS[1])
    await api.client.patch("/projects/default/settings", json={"redaction": {"mode": "mask"}})
    place = f"/datasets/{(await make(api, []))['dataset_id']}"
    right = "Write to jane.doe@example.org"
    body = {"trace_ids": [trace_id], "corrections": {trace_id: right}}
    assert (await api.client.post(f"{place}/items", json=body)).status_code == 201
    (item,) = (await api.client.get(f"{place}/items")).json()["items"]
    assert "jane.doe" not in item["reference"]
    rewritten = {"items": [{"item_id": item["item_id"], "prompt": "bad?", "reference": "another"}]}
    assert (await api.client.post(f"{place}/items", json=rewritten)).json()["version"] == 3
    await api.client.delete(f"/traces/{trace_id}")
    erasure = Erasure(api.worker.engine, api.worker.redis, ())
    await Runner(api.worker.engine, api.worker.redis, {JobKind.ERASE: erasure}).turn()
    for version in (2, 3):
        page = (await api.client.get(f"{place}/items", params={"version": version})).json()
        assert page["items"] == []


async def test_calls_of_another_project_make_no_item(api: ApiRig) -> None:
    (ours,) = await api.store(CALLS[0])
    theirs = bearer(await issue(api.services.engine, "read", "admin", project_id="other"))
    asked: list[dict[str, Any]] = [{"trace_ids": [ours]}, {"calls": {}}, {"corrections": {ours: "right"}}]
    refused = [
        await api.client.post("/datasets", json={"name": "qa", **chosen}, headers=theirs) for chosen in asked
    ]
    assert [one.status_code for one in refused] == [404, 422, 422]
    assert (await api.client.get("/datasets", headers=theirs)).json()["datasets"] == []
