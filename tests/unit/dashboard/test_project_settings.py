"""Redaction, retention, rules, prices and the ledger: what is shown, asked and sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from plotly.io.json import to_json_plotly

from app.errors import InvalidRecord, NotFound
from dashboard.data.view import View
from dashboard.settings import ledger, prices, project, redaction, rules
from dashboard.settings.price_form import price_body
from dashboard.settings.prices import remove_price
from dashboard.settings.redaction import redacted, redaction_of, try_it
from dashboard.settings.saving import read_project, save
from dashboard.settings.section import Asked
from tests.unit.dashboard.settings_rig import Api, drawn, signed_in

SETTINGS = {
    "retention_days": 30,
    "text_share": 1.0,
    "backlog": {"records": None, "bytes": None, "age_seconds": None},
    "guard": {"block": {"pii": 0.9, "toxicity": 0.8}, "on_failure": "block"},
    "redaction": {
        "mode": "mask",
        "types": {"EMAIL_ADDRESS": "off", "PHONE_NUMBER": "hash"},
        "confidence": 0.4,
    },
    "dismiss_false_alarms": False,
    "review": {
        "flagged": True,
        "near_threshold": None,
        "quality_below": 0.25,
        "disagreeing": False,
        "random_share": None,
        "raters": 2,
    },
}
TYPED = {
    "retention_days": 30,
    "text_share": 0.5,
    "records": "",
    "bytes": 1000,
    "age_seconds": None,
    "on_failure": "allow",
    "block": "pii: 0.7\n\n",
    "false_alarms": "dismissed",
    "flagged": "no",
    "disagreeing": "yes",
    "near_threshold": 0.05,
    "quality_below": "",
    "random_share": 0.01,
    "raters": 3,
}
TEAM = Asked(View("team"), {})


@pytest.fixture(autouse=True)
def person() -> Iterator[None]:
    with signed_in():
        yield


async def test_a_form_shows_what_stands_and_sends_what_it_replaces() -> None:
    answer = httpx.Response(200, json=SETTINGS, headers={"ETag": '"7"'})
    path = "/projects/team/settings"
    api = Api({f"GET {path}": answer, f"PATCH {path}": answer})
    state = await read_project(api.sources, TEAM)
    assert "pii: 0.9\\ntoxicity: 0.8" in drawn(project.SECTION, state)
    assert "EMAIL_ADDRESS: off\\nPHONE_NUMBER: hash" in drawn(redaction.SECTION, state)
    await save(api.sources, "team", redaction.FORM, {"redaction": {}}, state.tag, agreed=True)
    assert api.asked[-1].headers["if-match"] == '"7"'
    assert api.asked[-1].url.query == b"redaction=off"
    await save(api.sources, "team", redaction.FORM, {"redaction": {}}, state.tag, agreed=False)
    assert api.asked[-1].url.query == b""


def test_what_was_taken_out_of_a_form_becomes_as_for_everybody() -> None:
    assert project.FORM.patch(TYPED, SETTINGS) == {
        "retention_days": 30,
        "text_share": 0.5,
        "backlog": {"records": None, "bytes": 1000, "age_seconds": None},
        "guard": {"on_failure": "allow", "block": {"pii": 0.7, "toxicity": None}},
        "dismiss_false_alarms": True,
        "review": {
            "flagged": False,
            "disagreeing": True,
            "near_threshold": 0.05,
            "quality_below": None,
            "random_share": 0.01,
            "raters": 3,
        },
    }
    typed = {"mode": "hash", "types": "PHONE_NUMBER: off", "confidence": 0.5}
    assert redaction.FORM.patch(typed, SETTINGS) == {
        "redaction": {
            "mode": "hash",
            "confidence": 0.5,
            "types": {"PHONE_NUMBER": "off", "EMAIL_ADDRESS": None},
        }
    }


@pytest.mark.parametrize(
    ("before", "after", "asks"),
    [
        (30, 7, True),
        (None, 7, True),
        (30, 30, False),
        (30, 31, False),
        (30, None, False),
        (None, None, False),
    ],
)
def test_a_shorter_retention_is_asked_about(before: int | None, after: int | None, *, asks: bool) -> None:
    patch = project.FORM.patch({**TYPED, "retention_days": after}, SETTINGS)
    question = project.FORM.loss(patch, {**SETTINGS, "retention_days": before})
    assert (question is not None) is asks
    assert question is None or "older than 7 days are deleted" in question


@pytest.mark.parametrize(
    ("typed", "asks"),
    [
        ({"mode": "off", "types": ""}, True),
        ({"mode": "mask", "types": "EMAIL_ADDRESS: off\nPHONE_NUMBER: off"}, True),
        ({"mode": "mask", "types": "EMAIL_ADDRESS: off", "confidence": 0.9}, True),
        ({"mode": "mask", "types": "EMAIL_ADDRESS: off"}, False),
        ({"mode": "hash", "types": ""}, False),
    ],
)
def test_weaker_redaction_is_asked_about(typed: dict[str, Any], *, asks: bool) -> None:
    patch = redaction.FORM.patch(typed, SETTINGS)
    assert (redaction.FORM.loss(patch, SETTINGS) is not None) is asks


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"mode": "mask", "types": "EMAIL_ADDRESS: off\nPHONE"}, "types", "line 2: write one of off, mask"),
        ({"mode": "mask", "types": "EMIAL: off"}, "types", "EMIAL"),
        ({"mode": "mask", "confidence": 0}, "confidence", "above 0"),
        ({"mode": "melt"}, "mode", "melt"),
    ],
)
def test_a_mistake_is_said_at_its_field(given: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        redaction_of(given)
    assert caught.value.errors[0]["field"] == field
    assert said in str(caught.value.errors[0]["message"])


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ({"mode": "off"}, "Write to jane.doe@acme-mail.com."),
        ({"mode": "mask"}, "Write to [EMAIL_ADDRESS]."),
        ({"mode": "hash"}, "Write to [EMAIL_ADDRESS:abcdefghijklmnop]."),
        ({"mode": "mask", "types": "EMAIL_ADDRESS: off"}, "Write to jane.doe@acme-mail.com."),
        ({"mode": "off", "types": "EMAIL_ADDRESS: drop"}, None),
        ({"mode": "drop"}, None),
    ],
)
def test_a_text_becomes_what_the_redaction_makes_of_it(given: dict[str, Any], becomes: str | None) -> None:
    assert redacted("Write to jane.doe@acme-mail.com.", redaction_of(given)) == becomes


async def test_the_box_to_try_says_what_happens_or_what_is_wrong() -> None:
    assert "[EMAIL_ADDRESS]" in to_json_plotly(
        await try_it({"mode": "mask"}, "Write to jane.doe@acme-mail.com.")
    )
    assert "are dropped" in to_json_plotly(await try_it({"mode": "drop"}, None))
    assert "line 1" in to_json_plotly(await try_it({"mode": "mask", "types": "x"}, "text"))


def test_rules_of_ones_own_stand_apart() -> None:
    one = {"category": "safety", "flag": "codename", "threshold": 0.5}
    found = {"tone": {**one, "version": "0123456789ab"}, "pii": {**one, "version": "3"}}
    assert "no rule" not in drawn(rules.SECTION, found)
    assert "No worker runs a rule of your own yet." in drawn(rules.SECTION, {"pii": found["pii"]})
    assert "No worker runs a rule" not in drawn(rules.SECTION, found)


async def test_the_ledger_says_where_every_record_went() -> None:
    mine = {"accepted": 10, "stored": 7, "duplicate": 1, "dead": 1, "in_flight": 0, "unaccounted": 1}
    projects = [
        {"project_id": "other", **dict.fromkeys(mine, 999)},
        {"project_id": "team", **mine, "set_aside_batches": 2, "set_aside_days": 0},
    ]
    queue = {"records": 0, "jobs": 0, "oldest_age_seconds": None, "workers": 1}
    api = Api({"GET /pipeline": httpx.Response(200, json={"projects": projects, "queue": queue})})
    shown = drawn(ledger.SECTION, await ledger.SECTION.read(api.sources, TEAM))
    assert "10 accepted = 7 + 1 + 1 + 0 + 1." in shown
    assert "1 records are unaccounted for" in shown
    assert "Figures lack 2 batches" in shown
    assert "999" not in shown
    assert "No record was accepted yet." in drawn(ledger.SECTION, {"ledger": None, "queue": queue})


def test_a_price_is_sent_as_typed() -> None:
    typed = {"model": "house-*", "input": 1.5, "output": 0, "cache_read": "", "from": "2026-11-01"}
    (price,) = price_body(typed)["prices"]
    assert price == {
        "model": "house-*",
        "from": "2026-11-01T00:00:00Z",
        "per_million_tokens": {"input": 1.5, "output": 0},
    }
    assert price_body({"model": None})["prices"] == [{"model": "", "per_million_tokens": {}}]


async def test_the_price_that_is_removed_is_the_one_that_was_asked_about() -> None:
    table = {
        "prices": [
            {"model": "house", "currency": "USD", "per_million_tokens": {"input": 1}},
            {"model": "house", "currency": "EUR", "from": "2026-11-01T00:00:00Z", "per_request": 0.1},
        ],
        "exchange_rates": {"EUR": [{"usd": 1.1}]},
    }
    answer = httpx.Response(200, json=table)
    api = Api({"GET /prices": answer, "DELETE /prices": answer})
    found = await prices.SECTION.read(api.sources, TEAM)
    assert "1 EUR is $1.1" in drawn(prices.SECTION, found)
    assert "Remove this price" in drawn(prices.SECTION, found, remove="1", model="house")
    for fields in ({"remove": "1", "model": "other"}, {"remove": "9", "model": "house"}, {"remove": "x"}):
        assert "Remove this price" not in drawn(prices.SECTION, found, **fields)
        with pytest.raises(NotFound):
            await remove_price(api.sources, Asked(View("team"), fields))
    assert "house" in await remove_price(api.sources, Asked(View("team"), {"remove": "1", "model": "house"}))
    assert dict(api.asked[-1].url.params) == {"model": "house", "from": "2026-11-01T00:00:00Z"}
