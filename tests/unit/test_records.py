from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.errors import InvalidRecord, MalformedBody
from app.schemas.lines import cut_array
from app.schemas.queued import decode_record, encode
from app.schemas.records import Rejection, read_record, read_records
from monitoring.bounds import bounded
from monitoring.marks import Mark
from monitoring.models import Record

MINIMAL = {"prompt": "Why?", "response": "Because."}


def body(**fields: Any) -> bytes:
    return json.dumps(MINIMAL | fields).encode()


def test_two_texts_are_a_record() -> None:
    assert read_record(body()) == Record(prompt="Why?", response="Because.")


@pytest.mark.parametrize(
    ("sent", "field", "kept"),
    [
        ({"context": "one passage"}, "context", ("one passage",)),
        ({"context": ["a", "b"]}, "context", ("a", "b")),
        ({"context": []}, "context", ()),
        ({"context": ""}, "context", ()),
        ({"context": None}, "context", ()),
        ({"model_name": None}, "model_name", "unknown"),
        ({"tags": ["x", "x", "y"]}, "tags", ("x", "y")),
        ({"check_pii": False, "check_bias": False}, "skip", ("bias", "pii")),
        ({"check_toxicity": True}, "skip", ()),
        ({"timestamp": "2026-03-01T12:00:00"}, "timestamp", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ({"timestamp": "2026-03-01T12:00:00+02:00"}, "timestamp", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ({"timestamp": "2026-03-01T12:00:00Z"}, "timestamp", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ({"made_up": 1, "metadata": {"kept": 2}}, "metadata", {"made_up": 1, "kept": 2}),
        ({"source": "import"}, "metadata", {"source": "import"}),
        ({"prompt": " \n"}, "marks", ("empty_prompt",)),
        ({"prompt": "", "response": ""}, "marks", ("empty_prompt", "empty_response")),
    ],
)
def test_fields_are_read_as_the_contract_says(sent: dict[str, Any], field: str, kept: object) -> None:
    assert getattr(read_record(body(**sent)), field) == kept


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (body(prompt=1), "prompt"),
        (b'{"response": "r"}', "prompt"),
        (body(prompt=None), "prompt"),
        (body(context=[1]), "context[0]"),
        (body(timestamp="yesterday"), "timestamp"),
        (body(timestamp=1700000000), "timestamp"),
        (body(prompt_tokens=-1), "prompt_tokens"),
        (body(prompt_tokens=1.5), "prompt_tokens"),
        (body(response_time_ms=-0.1), "response_time_ms"),
        (body(user_id="u" * 513), "user_id"),
        (body(tags=["t"] * 65), "tags"),
        (body(metadata={"big": "x" * 70_000}), "metadata"),
        (body(unknown="x" * 70_000), "metadata"),
        (body(metadata={"n": 2**70}), "metadata"),
        (body(metadata=[1], unknown=2), "metadata"),
        (b"[]", None),
        (b'"text"', None),
    ],
)
def test_a_wrong_field_is_named(sent: bytes, field: str | None) -> None:
    with pytest.raises(InvalidRecord) as caught:
        read_record(sent)
    assert caught.value.errors[0]["field"] == field


@pytest.mark.parametrize(
    "sent",
    [b"", b"{", b"{'prompt': 1}", b"prompt", body()[:-1], body(metadata={"n": float("nan")}), b"\xff\xfe"],
)
def test_what_is_no_json_is_refused(sent: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_record(sent)


@pytest.mark.parametrize(
    ("sent", "response", "marks"),
    [
        (b'{"prompt": "p", "response": "a\\u0000b"}', "a�b", ("nul_replaced",)),
        (b'{"prompt": "p", "response": "a\\ud800b"}', "a�b", ("invalid_unicode_replaced",)),
        (b'{"prompt": "p", "response": "a\xffb"}', "a�b", ("invalid_unicode_replaced",)),
        (b'{"prompt": "p", "response": "\\ud83d\\ude00"}', "😀", ()),
        (b'{"prompt": "p", "response": "a\\\\u0000b"}', "a\\u0000b", ()),
    ],
)
def test_characters_that_cannot_be_stored_are_replaced_and_marked(
    sent: bytes, response: str, marks: tuple[str, ...]
) -> None:
    record = read_record(sent)
    assert (record.response, record.marks) == (response, marks)


def test_nul_is_replaced_deep_inside_free_form_fields() -> None:
    record = read_record(body(metadata={"a\0": ["b\0", {"c": "\0"}]}, messages=[{"content": "\0"}]))
    assert "\0" not in repr(record)
    assert record.metadata == {"a�": ["b�", {"c": "�"}]}
    assert record.marks == ("nul_replaced",)


@pytest.mark.parametrize("key", ["metadata", "unknown"])
@pytest.mark.parametrize("depth", [10, 300, 900, 50_000])
def test_any_depth_is_taken_or_refused_but_never_an_accident(key: str, depth: int) -> None:
    nested = b'{"prompt": "p", "response": "r", "%s": {"a": %s%s}}' % (
        key.encode(),
        b"[" * depth,
        b"]" * depth,
    )
    if depth == 10:
        assert read_record(nested).metadata
    elif depth == 50_000:
        with pytest.raises(InvalidRecord, match="nested too deeply"):
            read_record(nested)
    else:  # where exactly the limit lies depends on how deep the caller already is
        with suppress(InvalidRecord):
            assert read_record(nested).metadata


def test_a_megabyte_is_fine() -> None:
    assert len(read_record(body(response="x" * 1_000_000)).response) == 1_000_000


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b'[{"prompt":"a","response":"b"},{"prompt":"a"},7]', "json"),
        (b'{"prompt":"a","response":"b"}\n\n{"prompt":"a"}\r\n7\n', "ndjson"),
    ],
)
def test_one_bad_line_costs_itself_alone(content: bytes, form: Any) -> None:
    first, second, third = read_records(content, form)
    assert isinstance(first, Record)
    assert second == Rejection(2, "response", "Object missing required field `response`")
    assert isinstance(third, Rejection)
    assert third.line == 3


MARK = b"\xef\xbb\xbf"
LINE = b'{"prompt":"a","response":"b"}'


@pytest.mark.parametrize(
    "content",
    [
        LINE + b"\n" + MARK + LINE,
        LINE + b"\r\n" + MARK + MARK + LINE + b"\r\n",
        LINE + b"\n" + MARK + b"\n" + LINE,
        MARK + b"\r\n" + LINE + b"\n" + LINE + b"\n" + MARK,
        LINE + b"\n \n" + MARK + b" " + LINE,
    ],
)
def test_files_laid_end_to_end_have_marks_that_are_no_part_of_lines(content: bytes) -> None:
    assert read_records(content, "ndjson") == [Record(prompt="a", response="b")] * 2


def test_a_mark_in_the_middle_of_a_line_is_no_mark() -> None:
    first, second = read_records(LINE + b"\n" + LINE + MARK, "ndjson")
    assert (type(first), type(second)) == (Record, Rejection)
    assert read_record(b'{"prompt":"' + MARK + b'","response":"b"}').prompt == "\ufeff"


COUNTS = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
NUMBERS = [
    ("12", 12),
    ("12.0", 12),
    ("1.2e1", 12),
    ("120E-1", 12),
    ("12.000000", 12),
    ("-0.0", 0),
    ("0e5", 0),
    ("1e9", 10**9),
    ("12.5", None),
    ("1e-1", None),
    ("1e10", None),
    ("-12.0", None),
    ("1e300", None),
    ("1e400", None),
    ('"12.0"', None),
]


@pytest.mark.parametrize("field", COUNTS)
@pytest.mark.parametrize(("number", "count"), NUMBERS)
def test_a_whole_number_is_an_integer_however_it_is_written(
    field: str, number: str, count: int | None
) -> None:
    sent = LINE.replace(b"}", f',"{field}":{number}}}'.encode())
    for line in (sent, sent.replace(b"}", b',"more":12.0}')):
        (read,) = read_records(line, "ndjson")
        if count is None:
            assert isinstance(read, Rejection)
            assert read.field == field
        else:
            assert isinstance(read, Record)
            found = getattr(read, field)
            assert (found, type(found)) == (count, int)


COSTS = [
    ("0.012", "0.012"),
    ("12e-3", "0.012"),
    ('"0.012"', "0.012"),
    ("0", "0"),
    ("3", "3"),
    ("0.30000000000000004", "0.3"),
    ("null", None),
]


@pytest.mark.parametrize(("number", "cost"), COSTS)
def test_a_cost_may_come_with_a_record(number: str, cost: str | None) -> None:
    for line in (LINE.replace(b"}", f',"cost_usd":{number}}}'.encode()),):
        record = read_record(line)
        assert record.reported_cost_usd == (None if cost is None else Decimal(cost))
        assert bounded(record) is record
        assert decode_record(encode(record)) == record
        assert [record] == read_records(line, "ndjson")


@pytest.mark.parametrize("number", ["-0.01", '"NaN"', '"-Infinity"', "100000.01", "1e400", '"1e999999"'])
def test_a_cost_beyond_bounds_is_left_out_and_marked(number: str) -> None:
    record = bounded(read_record(LINE.replace(b"}", f',"cost_usd":{number}}}'.encode())))
    assert (record.reported_cost_usd, record.marks) == (None, (Mark.NUMBER_OUT_OF_RANGE,))


@pytest.mark.parametrize("number", ['"free"', "true", "[0.1]", '"$0.1"', '""'])
def test_a_cost_that_is_no_number_is_named(number: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        read_record(LINE.replace(b"}", f',"cost_usd":{number}}}'.encode()))
    assert caught.value.errors[0]["field"] == "cost_usd"


def test_floats_that_no_integer_is_wanted_for_stay_floats() -> None:
    record = read_record(body(prompt_tokens=12.0, response_time_ms=3.0, metadata={"n": 3.0}, more=[4.0]))
    assert record.prompt_tokens == 12
    assert [type(n) for n in (record.response_time_ms, record.metadata["n"], record.metadata["more"][0])] == [
        float
    ] * 3


def test_an_array_with_a_lone_surrogate_is_read_all_the_same() -> None:
    first, second = read_records(
        b'[{"prompt":"a","response":"\\ud800"}, {"prompt":"a","response":"b"}]', "json"
    )
    assert isinstance(first, Record)
    assert (first.response, first.marks) == ("�", ("invalid_unicode_replaced",))
    assert second == Record(prompt="a", response="b")


@pytest.mark.parametrize("content", [b"{}", b"", b"[", b"null", b"[1,]", b'{"prompt":"a","response":"b"}'])
def test_a_bulk_body_that_is_no_array_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_records(content, "json")


def test_an_empty_bulk_body_holds_no_records() -> None:
    assert read_records(b"[]", "json") == []
    assert read_records(b"\n\n", "ndjson") == []


@pytest.mark.parametrize("between", [b",", b" ,\n "])
def test_an_array_is_cut_where_its_elements_end_whatever_they_hold(between: bytes) -> None:
    texts = ["},{", '","', "\\", "]", "ü" * 500, ""]
    elements = [
        json.dumps({"prompt": texts[number % 6] * 30, "messages": [{"a": {"b": [number]}}] * (number % 9)})
        for number in range(400)
    ]
    encoded = [element.encode() for element in elements]
    assert cut_array(b" [" + between.join(encoded) + b"] ") == encoded
    encoded.insert(200, b'{"prompt": NaN, "x": "},{"}')
    assert cut_array(b"[" + between.join(encoded) + b"]") == encoded
