from __future__ import annotations

import pytest

from app.errors import InvalidParameter
from dashboard.data.filtering import filter_parts, mistake_of, with_entered
from dashboard.data.view import read_fields

TRACE = "01a21640-82db-7fe4-9a11-2837efa28200"


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("model = a", {"period": "7d", "filter": 'model = "a"'}),
        ("  quality<0.5  and not is_safe ", {"period": "7d", "filter": "quality < 0.5 and is_safe != true"}),
        ("", {"period": "7d"}),
        (TRACE, {"period": "7d", "filter": "is_safe = true", "before": "x", "trace": TRACE}),
        (f" {TRACE.upper()}\n", {"period": "7d", "filter": "is_safe = true", "before": "x", "trace": TRACE}),
        (f"trace_id = '{TRACE}'", {"period": "7d", "filter": f'trace_id = "{TRACE}"'}),
    ],
)
def test_what_is_entered_becomes_part_of_the_address(text: str, fields: dict[str, str]) -> None:
    assert read_fields(with_entered("?period=7d&filter=is_safe+%3D+true&before=x", text)) == fields


@pytest.mark.parametrize(
    ("text", "said", "position"),
    [
        ("model =", "a value for model is expected here", 8),
        ("modle = a", "did you mean model?", 1),
        (TRACE[:-1], "is no field of a trace", 1),
        ("'", "", 1),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, said: str, position: int) -> None:
    with pytest.raises(InvalidParameter) as refused:
        with_entered("", text)
    told, place = mistake_of(refused.value)
    assert said in told
    assert place == position


def test_an_error_without_a_place_says_what_it_says() -> None:
    assert mistake_of(InvalidParameter("Too much.")) == ("Too much.", None)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("model = a", [('model = "a"', None)]),
        (
            "model = a and (is_safe or quality < 0.5) and tag = b",
            [
                ('model = "a"', '(is_safe = true or quality < 0.5) and tag = "b"'),
                ("is_safe = true or quality < 0.5", 'model = "a" and tag = "b"'),
                ('tag = "b"', 'model = "a" and (is_safe = true or quality < 0.5)'),
            ],
        ),
        ("model = a or tag = b", [('model = "a" or tag = "b"', None)]),
    ],
)
def test_each_part_that_must_hold_can_be_taken_away(text: str, parts: list[tuple[str, str | None]]) -> None:
    found = filter_parts(with_entered("?period=1h", text) if text else "?period=1h")
    assert [(part.text, read_fields(part.without).get("filter")) for part in found] == parts
    assert all(read_fields(part.without)["period"] == "1h" for part in found)


def test_a_filter_with_very_many_parts_shows_the_first() -> None:
    many = " and ".join(f"tag = t{number}" for number in range(40))
    assert len(filter_parts(with_entered("", many))) == 20


def test_an_address_with_a_mistake_has_no_parts() -> None:
    with pytest.raises(InvalidParameter, match="at character 8"):
        filter_parts("?filter=model+%3D")
