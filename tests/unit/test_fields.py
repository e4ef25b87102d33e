"""Structured passages as fields: what an answer may put together, and what it may not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitoring.conversation import read_messages, results_of
from monitoring.evaluators.hallucination import build
from monitoring.models import Record, Score
from monitoring.signals.fields import DENIED, EVERY_ROW, STATED, Field, read_fields
from monitoring.text.prepared import Prepared

PROSE = "Parcels are sent from the depot in Dijon. Delivery takes two days."
PARCEL = '{"parcel":7,"scanned_at":"09:40","place":"Villeurbanne warehouse","weight_kg":3.2}'
ORDER = (
    '{"order":{"id":"A-17","customer":{"firstName":"Ada","lastName":"Lovelace"},"items":[{"sku":"X1","qty":2,'
    '"unit_price_eur":49.9},{"sku":"Y9","qty":1,"unit_price_eur":1200}],"shipped":false,'
    '"expectedDelivery":"2026-12-04T14:30:00Z"}}'
)
WEATHER = "city: Oslo\ntemperature_c: -3.5\nwind_kmh: 14\nsky: light snow"
STOCK = "id,name,stock,price\n1,Red kettle,12,29.90\n2,Blue kettle,0,34.50"
CITIES = (
    "| city | population | country |\n|---|---|---|\n| Lyon | 522250 | France |\n| Turin | 841600 | Italy |"
)
BALANCE = "{'balance': 1280.5, 'currency': 'EUR', 'overdrawn': False}"

evaluator = build()


def judge(prompt: str, response: str, *context: str) -> Score:
    (score,) = evaluator.evaluate(Prepared([Record(prompt=prompt, response=response, context=context)]))
    return score


@pytest.mark.parametrize(
    ("prompt", "passage", "true", "invented"),
    [
        (
            "Where is parcel 7?",
            PARCEL,
            "Parcel 7 was scanned at the Villeurbanne warehouse at 09:40 and weighs 3.2 kg.",
            "Parcel 7 was scanned at the Toulouse warehouse at 14:25 and weighs 8.6 kg.",
        ),
        (
            "Where is parcel 7?",
            json.dumps(PARCEL),  # encoded once too often
            "It was scanned at 9:40 am in Villeurbanne and weighs 3.2 kilograms.",
            "It was scanned at 2:25 pm in Toulouse and weighs 8.6 kilograms.",
        ),
        (
            "Where is parcel 7?",
            json.dumps([{"type": "text", "text": PARCEL}]),
            "Parcel 7 was scanned at the Villeurbanne warehouse at 09:40.",
            "Parcel 7 was scanned at the Toulouse warehouse at 14:25.",
        ),
        (
            "What is the state of my order A-17?",
            ORDER,
            "Order A-17 has not been shipped yet; delivery is expected on 4 December 2026 at 2:30 pm.",
            "Order A-17 was shipped; delivery is expected on 9 March 2027 at 8:15 am.",
        ),
        (
            "What did I order?",
            ORDER,
            "It contains 2 pieces of X1 at 49.90 euros each and one Y9 at 1,200 euros.",
            "It contains 5 pieces of Z3 at 89.90 euros each and one W4 at 3,500 euros.",
        ),
        (
            "How is the weather in Oslo?",
            WEATHER,
            "In Oslo it is -3.5 degrees with light snow and wind of 14 km/h.",
            "In Oslo it is 12 degrees with bright sunshine and wind of 40 km/h.",
        ),
        (
            "How many red kettles are in stock?",
            STOCK,
            "There are 12 red kettles in stock at 29.90 each.",
            "There are 45 red kettles in stock at 99.90 each.",
        ),
        (
            "How many people live in Turin?",
            CITIES,
            "Turin in Italy has a population of 841,600.",
            "Turin in Spain has a population of 2,310,000.",
        ),
        (
            "What is my balance?",
            BALANCE,
            "Your balance is 1,280.50 EUR and it is not overdrawn.",
            "Your balance is 310.20 USD and it is overdrawn.",
        ),
    ],
)
@pytest.mark.parametrize("documents", [(), (PROSE,)])
def test_an_answer_from_fields_is_grounded_and_an_invented_one_is_not(
    prompt: str, passage: str, true: str, invented: str, documents: tuple[str, ...]
) -> None:
    grounded, flagged = (judge(prompt, answer, *documents, passage) for answer in (true, invented))
    assert grounded.value is not None
    assert grounded.value < evaluator.threshold
    assert flagged.value is not None
    assert flagged.value >= evaluator.threshold
    assert flagged.value - grounded.value > 0.3


@pytest.mark.parametrize(
    ("prompt", "passage", "right", "wrong"),
    [
        (
            "Where is parcel 7?",
            '[{"parcel":7,"place":"Villeurbanne"},{"parcel":8,"place":"Dijon"}]',
            "Parcel 7 is in Villeurbanne.",
            "Parcel 7 is in Dijon.",
        ),
        (
            "How many people live in Turin?",
            CITIES,
            "Turin has a population of 841,600.",
            "Turin has a population of 522,250.",
        ),
        (
            "What is the price?",
            STOCK,
            "The red kettle has a price of 29.9.",
            "The red kettle has a price of 34.5.",
        ),
        ("What is my balance?", BALANCE, "It is not overdrawn.", "It is overdrawn."),
        ("Is it paid?", '{"invoice":"R-3","paid":true}', "Invoice R-3 is paid.", "Invoice R-3 is not paid."),
    ],
)
def test_what_stands_in_another_row_or_is_denied_supports_less(
    prompt: str, passage: str, right: str, wrong: str
) -> None:
    assert judge(prompt, right, passage).value < judge(prompt, wrong, passage).value


TRAINS = "train,leaves,price\nNordic,07:10,48\nAurora,09:40,61\nBaltic,12:05,75"


@pytest.mark.parametrize(
    ("answer", "flagged"),
    [
        ("The Nordic train has a price of 48.", False),
        ("The price of the Aurora train is 61.", False),
        ("61 is the price of the Aurora train.", False),
        ("The Nordic train has a price of 48 and the Aurora train of 61.", False),
        ("The Nordic train has a price of 75.", True),
        ("The price of the Aurora train is 48.", True),
        ("75 is the price of the Aurora train.", True),
        ("The Baltic train has a price of 61.", True),
    ],
)
def test_a_value_of_another_row_is_as_wrong_as_a_new_one(answer: str, *, flagged: bool) -> None:
    value = judge("", answer, TRAINS).value
    assert value is not None
    assert (value >= evaluator.threshold) is flagged


@pytest.mark.parametrize(
    ("passage", "fields"),
    [
        ("{}", []),
        ('{"a_b":1}', [Field("a b", EVERY_ROW), Field("1", EVERY_ROW)]),
        (
            '{"inStock":true,"sold":null}',
            [Field("in Stock", EVERY_ROW, STATED), Field("sold", EVERY_ROW, DENIED)],
        ),
        ('[{"x":"u"},{"x":"v"}]', [Field("x", 1), Field("u", 1), Field("x", 2), Field("v", 2)]),
        ("a|b\nu|v\nw|x", [Field("a", EVERY_ROW), Field("b", EVERY_ROW), *map(Field, "uvwx", (1, 1, 2, 2))]),
        (
            "top: t\n- x: u\n  y: v\n- x: w",
            [
                Field("top", EVERY_ROW),
                Field("t", EVERY_ROW),
                Field("x", 1),
                Field("u", 1),
                Field("y", 1),
                Field("v", 1),
                Field("x", 2),
                Field("w", 2),
            ],
        ),
        (
            '{"text":"' + "one of many words, " * 5 + '"}',
            [Field("text", EVERY_ROW), Field("one of many words, " * 5, 0)],
        ),
    ],
)
def test_fields_belong_to_rows(passage: str, fields: list[Field]) -> None:
    assert read_fields(passage) == fields


@pytest.mark.parametrize(
    "passage",
    [
        "",
        PROSE,
        "[1] The tower was completed in 1889. [2] It is 330 metres tall.",
        "{braces} are no structure",
        '"A quotation."',
        "First line of a text, with a comma.\nSecond line of it, with another.",
        "One line: with a colon.",
        "He said: no.\nShe left without a word.",
        "\n\n",
        "1889",
        json.dumps(list(range(2001))),
        json.dumps({"a": "x " * 40_000}),
        '{"a":' * 33 + "1" + "}" * 33,
        "key: value\n" * 1001,
        "a,b\n" * 1001,
    ],
)
def test_prose_has_no_fields(passage: str) -> None:
    assert read_fields(passage) is None


@pytest.mark.parametrize(
    "message",
    [
        {"role": "tool", "tool_call_id": "c", "content": {"place": "Lyon", "weight_kg": 3.2}},
        {"role": "tool", "tool_call_id": "c", "content": '{"place":"Lyon","weight_kg":3.2}'},
        {
            "role": "tool",
            "parts": [
                {"type": "tool_call_response", "id": "c", "result": {"place": "Lyon", "weight_kg": 3.2}}
            ],
        },
    ],
)
def test_what_a_tool_answered_is_context_in_every_form(message: dict[str, Any]) -> None:
    (found,) = results_of(read_messages([message], "user").messages)
    assert judge("Where is it?", "It is in Lyon and weighs 3.2 kg.", found).label == "supported"
    assert judge("Where is it?", "It is in Turin and weighs 8.6 kg.", found).label == "unsupported"


@pytest.mark.parametrize(
    ("passage", "count"),
    [
        (json.dumps(list(range(2000))), 2000),
        ('{"a":' * 32 + "1" + "}" * 32, 33),
        ("key: value\n" * 1000, 2000),
        ("a,b\n" * 1000, 2000),
        ("id|" + "long name " * 40 + "\n" + "1|" + "long text " * 40 + "\n2|" + "other text " * 40, 6),
    ],
)
def test_fields_are_read_up_to_a_bound(passage: str, count: int) -> None:
    assert len(read_fields(passage) or ()) == count
