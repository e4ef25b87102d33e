"""What commands say when the API refuses.

They name the variable that holds the key, if a key is the cause.
"""

from __future__ import annotations

import httpx
import pytest

from app.config import load_settings
from app.errors import StartupError
from app.refusal import read_refusal

KEYED = {"Authorization": "Bearer lm_0123456789ab_x"}
NAME = "LLM_MONITOR_API_KEY"
NO_KEY = "Send a key as Authorization: Bearer or X-API-Key; `llm-monitor keys create` makes one."
ENDED = "The key lm_0123456789ab (till) is revoked; ask for another."
NO_SCOPE = "This needs the scope ingest; the scopes of lm_0123456789ab: read."


@pytest.mark.parametrize(
    ("status", "headers", "detail", "says", "names_the_variable"),
    [
        (401, {}, NO_KEY, "keys create NAME --scope ingest", True),
        (401, KEYED, ENDED, ENDED, True),
        (401, KEYED, "There is no such key.", "There is no such key.", True),
        (403, KEYED, NO_SCOPE, NO_SCOPE, True),
        (403, {}, "A web page of another origin asks.", "A web page of another origin asks.", False),
        (404, KEYED, "There is no such trace.", "There is no such trace.", False),
        (413, {}, "The body is too large.", "The body is too large.", False),
        (422, KEYED, "prompt: Expected `str`", "prompt: Expected `str`", False),
    ],
)
def test_a_refusal_says_what_to_do(
    status: int,
    headers: dict[str, str],
    detail: str,
    says: str,
    names_the_variable: bool,  # noqa: FBT001 a column of the table
) -> None:
    said = read_refusal(answer(status, headers, {"detail": detail}), scope="ingest").detail
    assert says in said
    assert (NAME in said) is names_the_variable
    assert "X-API-Key" not in said
    assert "lm_0123456789ab_x" not in said


def test_a_problem_without_a_detail_is_told_by_its_title() -> None:
    said = read_refusal(answer(409, {}, {"title": "Conflict"}), scope="admin").detail
    assert said == "The API refused: Conflict"


@pytest.mark.parametrize("content_type", ["text/html", "application/json", ""])
def test_an_answer_of_somebody_else_is_told_apart(content_type: str) -> None:
    request = httpx.Request("POST", "http://api/monitor/inferences")
    given = httpx.Response(502, headers={"Content-Type": content_type}, content=b"<html>", request=request)
    assert "502" in read_refusal(given, scope="ingest").detail


@pytest.mark.parametrize("key", ["schlüssel", "lm_0123456789ab x", "lm_\n", "lm_\x7f"])
def test_what_no_header_can_carry_is_refused_before_anything_is_sent(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, key)
    with pytest.raises(StartupError) as refused:
        load_settings()
    assert NAME in refused.value.detail
    assert key not in refused.value.detail


@pytest.mark.parametrize("key", ["lm_0123456789ab_ZFFkckRCJ-wg9P", "ls_x", ""])
def test_a_key_is_taken_as_it_is(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, key)
    assert (load_settings().api_key or "") == key


def answer(status: int, headers: dict[str, str], problem: dict[str, str]) -> httpx.Response:
    request = httpx.Request("POST", "http://api/monitor/inferences", headers=headers)
    kind = {"Content-Type": "application/problem+json"}
    return httpx.Response(status, headers=kind, json=problem, request=request)
