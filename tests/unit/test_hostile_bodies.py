from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from fastapi.exceptions import RequestValidationError

from app.errors import MalformedBody, MonitorError
from app.otlp import protobuf, protojson
from app.otlp.signals import Malformed
from app.otlp.wire import cut
from app.schemas.records import Rejection, read_records
from tests.unit.hostile_readers import ENCODINGS, READERS, RECORD, Sent
from tests.unit.mutations import FAULTS, change_token, delimited, mutate, seeded_random
from tests.unit.otlp.spans import json_request, json_span, protobuf_bytes, span

# A million of each takes about two hours: FUZZED_BODIES=1000000.
SHORT, LONG = 120, int(os.environ.get("FUZZED_BODIES", "1500"))
SEED = int(os.environ.get("FUZZING_SEED", "1"))
LINE = json.dumps({"prompt": "a", "response": "b"}).encode()


def change_inside(body: bytes, seeded: random.Random) -> bytes:
    """Change items of an export in protobuf, and write the lengths around them anew."""
    items = [
        mutate(item.content, seeded) if seeded.random() < 0.7 else item.content for item in cut(body, "")
    ]
    return delimited(1, delimited(2, b"".join(delimited(2, item) for item in items)))


def read_changed(name: str, encoding: str, count: int) -> Counter[str]:
    """Have a reader read that many changed bodies; returns results by type of answer."""
    reader, seeded = READERS[name], seeded_random(f"{SEED} {name} {encoding}")
    answers: Counter[str] = Counter()
    for number in range(count):
        body = seeded.choice(reader.bodies)
        inside = "protobuf" in reader.media and number % 2 == 0
        changed = change_inside(body, seeded) if inside else mutate(body, seeded)
        content = ENCODINGS[encoding](changed)
        if encoding != "identity" and number % 10 == 0:
            content = mutate(content, seeded)
        try:
            reader.read(Sent(content, reader.media, encoding))
            answers["read"] += 1
        except (MonitorError, RequestValidationError) as error:
            answers[type(error).__name__] += 1
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} of {name} in {encoding}: {content!r}") from error
    return answers


@pytest.mark.parametrize("name", READERS)
def test_the_bodies_that_are_changed_are_good_ones(name: str) -> None:
    reader = READERS[name]
    for encoding, encode in ENCODINGS.items():
        reader.read(Sent(encode(reader.bodies[0]), reader.media, encoding))


IN_TEXT = [name for name, reader in READERS.items() if "protobuf" not in reader.media]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", IN_TEXT)
def test_a_byte_order_mark_changes_nothing(name: str, encoding: str) -> None:
    reader, encode = READERS[name], ENCODINGS[encoding]
    for body in reader.bodies:
        marked = reader.read(Sent(encode(b"\xef\xbb\xbf" + body), reader.media, encoding))
        assert marked == reader.read(Sent(encode(body), reader.media, encoding))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", IN_TEXT)
def test_another_encoding_is_refused_by_name(name: str, encoding: str) -> None:
    body = READERS[name].bodies[0].decode().encode(encoding)
    with pytest.raises(MalformedBody, match=rf"in {encoding[:6].upper()}\b.* in UTF-8"):
        READERS[name].read(Sent(body, READERS[name].media))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", READERS)
def test_no_body_is_an_accident(name: str, encoding: str) -> None:
    assert read_changed(name, encoding, SHORT).total() == SHORT


@pytest.mark.long
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", READERS)
def test_no_body_of_very_many_is_an_accident(
    name: str, encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.monotonic()
    answers = read_changed(name, encoding, LONG)
    with capsys.disabled():
        seconds = time.monotonic() - begun
        print(f"{name}, {encoding}: {answers.total()} in {seconds:.1f} s, {dict(answers)}")  # noqa: T201 its result


@pytest.mark.parametrize("reader", IN_TEXT)
@pytest.mark.parametrize("fault", FAULTS, ids=range(len(FAULTS)))
def test_no_fault_in_any_place_is_an_accident(reader: str, fault: bytes) -> None:
    for body in READERS[reader].bodies:
        for name in (
            b'"x":',
            b'"metadata":',
            b'"prompt":',
            b'"timestamp":',
            b'"resource":',
            b'"attributes":',
        ):
            changed = body.replace(b"{", b"{" + name + fault + b",", 1)
            for sent in (fault, changed, changed.replace(b",", b"," + name + fault + b",", 1)):
                try:
                    READERS[reader].read(Sent(sent, READERS[reader].media))
                except (MonitorError, RequestValidationError):
                    continue


def taken(lines: Sequence[object]) -> list[bool]:
    return [not isinstance(line, Rejection | Malformed) for line in lines]


@pytest.mark.parametrize("fault", FAULTS, ids=range(len(FAULTS)))
@pytest.mark.parametrize(
    "record", [RECORD, {"x": 1, "y": 2}, {"prompt": "a", "response": "b", "x": 1, "y": 2}]
)
def test_a_line_with_a_fault_costs_itself_alone(fault: bytes, record: dict[str, object]) -> None:
    body = json.dumps({**record, "last": 5}).encode()
    changed = body.replace(b'"last": 5', b'"last": ' + fault).replace(b"\n", b" ")
    for lines in (
        read_records(LINE + b"\n" + changed + b"\n" + LINE, "ndjson"),
        read_records(b"[" + LINE + b", " + changed + b" ," + LINE + b"]", "json"),
        read_records(b"[" + LINE + b"," + fault + b"," + LINE + b"]", "json"),
    ):
        assert len(lines) == 3
        assert (taken(lines)[0], taken(lines)[2]) == (True, True)


@pytest.mark.parametrize("seed", range(300))
def test_a_changed_line_takes_no_other_with_it(seed: int) -> None:
    seeded = seeded_random(seed)
    changed = mutate(json.dumps(RECORD).encode(), seeded).replace(b"\n", b" ") or b"x"
    lines = read_records(b"\n".join((LINE, changed, LINE)), "ndjson")
    assert (taken(lines)[0], taken(lines)[-1]) == (True, True)
    token = change_token(json.dumps(RECORD).encode(), seeded)
    lines = read_records(b"[" + b",".join((LINE, token, LINE)) + b"]", "json")
    assert (len(lines), taken(lines)[0], taken(lines)[-1]) == (3, True, True)


GOOD = span(
    {"gen_ai.operation.name": "chat", "input.value": "q", "list": [1, ["a"]]}, events=[("e", {"a": 1})]
)


@pytest.mark.parametrize("seed", range(300))
def test_a_changed_span_takes_no_other_with_it(seed: int) -> None:
    seeded = seeded_random(seed)
    wire = cut(protobuf_bytes(GOOD), "spans")[0].content
    spans = (wire, mutate(wire, seeded), wire)
    body = delimited(1, delimited(2, b"".join(delimited(2, one) for one in spans)))
    found = protobuf.read_spans(body)
    assert (len(found), taken(found)[0], taken(found)[2]) == (3, True, True)
    changed = json.loads(json.dumps(json_span(GOOD)))
    changed[seeded.choice(list(changed))] = seeded.choice(
        [5, "x", None, [], {}, [5], {"a": [{}]}, 2**80, -1.5]
    )
    found = protojson.read_spans(json.dumps(json_request([GOOD, changed, GOOD])).encode())
    assert (len(found), taken(found)[0], taken(found)[2]) == (3, True, True)


SID = delimited(1, b"1" * 16) + delimited(2, b"2" * 8)
SMALL: dict[str, tuple[Callable[[bytes], object], bytes, str]] = {
    "lines": (lambda body: read_records(body, "ndjson"), b"x\n" * 50_001, "50000 lines"),
    "blank lines": (lambda body: read_records(body, "ndjson"), b"\n" * 50_002, "50000 lines"),
    "elements": (lambda body: read_records(body, "json"), b"[" + b"1," * 50_000 + b"1]", "50000 records"),
    "spans": (protobuf.read_spans, delimited(1, delimited(2, b"\x12\x00" * 50_001)), "50000 spans"),
    "groups of spans": (protobuf.read_spans, b"\x0a\x00" * 50_001, "50000 spans"),
    "log records": (
        protobuf.read_logs,
        delimited(1, delimited(2, b"\x12\x00" * 50_001)),
        "50000 log records",
    ),
    "metrics": (protobuf.check_metrics, delimited(1, delimited(2, b"\x12\x00" * 50_001)), "50000 metrics"),
    "fields of no meaning": (protobuf.read_spans, b"\x10\x01" * 300_001, "300000 fields"),
    "spans in JSON": (
        protojson.read_spans,
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"{}," * 50_000 + b"{}]}]}]}",
        "50000 spans",
    ),
    "values in JSON": (protojson.read_spans, b'{"resourceSpans":[' + b"{}," * 1_000_001, "2000000 values"),
    "values of lines": (
        lambda body: read_records(body, "ndjson"),
        (b'{"messages":[' + b"{}," * 90_000 + b"{}]}\n") * 12,
        "2000000 values",
    ),
    "attributes": (
        protobuf.read_spans,
        delimited(1, delimited(2, delimited(2, SID + b"\x4a\x00" * 190_000) * 6)),
        "1000000 values",
    ),
}


@pytest.mark.parametrize("kind", SMALL)
def test_what_a_request_may_not_hold_is_refused_before_it_is_built(kind: str) -> None:
    read, body, says = SMALL[kind]
    with pytest.raises(MonitorError, match=f"may hold {says}.*several requests") as refused:
        read(body)
    assert refused.value.status == 413


@pytest.mark.parametrize(
    "line",
    [
        b'{"prompt":"a","response":"b","messages":[' + b"{}," * 150_000 + b"{}]}",
        b'{"prompt":"a","response":"b","messages":[' + b"[1]," * 150_000 + b"{}]}",
    ],
)
def test_a_record_of_too_many_values_costs_itself_alone(line: bytes) -> None:
    first, second = read_records(LINE + b"\n" + line, "ndjson")
    assert isinstance(second, Rejection)
    assert "200000 values" in second.message
    assert not isinstance(first, Rejection)


def test_texts_full_of_commas_are_no_values() -> None:
    line = json.dumps({"prompt": "a", "response": '1,[2,{"3",' * 300_000}).encode()
    (one,) = read_records(line, "ndjson")
    assert not isinstance(one, Rejection)


def test_fifty_thousand_records_are_taken() -> None:
    lines = read_records((LINE + b"\n") * 50_000, "ndjson")
    assert len(lines) == 50_000
    assert not any(isinstance(line, Rejection) for line in lines)
