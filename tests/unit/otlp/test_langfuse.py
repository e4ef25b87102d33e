from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.otlp.langfuse_events import Told, map_events, read_event
from app.otlp.langfuse_scores import map_score, rating_of, span_id_of, trace_id_of
from app.otlp.mapping import Mapped
from app.schemas.json_input import convert
from app.schemas.kinds import Kind
from app.schemas.langfuse import EventIn, ScoreIn
from app.schemas.queued import BEGUN, EVALUATED, RATED
from monitoring.models import Record

MOMENT = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "value", "label", "rating"),
    [
        ("user-feedback", 1.0, "true", 5),
        ("user-feedback", 0.0, "false", 1),
        ("user-feedback", -1.0, "", 1),
        ("user_feedback", 0.5, "", 3),
        ("userFeedback", 0.75, "", 4),
        ("feedback", 4.0, "", 4),
        ("feedback", 4.6, "", 5),
        ("thumbs", 1.0, "", 5),
        ("user-rating", 1.0, "", 1),
        ("user_stars", 5.0, "", 5),
        ("user-feedback", None, "Positive", 5),
        ("user-feedback", None, "thumbs", None),
        ("user-feedback", None, "down", 1),
        ("user-feedback", 80.0, "", None),
        ("user-feedback", 1.5, "", 2),
        ("user-rating", 0.0, "", None),
        ("rating", 4.0, "", None),
        ("helpfulness", 1.0, "", None),
        ("feedbackish", 1.0, "", None),
        ("user", 1.0, "", None),
    ],
)
def test_a_score_is_an_opinion_where_its_name_says_that_a_user_gave_it(
    name: str, value: float | None, label: str, rating: int | None
) -> None:
    assert rating_of(name, value, label) == rating


@pytest.mark.parametrize(
    ("read", "named", "found"),
    [
        (trace_id_of, "0102030405060708090A0B0C0D0E0F10", bytes(range(1, 17))),
        (trace_id_of, "01020304-0506-0708-090a-0b0c0d0e0f10", bytes(range(1, 17))),
        (span_id_of, "0102030405060708", bytes(range(1, 9))),
        (span_id_of, "01020304050607AB", bytes([1, 2, 3, 4, 5, 6, 7, 0xAB])),
    ],
)
def test_an_id_of_opentelemetry_is_itself(read: Any, named: str, found: bytes) -> None:
    assert read(named) == found


@pytest.mark.parametrize(("read", "size"), [(trace_id_of, 16), (span_id_of, 8)])
def test_any_other_id_is_one_of_its_own(read: Any, size: int) -> None:
    names = ["t", "T", "010203040506070", "é", "5e9d8cbe", "g" * 16, "x" * 500]
    found = {read(name) for name in names}
    assert len(found) == len(names)
    assert {len(one) for one in found} == {size}


def test_a_score_is_the_same_in_a_retry_and_another_when_it_changes() -> None:
    def key(**fields: Any) -> str | None:
        score = {"id": "s", "traceId": "t", "name": "tone", "value": 1, "timestamp": MOMENT.isoformat()}
        found = map_score(convert({**score, **fields}, ScoreIn))
        assert isinstance(found, Mapped)
        return found.key

    assert key() == key() == key(unknown="x")
    assert len({key(), key(value=0), key(comment="c"), key(traceId="u"), key(name="n"), key(id="i")}) == 6
    assert key(id=None) is None


def test_a_score_is_an_evaluation_of_its_span() -> None:
    score = {
        "id": "s",
        "traceId": "01" * 16,
        "observationId": "02" * 8,
        "name": "user-feedback",
        "value": True,
        "dataType": "BOOLEAN",
        "comment": "Thanks!",
        "timestamp": MOMENT.isoformat(),
    }
    found = map_score(convert(score, ScoreIn))
    assert isinstance(found, Mapped)
    assert found.context is not None
    assert (found.context.kind, found.context.trace_id, found.context.span_id) == (
        Kind.EVALUATION,
        b"\1" * 16,
        b"\2" * 8,
    )
    assert found.line == Record(
        prompt="",
        response="Thanks!",
        model_name="user-feedback",
        provider="langfuse",
        id="s",
        tags=("true",),
        timestamp=MOMENT,
        metadata={EVALUATED: 1.0, RATED: 5},
    )


def events(*bodies: tuple[str, dict[str, Any]]) -> list[Told]:
    return map_events(
        [
            EventIn(id=f"event-{number}", type=kind, body=body)
            for number, (kind, body) in enumerate(bodies, start=1)
        ]
    )


def generation(**fields: Any) -> Record:
    times = {"startTime": MOMENT.isoformat(), "endTime": (MOMENT + timedelta(seconds=2)).isoformat()}
    (told,) = events(("generation-create", {"id": "g", "traceId": "t", "model": "m", **times, **fields}))
    assert isinstance(told.found, Mapped)
    assert isinstance(told.found.line, Record)
    return told.found.line


@pytest.mark.parametrize(
    ("fields", "usage"),
    [
        ({"usage": {"input": 100, "output": 20, "total": 120, "unit": "TOKENS"}}, (100, 20, None)),
        ({"usage": {"promptTokens": 100, "completionTokens": 20, "totalTokens": 120}}, (100, 20, None)),
        ({"usage": {"input": 100, "output": 20, "unit": "CHARACTERS"}}, (None, None, None)),
        ({"usageDetails": {"input": 60, "input_cached_tokens": 40, "output": 20}}, (100, 20, 40)),
        (
            {
                "usageDetails": {
                    "prompt_tokens": 100,
                    "completion_tokens": 20,
                    "total_tokens": 120,
                    "prompt_tokens_details": {"cached_tokens": 40},
                }
            },
            (100, 20, 40),
        ),
    ],
)
def test_usage_is_read_in_every_form(
    fields: dict[str, Any], usage: tuple[int | None, int | None, int | None]
) -> None:
    record = generation(**fields)
    assert (record.prompt_tokens, record.completion_tokens, record.cache_read_tokens) == usage


def test_a_call_says_all_that_langfuse_knows() -> None:
    record = generation(
        input=[{"role": "user", "content": "Where?"}],
        output={"role": "assistant", "content": "In Lyon."},
        completionStartTime=(MOMENT + timedelta(seconds=0.5)).isoformat(),
        promptName="greeting",
        level="ERROR",
        statusMessage="cut off",
        metadata={"team": "weather"},
    )
    assert (record.prompt, record.response, record.template_id) == ("Where?", "In Lyon.", "greeting")
    assert (record.response_time_ms, record.time_to_first_token_ms) == (2000, 500)
    assert (record.timestamp, record.error) == (MOMENT, "cut off")


def test_what_only_began_waits_for_its_end_and_what_only_ended_tells_when() -> None:
    begun = {"id": "g", "traceId": "t", "model": "m", "input": "Where?", "startTime": MOMENT.isoformat()}
    (told,) = events(("generation-create", begun))
    assert isinstance(told.found, Mapped)
    assert told.found.context is not None
    assert told.found.context.kind == Kind.CONTENT
    assert isinstance(told.found.line, Record)
    assert (told.found.line.prompt, told.found.line.timestamp) == ("Where?", MOMENT)
    assert told.found.line.metadata == {BEGUN: True}
    (ended,) = events(("generation-update", {"id": "g", "traceId": "t", "endTime": MOMENT.isoformat()}))
    assert isinstance(ended.found, Mapped)
    assert isinstance(ended.found.line, Record)
    assert (ended.found.line.timestamp, ended.found.line.response_time_ms) == (MOMENT, None)
    assert told.found.context.span_id == ended.found.context.span_id


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", Told(("unknown",), "it is not valid JSON: Input data was truncated")),
        (b"17", Told(("unknown",), "Expected `object`, got `int`")),
        (b'{"id":"a"}', Told(("a",), "type: Object missing required field `type`")),
        (b'{"id":"a","type":"t","body":[]}', Told(("a",), "body: Expected `object`, got `array`")),
        (b'{"id":"a","x":[' + b"1," * 200_001 + b"1]}", Told(("unknown",), "the event holds more than 200000 values")),
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_read_says_why(content: bytes, told: Told) -> None:
    assert read_event(content) == told


def test_broken_characters_are_replaced() -> None:
    event = {"id": "a", "type": "trace-create", "body": {"name": "a\0b\ud800", "user": "\\u0000"}}
    found = read_event(json.dumps(event).encode())
    assert isinstance(found, EventIn)
    assert found.body == {"name": "a�b�", "user": "\\u0000"}
