"""Redaction on the way in: what the queue, Postgres and the answers hold under each mode."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.errors import Unavailable
from app.privacy import Privacy
from app.projects import Projects
from app.schemas.ids import mint, sample_fraction
from app.schemas.projects import DEFAULT_PROJECT
from app.schemas.queued import Batch, Envelope, decode_batch, decode_envelope
from app.storage.engine import create_engine
from monitoring.evaluators import pii, toxicity
from monitoring.models import Record
from monitoring.privacy.redaction import USER_ID, Mode, Redaction
from tests.e2e.canaries import CANARIES, attributes_with
from tests.integration.api_rig import ApiRig, serving
from tests.integration.worker_rig import Alarm, Rig, WordCount, decide, running_rig
from tests.unit.otlp.spans import protobuf_bytes, span

MAIL, CARD = "jane.doe@corp.net", "4929 7226 5379 7141"
KEY = "0123456789abcdef0123456789abcdef"
OTHER_KEY = KEY[::-1]
RECORD = Record(
    prompt=f"I am {MAIL}",
    response=f"Your card {CARD} is charged",
    model_name="gpt-4",
    user_id="u-1",
    id=f"order of {MAIL}",
    metadata={"mail": MAIL},
)
EVALUATORS = (WordCount(), Alarm(), pii.build(), toxicity.build())


@pytest.fixture
async def rig(database_url: str, redis_url: str) -> AsyncIterator[Rig]:
    async with running_rig(database_url, redis_url, evaluators=EVALUATORS, privacy_key=KEY) as rig:
        yield rig


async def queued(rig: Rig) -> list[Envelope]:
    """Everything that waits in the queue."""
    found: list[Envelope] = []
    async for key in rig.redis.scan_iter("arq:job:*"):
        job = msgspec.msgpack.decode(await rig.redis.get(key))
        batch: Batch = decode_batch(job["a"][0])
        found += [decode_envelope(raw) for raw in batch.envelopes]
    return found


async def dump(rig: Rig) -> str:
    """Every value of every column of what a record becomes, as text."""
    rows = [
        row
        for table in ("traces", "dead_letters", "rollups", "observed_values", "jobs", "feedback")
        for row in await rig.rows(f"SELECT * FROM {table}")  # noqa: S608 names above
    ]
    return repr(rows)


@pytest.mark.parametrize(
    "redaction", [Redaction(mode="mask"), Redaction(mode="hash"), Redaction(mode="drop")]
)
async def test_raw_text_is_neither_queued_nor_stored(rig: Rig, redaction: Redaction) -> None:
    await decide(rig, redaction=redaction)
    await rig.accept([RECORD])
    async for key in rig.redis.scan_iter("*"):
        for secret in (MAIL, CARD):
            assert secret.encode() not in (await rig.redis.dump(key) or b"")
    (envelope,) = await queued(rig)
    assert MAIL not in repr(envelope)
    await rig.drain()
    assert await rig.value("SELECT count(*)::int FROM traces") == 1
    stored = await dump(rig)
    assert MAIL not in stored
    assert CARD not in stored


async def test_without_redaction_it_is_all_there(rig: Rig) -> None:
    await rig.accept([RECORD])
    (envelope,) = await queued(rig)
    assert envelope == Envelope(
        trace_id=envelope.trace_id, project_id="default", source="live", record=RECORD
    )
    await rig.drain()
    assert MAIL in await dump(rig)


async def test_scores_are_those_of_the_original(rig: Rig) -> None:
    await rig.accept([RECORD])
    for mode in ("mask", "drop"):
        await decide(rig, redaction=Redaction(mode=mode))
        await rig.ingest._projects.refresh()  # noqa: SLF001 what happens every other second
        await rig.accept([msgspec.structs.replace(RECORD, id=mode)])
    await rig.drain()
    rows = await rig.rows(
        "SELECT scores, flags, safety_score, overall_quality, prompt, response, marks, user_id "
        "FROM traces ORDER BY trace_id"
    )
    plain, masked, dropped = rows
    values = [{name: score["value"] for name, score in row["scores"].items()} for row in rows]
    assert values[2] == values[0]
    assert values[1].keys() == values[0].keys()
    for row in (masked, dropped):
        assert row["scores"]["pii"]["value"] == plain["scores"]["pii"]["value"]
        assert row["scores"]["pii"]["label"] == plain["scores"]["pii"]["label"]
        assert (row["flags"], row["safety_score"]) == (plain["flags"], plain["safety_score"])
    assert "pii_leak" in masked["flags"]
    (evidence,) = [e for e in masked["scores"]["pii"]["evidence"] if e["field"] == "response"]
    assert masked["response"][evidence["start"] : evidence["end"]] == "[CREDIT_CARD]"
    assert masked["marks"] == ["redacted"]
    assert (dropped["prompt"], dropped["response"], dropped["marks"]) == ("", "", ["text_dropped"])
    assert not any(score.get("evidence") for score in dropped["scores"].values())


async def test_a_check_that_is_off_stays_off_under_redaction(rig: Rig) -> None:
    await decide(rig, redaction=Redaction(mode="mask"))
    await rig.accept([msgspec.structs.replace(RECORD, skip=("pii",))])
    await rig.drain()
    (row,) = await rig.rows("SELECT scores, response FROM traces")
    assert "pii" not in row["scores"]
    assert CARD not in row["response"]


async def test_pseudonyms_join_records_and_find_the_user(rig: Rig) -> None:
    await decide(rig, redaction=Redaction(mode="hash"))
    await rig.accept([RECORD, msgspec.structs.replace(RECORD, id=None, prompt=f"Again {MAIL.upper()}")])
    await rig.drain()
    rows = await rig.rows("SELECT user_id, prompt FROM traces")
    assert len({row["user_id"] for row in rows}) == 1
    assert len({row["prompt"].split()[-1] for row in rows}) == 1
    assert rows[0]["user_id"] in Privacy(KEY).stored_forms(DEFAULT_PROJECT, USER_ID, "u-1")
    assert rows[0]["user_id"] not in Privacy(KEY).stored_forms("shop", USER_ID, "u-1")
    assert rows[0]["user_id"] not in Privacy(OTHER_KEY).stored_forms(DEFAULT_PROJECT, USER_ID, "u-1")
    assert Privacy(None).stored_forms(DEFAULT_PROJECT, USER_ID, "u-1") == ("u-1",)


async def test_a_retry_is_known_by_its_raw_id(rig: Rig) -> None:
    await decide(rig, redaction=Redaction(mode="mask"))
    first = await rig.accept([RECORD])
    again = await rig.accept([RECORD])
    await rig.drain()
    assert first.outcomes[0].trace_id == again.outcomes[0].trace_id
    assert again.outcomes[0].duplicate
    assert await rig.value("SELECT client_id FROM traces") == "order of [EMAIL_ADDRESS]"


async def test_a_sealed_record_waits_for_its_key(database_url: str, redis_url: str, rig: Rig) -> None:
    await decide(rig, redaction=Redaction(mode="drop"))
    await rig.accept([RECORD])
    async with running_rig(database_url, redis_url, evaluators=EVALUATORS, privacy_key=OTHER_KEY) as other:
        await other.drain()
        (letter,) = await other.rows("SELECT reason, detail, payload FROM dead_letters")
        assert letter["reason"] == "SealError"
        assert "LLM_MONITOR_PRIVACY_KEY" in letter["detail"]
        assert MAIL.encode() not in letter["payload"]
    envelope = decode_envelope(letter["payload"])
    assert Privacy(KEY).open(envelope) == RECORD
    moved = msgspec.structs.replace(envelope, trace_id=mint(0))
    with pytest.raises(Exception, match="another LLM_MONITOR_PRIVACY_KEY"):
        Privacy(KEY).open(moved)


@pytest.mark.parametrize("redaction", [Redaction(mode="hash"), Redaction(types={"CREDIT_CARD": "drop"})])
async def test_without_the_key_nothing_is_taken(
    database_url: str, redis_url: str, redaction: Redaction
) -> None:
    async with running_rig(database_url, redis_url) as rig:
        await decide(rig, redaction=redaction)
        with pytest.raises(Unavailable, match="LLM_MONITOR_PRIVACY_KEY"):
            await rig.accept([RECORD])
        assert await queued(rig) == []


async def test_nothing_is_taken_while_the_settings_are_unknown(rig: Rig) -> None:
    away = create_engine("postgresql://nobody@127.0.0.1:1/none", application="test")
    rig.ingest._projects = Projects(away)  # noqa: SLF001 a process that starts while Postgres is away
    with pytest.raises(Unavailable):
        await rig.accept([RECORD])
    assert await queued(rig) == []


async def test_what_cannot_be_redacted_is_rejected_alone(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from monitoring.privacy import redactor

    find = redactor.find_in_texts  # type: ignore[attr-defined]  # looked up where it is used, to be replaced there

    def stumble(texts: list[str], **options: Any) -> Any:
        if any("stumble" in text for text in texts):
            raise ValueError(texts)
        return find(texts, **options)

    monkeypatch.setattr(redactor, "find_in_texts", stumble)
    await decide(rig, redaction=Redaction(mode="mask"))
    bad = Record(prompt="stumble", response=MAIL)
    submission = await rig.accept([RECORD, bad, msgspec.structs.replace(RECORD, id=None)])
    assert [hasattr(outcome, "message") for outcome in submission.outcomes] == [False, True, False]
    assert submission.outcomes[1].line == 2
    assert len(await queued(rig)) == 2


@pytest.mark.parametrize("mode", ["mask", "drop", "off"])
async def test_what_is_too_long_to_be_searched_is_rejected_before_it_is_known(rig: Rig, mode: Mode) -> None:
    await decide(rig, redaction=Redaction(mode=mode))
    long = Record(prompt="word " * 230_000, response=MAIL, id="long")
    messages = Record(prompt="p", response="r", messages=({"content": long.prompt},))
    submission = await rig.accept(
        [RECORD, long, messages, Record(prompt=long.prompt[:1_000_000], response="r")]
    )
    rejected = [hasattr(outcome, "message") for outcome in submission.outcomes]
    assert rejected == [False, mode == "mask", mode == "mask", False]
    names = [key async for key in rig.redis.scan_iter("llm-monitor:id:*")]
    assert len(names) == (1 if mode == "mask" else 2)


async def test_long_searches_of_projects_take_turns(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await decide(rig, redaction=Redaction(mode="mask"))
    pieces: list[int] = []
    protect = Privacy.protect

    def note(self: Privacy, project_id: str, redaction: Redaction, records: Any) -> Any:
        pieces.append(len(records))
        return protect(self, project_id, redaction, records)

    monkeypatch.setattr(Privacy, "protect", note)
    lines = [Record(prompt=f"{n} {'word ' * 10_000}", response=MAIL) for n in range(7)]
    submission = await rig.accept([*lines, *(Record(prompt="p", response=MAIL) for _ in range(9))])
    assert pieces == [2, 2, 2, 10]
    assert all("EMAIL" in record.response for record in submission.records.values())
    assert list(submission.records) == [outcome.trace_id for outcome in submission.outcomes]


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
async def test_text_is_stored_for_a_share_of_the_scored_records(rig: Rig, share: float) -> None:
    await decide(rig, text_share=share)
    many = [Record(prompt=f"Hello {n}", response="two words", metadata={"n": n}) for n in range(200)]
    submission = await rig.accept(many)
    await rig.drain()
    ids = [outcome.trace_id for outcome in submission.outcomes]
    rows = {row["trace_id"]: row for row in await rig.rows("SELECT * FROM traces")}
    assert len(rows) == len(many)
    for trace_id in ids:
        row = rows[trace_id]
        assert row["overall_quality"] == 1.0
        assert bool(row["prompt"]) is (sample_fraction(trace_id) < share)
        assert row["marks"] == ([] if row["prompt"] else ["text_not_sampled"])
        assert row["metadata"] is None or row["prompt"]
    assert abs(sum(bool(row["prompt"]) for row in rows.values()) / len(many) - share) < 0.15


def test_lots_are_even_and_lasting() -> None:
    lots = [sample_fraction(mint(1_700_000_000_000)) for _ in range(2000)]
    assert 0.0 <= min(lots) < max(lots) < 1.0
    assert abs(sum(lots) / len(lots) - 0.5) < 0.05
    assert sample_fraction(UUID(int=1)) == sample_fraction(UUID(int=1)) != sample_fraction(UUID(int=2))


@pytest.mark.parametrize("mode", ["mask", "hash", "drop"])
async def test_spans_are_redacted_in_every_field(database_url: str, redis_url: str, mode: Mode) -> None:
    """The quick part of what tests/e2e/test_canary.py does to a whole stack."""
    headers = {"content-type": "application/x-protobuf"}
    async with (
        running_rig(database_url, redis_url, evaluators=EVALUATORS, privacy_key=KEY) as worker,
        serving(database_url, redis_url, privacy_key=KEY) as (client, app),
    ):
        await decide(worker, redaction=Redaction(mode=mode))
        await app.state.services.projects.refresh()
        spans = [
            span(attributes_with(canary), number=number, name=canary.text, failed=True, message=canary.text,
                 events=[("exception", {"exception.message": canary.text}), (canary.text, {canary.text: canary.text})])
            for number, canary in enumerate(CANARIES, start=1)
        ]  # fmt: skip
        answer = await client.post("/v1/traces", content=protobuf_bytes(*spans), headers=headers)
        assert answer.status_code == 200, answer.text
        await worker.redis.config_set("rdbcompression", "no")
        seen = [await worker.redis.dump(key) or b"" async for key in worker.redis.scan_iter("*")]
        await worker.drain()
        assert await worker.value("SELECT count(*)::int FROM traces") == len(CANARIES)
        seen.append((await dump(worker)).encode())
    found = {canary.kind for canary in CANARIES if canary.secret.encode() in b"\0".join(seen)}
    assert found == set()


async def test_answers_and_opinions_are_redacted_too(database_url: str, redis_url: str) -> None:
    settings: Mapping[str, Any] = {"privacy_key": KEY}
    async with (
        running_rig(database_url, redis_url, evaluators=EVALUATORS, **settings) as worker,
        serving(database_url, redis_url, **settings) as (client, app),
    ):
        await decide(worker, redaction=Redaction(mode="hash"))
        await app.state.services.projects.refresh()
        api = ApiRig(client, worker, app)
        call = {"prompt": MAIL, "response": "ok then", "model_name": f"model of {MAIL}", "user_id": "u-1"}
        evaluated = await api.post("/evaluate", [call], prefer="respond-async")
        single = await api.post("/monitor/inference", call, prefer="respond-async")
        opinion = {
            "trace_id": single.json()["trace_id"],
            "thumbs": "down",
            "comment": f"{MAIL} is wrong",
            "user_id": "u-1",
            "categories": [MAIL, "wrong"],
        }
        confirmed = await api.post("/feedback", opinion)
        await worker.drain()
        stored = await dump(worker)
        shown = (await client.get(f"/traces/{single.json()['trace_id']}")).text
        for text in (evaluated.text, single.text, confirmed.text, stored, shown):
            assert MAIL not in text
        assert confirmed.status_code == 201
        (row,) = await worker.rows(
            "SELECT f.user_id = t.user_id AS same FROM feedback f JOIN traces t USING (trace_id)"
        )
        assert row["same"]

        await decide(worker, redaction=Redaction(mode="drop"))
        await app.state.services.projects.refresh()
        dropped = (await api.post("/feedback", opinion)).json()
        assert dropped["comment"] is None
        assert "wrong" in dropped["categories"]


@pytest.mark.parametrize(
    ("redaction", "status"),
    [
        ({"mode": "hash"}, 409),
        ({"mode": "drop"}, 409),
        ({"mode": "mask", "types": {"CREDIT_CARD": "hash"}}, 409),
        ({"mode": "mask"}, 200),
        ({"mode": "off"}, 200),
    ],
)
async def test_what_needs_the_key_is_not_decided_without_it(
    database_url: str, redis_url: str, redaction: Mapping[str, Any], status: int
) -> None:
    async with serving(database_url, redis_url) as (client, _):
        before = (await client.get("/projects/default/settings")).json()
        answer = await client.put(
            "/projects/default/settings", json={"redaction": redaction}, headers={"If-Match": "*"}
        )
        made = await client.post(
            "/projects", json={"project_id": "shop", "name": "Shop", "settings": {"redaction": redaction}}
        )
        assert (answer.status_code, made.status_code) == (status, 201 if status == 200 else 409)
        after = (await client.get("/projects/default/settings")).json()
        if status == 409:
            assert "LLM_MONITOR_PRIVACY_KEY" in answer.json()["detail"]
            assert after == before
        assert (await client.get("/projects/shop/settings")).status_code == (404 if status == 409 else 200)
    async with serving(database_url, redis_url, privacy_key=KEY) as (client, _):
        answer = await client.put(
            "/projects/default/settings", json={"redaction": redaction}, headers={"If-Match": "*"}
        )
        assert answer.status_code == 200


async def test_no_answer_to_a_sender_holds_a_pseudonym(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one, who may only send could try values until a pseudonym is that of a stored record."""
    monkeypatch.setattr("app.guard.load_evaluators", lambda _: (pii.build(),))
    later = {"prefer": "respond-async"}
    async with (
        running_rig(database_url, redis_url, evaluators=EVALUATORS, privacy_key=KEY) as worker,
        serving(database_url, redis_url, privacy_key=KEY) as (client, app),
    ):
        await decide(
            worker, redaction=Redaction(mode="mask", types={"EMAIL_ADDRESS": "hash", USER_ID: "hash"})
        )
        await app.state.services.projects.refresh()
        call = {"prompt": MAIL, "response": MAIL, "model_name": MAIL, "user_id": MAIL}
        answers = [
            await client.post("/monitor/inference", json=call, headers=later),
            await client.post("/evaluate", json=[call], headers=later),
            await client.post("/guard", json=call),
        ]
        opinion = {
            "trace_id": answers[0].json()["trace_id"],
            "rating": 1,
            "comment": f"of {MAIL}",
            "user_id": MAIL,
            "categories": [MAIL],
        }
        answers.append(await client.post("/feedback", json=opinion))
        await worker.drain()
        for answer in answers:
            assert answer.is_success, answer.text
            assert "[EMAIL_ADDRESS]" in answer.text
            assert "[EMAIL_ADDRESS:" not in answer.text
            assert f"[{USER_ID}:" not in answer.text
        assert answers[2].json()["redacted"] == {"prompt": "[EMAIL_ADDRESS]", "response": "[EMAIL_ADDRESS]"}
        stored = await dump(worker)
        assert "[EMAIL_ADDRESS:" in stored
        assert f"[{USER_ID}:" in stored
