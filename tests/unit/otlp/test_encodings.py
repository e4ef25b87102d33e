from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import pytest

from app.errors import MalformedBody
from app.otlp import protobuf, protojson
from app.otlp.answers import encode_status, export_response
from app.otlp.signals import LogRecord, Malformed, Span
from app.schemas.records import Rejection
from tests.unit.otlp.spans import (
    START_NS,
    TRACE,
    json_bytes,
    json_request,
    json_span,
    log_bytes,
    protobuf_bytes,
    span,
)

EVERYTHING = span(
    {
        "text": "grüße\n",
        "integer": -(2**63),
        "float": 0.5,
        "bool": False,
        "list": ["a", 1, [True]],
        "map": {"inner": {"deep": "x"}, "empty": ""},
    },
    number=2,
    parent=1,
    events=[("exception", {"exception.type": "E"})],
    failed=True,
    message="late",
    scope="made.for.tests",
    resource={"service.name": "shop"},
)


def test_both_encodings_say_the_same() -> None:
    assert protobuf.read_spans(protobuf_bytes(EVERYTHING)) == [EVERYTHING]
    assert protojson.read_spans(json_bytes(EVERYTHING)) == [EVERYTHING]


def test_nothing_sent_is_nothing_read() -> None:
    assert protobuf.read_spans(b"") == protobuf.read_logs(b"") == []
    assert protojson.read_spans(b"{}") == protojson.read_logs(b'{"resourceLogs":[]}') == []


WHOLE = [
    ("7", 7),
    ('"7"', 7),
    ("7.0", 7),
    ("7e0", 7),
    ("0.7e1", 7),
    ('"7.000"', 7),
    ('"70e-1"', 7),
    ("-0.0", 0),
    ('"-0"', 0),
    ("-12e0", -12),
    ('"9.223372036854775807e18"', 2**63 - 1),
    ("-9.223372036854775808e18", -(2**63)),
]
NOT_WHOLE = [
    ("7.5", "no whole number: 7.5"),
    ('"7.5"', "no whole number"),
    ('"1e-400"', "no whole number"),
    ("1e30", "exceeds 64 bits"),
    ('"1e400"', "exceeds 64 bits"),
    ('"1e999999999999999999"', "exceeds 64 bits"),
    ('"9.223372036854775808e18"', "exceeds 64 bits"),
    ('"Infinity"', "exceeds 64 bits"),
    ('"NaN"', "no number"),
    ('"seven"', "no number"),
    ('""', "no number"),
    ("1e400", "Number out of range"),
    ("true", "Expected"),
    ("{}", "Expected"),
]


def read_with(field: str, number: str) -> Span | Malformed:
    wire = {**json_span(EVERYTHING), **json.loads(field)}
    body = json.dumps(json_request([wire])).replace('"NUMBER"', number).encode()
    (read,) = protojson.read_spans(body)
    return read


@pytest.mark.parametrize(("number", "value"), WHOLE)
def test_numbers_of_64_bits_may_be_written_in_every_way_of_protojson(number: str, value: int) -> None:
    read = read_with('{"attributes": [{"key": "n", "value": {"intValue": "NUMBER"}}]}', number)
    assert isinstance(read, Span)
    assert (read.attributes["n"], type(read.attributes["n"])) == (value, int)


@pytest.mark.parametrize(("number", "reason"), NOT_WHOLE)
def test_what_is_no_number_of_64_bits_costs_its_span_and_is_named(number: str, reason: str) -> None:
    inner = {
        "arrayValue": {
            "values": [{"kvlistValue": {"values": [{"key": "n", "value": {"intValue": "NUMBER"}}]}}]
        }
    }
    for value in ({"intValue": "NUMBER"}, inner):
        read = read_with(json.dumps({"attributes": [{"key": "n", "value": value}]}), number)
        assert isinstance(read, Malformed)
        assert reason in read.reason
        assert "intValue" in read.reason or reason in {"Expected", "Number out of range"}


@pytest.mark.parametrize("written", ["1.79e18", '"1.79e18"', "1790000000000000000.0", "1790000000000000000"])
def test_moments_may_have_an_exponent_wherever_they_stand(written: str) -> None:
    moment = 1_790_000_000_000_000_000
    for field in ("startTimeUnixNano", "endTimeUnixNano"):
        read = read_with(f'{{"{field}": "NUMBER"}}', written)
        assert isinstance(read, Span)
        assert moment in {read.start_ns, read.end_ns}
    read = read_with('{"events": [{"name": "e", "timeUnixNano": "NUMBER"}]}', written)
    assert isinstance(read, Span)
    assert read.events[0].time_ns == moment
    for field in ("timeUnixNano", "observedTimeUnixNano"):
        body = f'{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"{field}":{written}}}]}}]}}]}}'
        (log,) = protojson.read_logs(body.encode())
        assert isinstance(log, LogRecord)
        assert log.time_ns == moment


@pytest.mark.parametrize("written", ["-1.0", "1.9e19", "1.5"])
def test_a_moment_that_is_none_names_its_field(written: str) -> None:
    read = read_with('{"startTimeUnixNano": "NUMBER"}', written)
    assert isinstance(read, Malformed)
    assert read.reason.startswith("startTimeUnixNano ")


@pytest.mark.parametrize(("code", "failed"), [("2", True), ("2.0", True), ("2e0", True), ("1.0", False)])
def test_the_code_of_a_status_is_a_number_too(code: str, *, failed: bool) -> None:
    read = read_with('{"status": {"code": "NUMBER"}}', code)
    assert isinstance(read, Span)
    assert read.failed is failed


def test_a_number_of_the_resource_may_have_a_fraction_of_zeros() -> None:
    request = json_request([EVERYTHING])
    request["resourceSpans"][0]["resource"] = {"attributes": [{"key": "pid", "value": {"intValue": 12.0}}]}
    (read,) = protojson.read_spans(json.dumps(request).encode())
    assert isinstance(read, Span)
    assert read.resource == {"pid": 12}


BAD_SPANS: dict[str, dict[str, Any]] = {
    "an id that is no hexadecimal": {"traceId": "x" * 32},
    "an id in base64": {"traceId": "AQIDBAUGBwgJCgsMDQ4PEA=="},
    "a name that is a number": {"name": 5},
    "a time that is text": {"startTimeUnixNano": "yesterday"},
    "a time over 64 bits": {"startTimeUnixNano": 2**70},
    "a number over 64 bits": {"attributes": [{"key": "n", "value": {"intValue": "9" * 30}}]},
    "attributes that are a mapping": {"attributes": {"a": "b"}},
}


@pytest.mark.parametrize("change", BAD_SPANS.values(), ids=BAD_SPANS)
def test_a_bad_span_costs_itself_alone(change: dict[str, Any]) -> None:
    bad = {**json_span(EVERYTHING), **change}
    first, second = protojson.read_spans(json.dumps(json_request([bad, EVERYTHING])).encode())
    assert isinstance(first, Malformed)
    assert isinstance(second, Span)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"not json", "not valid JSON"),
        (b"[]", "no OTLP request"),
        (b'{"resourceSpans": 5}', "no OTLP request"),
        (b'{"resourceLogs": [{}]}', "send them to /v1/logs"),
        (b'{"resourceMetrics": [{}]}', "send them to /v1/metrics"),
        (b'{"resourceSpans":' + b"[" * 100_000, "OTLP request|not valid JSON"),
    ],
)
def test_json_that_is_no_export_of_spans_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(MalformedBody, match=message):
        protojson.read_spans(body)


def test_spans_sent_as_logs_are_told_where_to_go() -> None:
    with pytest.raises(MalformedBody, match="send them to /v1/traces"):
        protojson.read_logs(json_bytes(EVERYTHING))


@pytest.mark.parametrize(
    "log",
    [
        {"event": "gen_ai.choice", "trace_id": TRACE, "span_id": b"12345678", "body": {"content": "hi"}},
        {"body": "an ordinary line", "time_ns": START_NS},
        {"attributes": {"a": "b"}},
    ],
)
def test_log_records_sent_as_spans_are_told_where_to_go(log: dict[str, Any]) -> None:
    with pytest.raises(MalformedBody, match="send them to /v1/logs"):
        protobuf.read_spans(log_bytes(log))


@pytest.mark.parametrize("body", [b"\xff" * 20, b"{}", protobuf_bytes(EVERYTHING)[:-3]])
def test_bytes_that_are_no_protobuf_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody, match="binary protobuf"):
        protobuf.read_spans(body)


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\ud83d\\ude00"'])
def test_a_lone_surrogate_is_mended_and_a_pair_kept(text: str) -> None:
    body = json_bytes(EVERYTHING).replace(b'"late"', text.encode())
    (read,) = protojson.read_spans(body)
    assert isinstance(read, Span)
    assert read.message == ("�" if "de00" not in text else "😀")


def test_nul_is_replaced_in_both_encodings() -> None:
    hostile = span(
        {"a": "x\0y", "b": '["x\\u0000y"]'}, scope="made.for.tests", resource={"service.name": "shop"}
    )
    for read in (
        protobuf.read_spans(protobuf_bytes(hostile)),
        protojson.read_spans(json_bytes(hostile)),
    ):
        assert isinstance(read[0], Span)
        assert read[0].attributes["a"] == "x�y"


def test_answers_are_those_of_the_protocol() -> None:
    assert export_response([], "spans", "json") == b"{}"
    assert export_response([], "spans", "protobuf") == b""
    rejections = [Rejection(number, None, "bad") for number in range(1, 8)]
    partial = json.loads(export_response(rejections, "log_records", "json"))["partialSuccess"]
    assert partial["rejectedLogRecords"] == "7"
    assert partial["errorMessage"] == "; ".join(f"number {n}: bad" for n in range(1, 6)) + "; and 2 more"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (HTTPStatus.BAD_REQUEST, 3),
        (HTTPStatus.UNAUTHORIZED, 16),
        (HTTPStatus.FORBIDDEN, 7),
        (HTTPStatus.NOT_FOUND, 5),
        (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 3),
        (HTTPStatus.TOO_MANY_REQUESTS, 8),
        (HTTPStatus.INTERNAL_SERVER_ERROR, 13),
        (HTTPStatus.SERVICE_UNAVAILABLE, 14),
    ],
)
def test_a_status_is_google_rpc_status(status: HTTPStatus, code: int) -> None:
    message = "ü" * 100
    written = bytes([0x08, code, 0x12, 0xC8, 0x01]) + message.encode()  # field 1; field 2 and its 200 bytes
    assert encode_status(status, message, "protobuf") == written
    assert json.loads(encode_status(status, message, "json")) == {"code": code, "message": message}
