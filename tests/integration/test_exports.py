"""GET /export: every kind and format, its cut, its pieces, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from app.exporting import walking
from app.exporting.cells import original
from app.exporting.turns import Ask, asking
from app.filters.parameters import CALLS
from app.schemas.exported import EXPORTED, FORMATS, KINDS, ExportKind
from app.storage.traces.exporting import Exported
from tests.integration.api_rig import PROBLEM, ApiRig, own_servers, running_api
from tests.integration.export_rig import HOSTILE, export, ids, pieces, rows, store


@pytest.fixture(scope="module")
async def stored(postgres_url: str, migrated_template: str, redis_server_url: str) -> AsyncIterator[ApiRig]:
    async with (
        own_servers(postgres_url, migrated_template, redis_server_url) as (database_url, redis),
        running_api(database_url, redis) as rig,
    ):
        rig.services.exports.settle_seconds = 0
        await store(rig, [0])
        await store(rig, range(1, 20))
        (first, *_) = await ids(rig)
        await rig.post("/feedback", {"trace_id": first, "rating": 1, "comment": "=wrong"})
        await rig.post(f"/traces/{first}/labels", {"score": 0.25, "comment": "+poor"})
        yield rig


def table(content: bytes) -> list[dict[str, Any]]:
    return pq.read_table(io.BytesIO(content)).to_pylist()


async def test_a_row_is_the_trace_that_the_api_shows(stored: ApiRig) -> None:
    exported = await rows(stored)
    assert len(exported) == 20
    for row in exported[:3]:
        shown = (await stored.client.get(f"/traces/{row['trace_id']}")).json()
        of_others = {"feedback", "given_scores", "labels", "restated_by", "reviewed", "verdicts"}
        assert set(shown) - set(row) == of_others
        for name, value in row.items():
            if name != "timestamp":
                assert json.loads(json.dumps(value, default=float)) == shown[name], name


@pytest.mark.parametrize("kind", KINDS)
async def test_all_formats_hold_the_same(stored: ApiRig, kind: ExportKind) -> None:
    period = {"from": "2020-01-01T00:00:00Z"} if kind == "rollups" else {}
    plain = await rows(stored, kind=kind, **period)
    assert plain
    names = [one.name for one in EXPORTED[kind]]
    assert all(list(row) == names for row in plain)
    text = (await export(stored, kind=kind, format="csv", **period)).text
    head, *cells = list(csv.reader(io.StringIO(text, newline="")))
    assert head == names
    columns = table((await export(stored, kind=kind, format="parquet", **period)).content)
    assert len(plain) == len(cells) == len(columns)
    for row, cell, parquet in zip(plain, cells, columns, strict=True):
        for one, written in zip(EXPORTED[kind], cell, strict=True):
            assert _same(row[one.name], original(written)), one
            assert _same(row[one.name], parquet[one.name]), one


def _same(value: Any, other: Any) -> bool:
    if value is None:
        return other in {"", None}
    if isinstance(value, dict | list):
        return value == (json.loads(other, parse_float=Decimal) if isinstance(other, str) else other)
    if isinstance(value, bool):
        return other in {value, str(value).lower()}
    if isinstance(value, int | Decimal):
        return abs(Decimal(other) - value) < Decimal("1e-12")
    return datetime.fromisoformat(value) == other if isinstance(other, datetime) else value == other


async def test_no_cell_begins_like_a_formula(stored: ApiRig) -> None:
    text = (await export(stored, format="csv")).text
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert not [cell for cell in cells if cell[:1] in {"=", "+", "@", "\t"}]
    assert {"'=1+1", "' @SUM(A1)", "''=kept", "'\uff1dHYPERLINK", "'-"} <= set(cells)
    assert "nul \ufffd and \ufffd alone" in cells


async def test_sums_of_parquet_are_those_of_the_metrics(stored: ApiRig, tmp_path: Path) -> None:
    file = tmp_path / "calls.parquet"
    file.write_bytes((await export(stored, format="parquet", time_period="24h")).content)
    cost, safety = await stored.get("/metrics/cost"), await stored.get("/metrics/safety")
    query = f"""
        SELECT count(*), sum(cost_usd)::double, sum(prompt_tokens + completion_tokens),
            count(*) FILTER (NOT is_safe) FROM '{file}'"""  # noqa: S608 a path of this test
    (by_duckdb,) = duckdb.sql(query).fetchall()
    read = pq.read_table(file)
    tokens = sum(map(sum, (read[name].to_pylist() for name in ("prompt_tokens", "completion_tokens"))))
    total = sum(read["cost_usd"].to_pylist())
    by_pyarrow = (read.num_rows, float(total), tokens, read["is_safe"].to_pylist().count(False))
    told = (cost["total_requests"], cost["total_cost_usd"], cost["total_tokens"], safety["safety_violations"])
    assert by_duckdb == pytest.approx(told)
    assert by_pyarrow == pytest.approx(told)


async def test_sums_of_rollups_are_those_of_the_metrics(stored: ApiRig) -> None:
    cost = await stored.get("/metrics/cost", time_period="24h")
    for dimension, names in (("all", {""}), ("model", {"gpt-4o", "gpt-4o-mini"})):
        exported = [
            row
            for row in await rows(stored, kind="rollups", time_period="24h")
            if row["dimension"] == dimension
        ]
        assert {row["value"] for row in exported} == names
        assert sum(row["requests"] for row in exported) == cost["total_requests"] == 20
        assert float(sum(row["cost_usd"] for row in exported)) == pytest.approx(cost["total_cost_usd"])
        assert {row["seconds"] for row in exported} == {3600}


async def test_parameters_choose_as_in_the_list_of_traces(stored: ApiRig) -> None:
    everything = await ids(stored)
    for chosen in (
        {"filter": "user = user-1 and metadata.n < 12"},
        {"model": "gpt-4o", "user_id": "user-2"},
        {"time_period": "15m"},
        {"source": "import"},
    ):
        listed = [row["trace_id"] for row in (await stored.get("/traces", limit=500, **chosen))["traces"]]
        assert await ids(stored, **chosen) == listed[::-1]
    (first, *_) = everything
    (row,) = await rows(stored, kind="feedback", filter=f"prompt = {json.dumps(HOSTILE[0])}")
    assert (row["trace_id"], row["comment"], row["rating"]) == (first, "=wrong", 1)
    assert await rows(stored, kind="feedback", filter="user = user-1") == []
    (row,) = await rows(stored, kind="labels", filter="model = gpt-4o-mini")
    assert (row["trace_id"], row["label"], row["value"]) == (first, "score", Decimal("0.25"))
    assert await rows(stored, kind="labels", filter="model = gpt-4o") == []
    found = await rows(stored, kind="scores", filter="user = user-1")
    assert {row["trace_id"] for row in found} == set(await ids(stored, filter="user = user-1"))


@pytest.mark.parametrize("form", FORMATS)
async def test_an_empty_window_is_an_empty_file(stored: ApiRig, form: str) -> None:
    content = (await export(stored, format=form, **{"from": "2020-01-01", "to": "2020-01-02"})).content
    match form:
        case "ndjson":
            assert content == b""
        case "csv":
            assert content == ",".join(one.name for one in EXPORTED["traces"]).encode() + b"\r\n"
        case _:
            assert pq.read_table(io.BytesIO(content)).num_rows == 0


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("kind", {"kind": "keys"}),
        ("format", {"format": "xlsx"}),
        ("limit", {"limit": 0}),
        ("limit", {"limit": 1_000_001}),
        ("cursor", {"cursor": "x"}),
        ("cursor", {"cursor": "AAAA"}),
        ("time_period", {"time_period": "soon"}),
        ("filter", {"filter": "quality <"}),
        ("filter", {"kind": "rollups", "filter": "user = a"}),
        ("model", {"kind": "rollups", "model": "gpt-4o"}),
        ("since", {"since": "yesterday"}),
    ],
)
async def test_wrong_parameters_are_named(stored: ApiRig, field: str, given: Mapping[str, Any]) -> None:
    response = await stored.client.get("/export", params=given)
    assert (response.status_code, response.headers["content-type"]) == (422, PROBLEM)
    assert field in {error["field"] for error in response.json()["errors"]}
    assert await ids(stored, limit=1)  # the place among the exports is free again


@pytest.mark.parametrize(
    ("limit", "sizes"), [(6, [6, 6, 6, 2]), (10, [10, 10]), (19, [19, 1]), (20, [20]), (21, [20])]
)
async def test_pieces_make_the_whole(stored: ApiRig, limit: int, sizes: list[int]) -> None:
    found = [(response.headers, piece) async for response, piece in pieces(stored, limit=limit)]
    assert [len(piece) for _, piece in found] == sizes == [int(head["export-calls"]) for head, _ in found]
    assert [one for _, piece in found for one in piece] == await ids(stored)
    shares = [float(head["export-share"]) for head, _ in found]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len({head["export-cut"] for head, _ in found}) == 1


async def test_names_stand_only_before_the_first_piece(stored: ApiRig) -> None:
    first = await export(stored, format="csv", limit=15)
    second = await export(stored, format="csv", limit=15, cursor=first.headers["export-next"])
    assert first.content + second.content == (await export(stored, format="csv")).content


async def test_a_cursor_continues_its_own_export_alone(stored: ApiRig) -> None:
    cursor = (await export(stored, limit=5, time_period="24h")).headers["export-next"]
    fine = await stored.client.get(
        "/export", params={"cursor": cursor, "time_period": "24h", "format": "parquet"}
    )
    assert len(table(fine.content)) == 15
    for other in ({}, {"time_period": "7d"}, {"time_period": "24h", "kind": "scores"}):
        response = await stored.client.get("/export", params={"cursor": cursor, **other})
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize("step", [1, 2, 7])
async def test_steps_lose_and_double_nothing(
    stored: ApiRig, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    whole, some = await ids(stored), await ids(stored, filter="metadata.n > 11")
    monkeypatch.setattr(walking, "_STEP", step)
    monkeypatch.setattr(walking, "_LONGEST_STEP", step)
    monkeypatch.setattr(walking, "_ROWS", 2)
    assert await ids(stored) == whole
    assert await ids(stored, filter="metadata.n > 11") == some
    found = [one async for _, piece in pieces(stored, limit=3, filter="metadata.n > 11") for one in piece]
    assert found == some


async def test_one_export_of_a_project_runs_at_a_time(stored: ApiRig) -> None:
    async with stored.services.exports.admit("default"):
        response = await stored.client.get("/export")
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) > 0
    async with AsyncExitStack() as others:
        for project in ("a", "b", "c"):
            await others.enter_async_context(stored.services.exports.admit(project))
        assert (await stored.client.get("/export")).status_code == 429
    assert await ids(stored)


async def test_another_project_exports_its_own_calls(stored: ApiRig) -> None:
    for kind in ("traces", "scores", "feedback", "labels", "labelled"):
        assert await read_own(stored, "default", kind)
        assert await read_own(stored, "bank", kind) == []


async def read_own(api: ApiRig, project: str, kind: Any) -> list[bytes]:
    exported = Exported(project, kind, CALLS, api.services.clock(), flat=False)
    ask: Ask[Any] = asking(api.services.engine, api.services.readers, project)
    return [piece async for piece in walking.read_lines(ask, exported, walking.FIRST, None)]
