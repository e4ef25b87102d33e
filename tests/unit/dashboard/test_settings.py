"""What the sections of the settings show, refuse and send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from dash import no_update
from plotly.io.json import to_json_plotly

from app.errors import InvalidParameter, InvalidRecord
from dashboard.data.view import View
from dashboard.drawing.refusals import refusals
from dashboard.drawing.threshold_effect import preview
from dashboard.settings import audit, dead_letters, keys, thresholds
from dashboard.settings.dead_letter_acts import delete_letters, replay_letters
from dashboard.settings.key_form import key_body
from dashboard.settings.keys import revoke_key
from dashboard.settings.section import Asked, read_parts, section_parts
from dashboard.settings.sections import SECTIONS
from dashboard.settings.threshold_editor import policy_patch
from tests.unit.dashboard.settings_rig import NOW, Api, drawn, signed_in

LETTER = "0199f3a2-0000-7000-8000-000000000001"
READ = (
    "GET /policy",
    "GET /projects/team/keys",
    "GET /projects/team/settings",
    "GET /pipeline/dead",
    "GET /pipeline",
    "GET /prices",
    "GET /audit",
)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def person() -> Iterator[None]:
    with signed_in():
        yield


def key(**changes: Any) -> dict[str, Any]:
    return {
        "prefix": "lm_1",
        "name": HOSTILE,
        "scopes": ["read"],
        "state": "active",
        "requests_per_minute": None,
        "created_at": "2026-11-01T00:00:00Z",
        "created_by": "me",
        "expires_at": None,
        "revoked_at": None,
    } | changes


def policy(**changes: Any) -> dict[str, Any]:
    one = {"category": "safety", "flag": "toxicity", "threshold": 0.5, "default_threshold": 0.5, "weight": 0}
    return {"evaluators": {"toxicity": one | {"default_weight": 0} | changes}}


def letter(**changes: Any) -> dict[str, Any]:
    return {
        "trace_id": LETTER,
        "reason": "deadline",
        "detail": HOSTILE,
        "attempts": 2,
        "created_at": "2026-11-30T11:00:00Z",
        "replayed_at": None,
    } | changes


def test_sections_have_names_of_their_own_and_places_for_what_is_drawn() -> None:
    assert len({section.name for section in SECTIONS}) == len(SECTIONS)
    for section in SECTIONS:
        layout = to_json_plotly(section_parts(section))
        assert all(f'"{section.name}-{part}"' in layout for part in ("shown", "said", "problem", "done"))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
async def test_a_key_without_rights_is_told_what_is_needed(section: Any) -> None:
    api = Api(dict.fromkeys(READ, httpx.Response(403, json={"detail": "This needs the scope admin."})))
    parts = await read_parts(api.sources, section, f"?section={section.name}")
    assert parts["shown"] is None
    assert "This needs an admin key" in to_json_plotly(parts["problem"])


async def test_what_is_shown_stays_while_the_api_is_away() -> None:
    api = Api({"GET /audit": httpx.Response(503, json={"detail": "Postgres does not answer."})})
    parts = await read_parts(api.sources, audit.SECTION, "?section=audit")
    assert parts["shown"] is no_update
    assert "Postgres does not answer." in to_json_plotly(parts["problem"])


async def test_fields_of_an_address_are_bounded() -> None:
    api = Api({"GET /audit": httpx.Response(200, json={"acts": [], "next": None})})
    await read_parts(api.sources, audit.SECTION, f"?earlier={'x' * 5000}&other=1")
    assert dict(api.asked[0].url.params) == {"limit": "200", "before": "x" * 256}
    assert api.asked[0].headers["authorization"] == "Bearer lms-token"


@pytest.mark.parametrize(
    ("error", "found", "rest"),
    [
        (
            InvalidRecord("no", errors=[{"field": "body.name", "message": "too long"}]),
            {"name": "too long"},
            "",
        ),
        (InvalidRecord("no", errors=[{"field": "rate", "message": "odd"}]), {}, "no"),
        (InvalidRecord("Refused: wrong at scopes."), {"scopes": "Refused: wrong at scopes."}, ""),
        (InvalidRecord("Refused: wrong at other."), {}, "Refused: wrong at other."),
    ],
)
def test_refusals_are_said_at_their_fields(error: InvalidRecord, found: dict[str, str], rest: str) -> None:
    assert refusals(error, ("name", "scopes")) == (found, rest)


def test_a_key_is_asked_for_as_typed() -> None:
    typed = {"name": "a", "scopes": ["read"], "requests_per_minute": "", "expires_at": "7"}
    assert key_body(typed, NOW) == {
        "name": "a",
        "scopes": ["read"],
        "expires_at": "2026-12-07T12:00:00+00:00",
    }
    assert key_body({"expires_at": "", "scopes": None}, NOW) == {"name": "", "scopes": []}


async def test_keys_are_listed_and_one_is_asked_about() -> None:
    answer = httpx.Response(
        200, json={"keys": [key(), key(prefix="lm_mine"), key(prefix="lm_2", state="revoked")]}
    )
    api = Api({"GET /projects/team/keys": answer})
    found = await keys.SECTION.read(api.sources, Asked(View("team"), {}))
    assert "Revoke this key" not in drawn(keys.SECTION, found)
    assert "Revoke this key" in drawn(keys.SECTION, found, revoke="lm_1")
    assert "sign in again" not in drawn(keys.SECTION, found, revoke="lm_1")
    assert "sign in again" in drawn(keys.SECTION, found, revoke="lm_mine")
    assert "Revoke this key" not in drawn(keys.SECTION, found, revoke="lm_2")


async def test_a_prefix_of_an_address_cannot_name_another_route() -> None:
    revoked = httpx.Response(200, json=key(prefix="lm_1"))
    api = Api({"DELETE /projects/team/keys/lm_1": revoked})
    assert "lm_1" in await revoke_key(api.sources, Asked(View("team"), {"revoke": "lm_1"}))
    with pytest.raises(Exception, match="no such address"):
        await revoke_key(api.sources, Asked(View("team"), {"revoke": "../settings?x"}))
    assert api.asked[-1].url.raw_path == b"/projects/team/keys/..%2Fsettings%3Fx"


@pytest.mark.parametrize(
    ("threshold", "current", "low", "said"),
    [
        (0.5, 0.5, False, "At 0.5, 2 of 4 calls (50 %) of the last day would have been flagged. This is"),
        (
            0.8,
            0.5,
            False,
            "At 0.8, 1 of 4 calls (25 %) of the last day would have been flagged; at the present 0.5",
        ),
        (0.8, 0.5, True, "At 0.8, 3 of 4 calls (75 %) of the last day would have been counted as low"),
    ],
)
def test_a_threshold_says_what_it_would_have_done(
    threshold: float, current: float, *, low: bool, said: str
) -> None:
    assert preview(np.array([0.1, 0.2, 0.5, 0.8]), threshold, current, low=low).startswith(said)


async def test_a_threshold_is_shown_with_what_lies_beyond_it() -> None:
    answers = {"GET /policy": httpx.Response(200, json=policy(threshold=0.4), headers={"ETag": '"1"'})}
    api = Api(answers, {"toxicity": [0.1, 0.4, 0.9]})
    found = await thresholds.SECTION.read(api.sources, Asked(View("team"), {}))
    assert found.tag == '"1"'
    listed = drawn(thresholds.SECTION, found)
    assert "2 of 3 calls (66.7 %)" in listed
    assert "everybody: 0.5" in listed
    assert "Set it" not in listed
    assert "Set it" in drawn(thresholds.SECTION, found, evaluator="toxicity")
    assert "Set it" not in drawn(thresholds.SECTION, found, evaluator="unknown")


@pytest.mark.parametrize(
    ("changes", "given", "body"),
    [
        ({}, {"threshold": 0.7}, {"thresholds": {"toxicity": 0.7}}),
        ({}, {"threshold": 0.5}, {"thresholds": {"toxicity": None}}),
        ({}, {"threshold": ""}, {"thresholds": {"toxicity": None}}),
        (
            {"category": "quality"},
            {"threshold": 0.7, "weight": 2},
            {"thresholds": {"toxicity": 0.7}, "weights": {"toxicity": 2}},
        ),
        ({"category": "quality"}, {}, {"thresholds": {"toxicity": None}, "weights": {"toxicity": None}}),
    ],
)
def test_what_equals_everybody_is_no_decision(changes: Any, given: Any, body: Any) -> None:
    assert policy_patch("toxicity", policy(**changes)["evaluators"]["toxicity"], given) == body


async def test_dead_letters_are_listed_shown_and_asked_about() -> None:
    page = httpx.Response(200, json={"dead_letters": [letter()], "next": "more"})
    record = {"prompt": "\u202e" + "x" * 30_000}
    api = Api(
        {
            "GET /pipeline/dead": page,
            f"GET /pipeline/dead/{LETTER}": httpx.Response(200, json=letter(record=record)),
        }
    )
    section = dead_letters.SECTION
    found = await section.read(api.sources, Asked(View("team"), {}))
    listed = drawn(section, found)
    assert "scoring the record took too long" in listed
    assert "after=more" in listed
    assert "Delete all dead letters" not in listed
    assert "Delete all dead letters" in drawn(section, found, act="delete-all")
    found = await section.read(api.sources, Asked(View("team"), {"letter": LETTER}))
    assert "more characters" in drawn(section, found, letter=LETTER)
    assert "Delete this dead letter" in drawn(section, found, letter=LETTER, act="delete")


async def test_dead_letters_are_replayed_and_deleted_one_by_one_or_all() -> None:
    api = Api(
        {
            "DELETE /pipeline/dead": httpx.Response(200, json={"purged": 7}),
            f"DELETE /pipeline/dead/{LETTER}": httpx.Response(200, json={"purged": 1}),
            "POST /pipeline/dead/replay": httpx.Response(202, json={"replayed": 3, "unreadable": 0}),
            f"POST /pipeline/dead/{LETTER}/replay": httpx.Response(202, json={}),
        }
    )
    everything, one = Asked(View("team"), {"act": "delete-all"}), Asked(View("team"), {"letter": LETTER})
    assert "7 dead letters" in await delete_letters(api.sources, everything)
    assert "1 dead letter " in await delete_letters(api.sources, one)
    assert "again: 3" in await replay_letters(api.sources, Asked(View("team"), {}))
    assert "queued again" in await replay_letters(api.sources, one)
    asked = len(api.asked)
    for strange in ({}, {"letter": "../x"}):
        with pytest.raises(InvalidParameter):
            await delete_letters(api.sources, Asked(View("team"), strange))
    assert len(api.asked) == asked


def test_acts_are_narrowed_to_one_kind_and_hostile_texts_stay_texts() -> None:
    acts = [
        {
            "at": "2026-11-30T11:00:00Z",
            "project_id": "team",
            "actor": HOSTILE,
            "act": kind,
            "subject": kind,
            "detail": {"was": [1]},
        }
        for kind in ("key.created", "policy.changed")
    ]
    page = {"acts": acts, "next": LETTER}
    shown = json.loads(drawn(audit.SECTION, page))
    assert "was: [1]" in json.dumps(shown)
    narrowed = drawn(audit.SECTION, page, act="key.created")
    assert narrowed.count(HOSTILE) < json.dumps(shown).count(HOSTILE)
    assert f"earlier={LETTER}" in narrowed
