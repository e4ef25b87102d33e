"""Whole numbers are integers however they are written, in every body and file that has integers."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
import pytest
from fastapi.exceptions import RequestValidationError

from app.errors import MonitorError
from app.schemas.json_input import WrongShapeError, convert, reader
from app.schemas.whole_numbers import with_whole_numbers
from tests.unit.hostile_readers import READERS, Sent

RECORD = {"prompt": "a", "response": "b", "id": "1", "prompt_tokens": 12}
# A reader, the field of an integer, and a body in which it is 12.
BODIES: list[tuple[str, str, bytes]] = [
    ("record", "prompt_tokens", json.dumps(RECORD).encode()),
    ("guard", "prompt_tokens", json.dumps(RECORD).encode()),
    ("lines", "prompt_tokens", json.dumps(RECORD).encode()),
    ("array", "prompt_tokens", json.dumps([RECORD, RECORD]).encode()),
    ("settings", "retention_days", b'{"retention_days": 12}'),
    ("settings", "backlog.records", b'{"backlog": {"records": 12, "bytes": 13.0}}'),
    ("project", "settings.retention_days", b'{"project_id": "a", "name": "A", "settings": {"retention_days": 12}}'),
    ("key", "requests_per_minute", b'{"name": "k", "scopes": ["ingest"], "requests_per_minute": 12}'),
    ("file of lines", "prompt_tokens", json.dumps(RECORD).encode()),
    ("file of rows", "prompt_tokens", b"prompt,response,id,prompt_tokens\na,b,1, 12\n"),
]  # fmt: skip


def read(name: str, body: bytes) -> Any:
    return READERS[name].read(Sent(body, READERS[name].media))


@pytest.mark.parametrize(("name", "field", "body"), BODIES)
@pytest.mark.parametrize("end", [b".0", b".000", b"e0", b"E+0"])
def test_a_fraction_of_zeros_and_an_exponent_change_nothing(
    name: str, field: str, body: bytes, end: bytes
) -> None:
    assert read(name, body.replace(b" 12", b" 12" + end)) == read(name, body), field


@pytest.mark.parametrize(("name", "field", "body"), BODIES)
@pytest.mark.parametrize("end", [b".5", b"e-1", b"e300"])
def test_what_is_no_integer_is_refused_by_its_field(name: str, field: str, body: bytes, end: bytes) -> None:
    told = ""
    try:
        found = read(name, body.replace(b" 12", b" 12" + end, 1))
        told = str(found[0].field)
    except MonitorError as error:
        told = f"{error.detail} {getattr(error, 'errors', ())}"
    assert field in told


def test_an_opinion_has_a_whole_number_too() -> None:
    body = b'{"trace_id": "01890000-0000-7000-8000-000000000000", "rating": 4}'
    assert read("feedback", body.replace(b"4}", b"4.0}")) == read("feedback", body)
    with pytest.raises(RequestValidationError) as caught:
        read("feedback", body.replace(b"4}", b"4.5}"))
    assert caught.value.errors()[0]["loc"] == ("body", "rating")


class Inner(msgspec.Struct):
    count: int = 0
    share: float = 0.0


class Outer(msgspec.Struct, rename="camel"):
    whole_number: Annotated[int, msgspec.Meta(ge=0)] | None = None
    either: int | float = 0
    text: int | str = 0
    anything: Any = None
    inner: Inner | None = None
    many: list[int] = []
    named: dict[str, int] = {}
    nested: tuple[dict[str, Inner | None], ...] = ()


CONVERTED: list[tuple[Any, Any]] = [
    ({"wholeNumber": 3.0}, {"wholeNumber": 3}),
    ({"wholeNumber": 3.5}, {"wholeNumber": 3.5}),
    ({"wholeNumber": -0.0}, {"wholeNumber": 0}),
    ({"wholeNumber": 2.0**62}, {"wholeNumber": 2**62}),
    ({"wholeNumber": 2.0**63}, {"wholeNumber": 2.0**63}),
    ({"wholeNumber": float("inf")}, {"wholeNumber": float("inf")}),
    ({"wholeNumber": float("nan")}, None),
    ({"either": 3.0}, {"either": 3.0}),
    ({"text": 3.0}, {"text": 3}),
    ({"anything": {"a": [3.0]}}, {"anything": {"a": [3.0]}}),
    ({"inner": {"count": 3.0, "share": 3.0}}, {"inner": {"count": 3, "share": 3.0}}),
    ({"many": [3.0, 4, 5.5]}, {"many": [3, 4, 5.5]}),
    ({"named": {"a": 3.0}}, {"named": {"a": 3}}),
    ({"nested": [{"a": {"count": 3.0}, "b": None}]}, {"nested": [{"a": {"count": 3}, "b": None}]}),
    ({"unknown": 3.0, "whole_number": 3.0}, {"unknown": 3.0, "whole_number": 3.0}),
    ({"inner": 3.0, "many": 3.0, "named": [3.0]}, {"inner": 3.0, "many": 3.0, "named": [3.0]}),
    ([3.0], [3.0]),
    (3.0, 3.0),
    (None, None),
]


@pytest.mark.parametrize(("value", "expected"), CONVERTED)
def test_only_what_a_type_wants_as_an_integer_becomes_one(value: Any, expected: Any) -> None:
    found = with_whole_numbers(value, Outer)
    assert repr(found) == repr(value if expected is None else expected)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"wholeNumber": 3.5}', "wholeNumber"),
        (b'{"wholeNumber": 3.0, "inner": {"count": 1.5}}', "inner.count"),
        (b'{"many": [3.0, 3.5]}', "many[1]"),
        (b'{"wholeNumber": -3.0}', "wholeNumber"),
        (b'{"wholeNumber": 1e400}', "wholeNumber"),
        (b'{"wholeNumber": 3.0, "anything": 1e400}', "[...]"),
    ],
)
def test_what_stays_wrong_is_named(body: bytes, field: str) -> None:
    with pytest.raises(WrongShapeError) as caught:
        reader(Outer)(body)
    assert caught.value.field == field


def test_a_value_that_was_decoded_before_is_read_alike() -> None:
    assert convert({"wholeNumber": 3.0, "text": "x"}, Outer) == Outer(whole_number=3, text="x")
    with pytest.raises(WrongShapeError):
        convert({"wholeNumber": 3.5}, Outer)
