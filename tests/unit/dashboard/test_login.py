"""The page where people sign in: what strangers put into it stays text."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest
from fastapi import FastAPI

from dashboard.auth.login import sign_in_router

HOSTILE = """/"><script>alert('1')</script>&amp;{{ 7 * 7 }}"""


class SilentVisitors:
    """Announces nobody."""

    async def introduce(self, _: str | None) -> dict[str, str]:
        return {}


def browser_of(answer: httpx.Response | None) -> httpx.AsyncClient:
    """A browser of the forms, before an API that gives this answer, or none."""

    def answering(request: httpx.Request) -> httpx.Response:
        if answer is None:
            raise httpx.ConnectError("nobody listens", request=request)
        return answer

    api = httpx.AsyncClient(transport=httpx.MockTransport(answering), base_url="http://api")
    app = FastAPI()
    app.include_router(sign_in_router(api, SilentVisitors()))  # type: ignore[arg-type]  # it announces nobody
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://dashboard")


def value_of(page: str, name: str) -> list[str]:
    return [unescape(found) for found in re.findall(rf'name="{name}"[^>]* value="([^"]*)"', page)]


async def submit(browser: httpx.AsyncClient, **fields: str) -> httpx.Response:
    (form, _) = value_of((await browser.get("/login")).text, "form")
    return await browser.post("/login", data={"form": form, "by": "password", **fields})


async def test_both_forms_carry_where_to_go_on() -> None:
    page = (await browser_of(None).get("/login", params={"next": "/?model=a&b"})).text
    assert value_of(page, "next") == ["/?model=a&b", "/?model=a&b"]
    assert value_of(page, "project") == ["default"]
    assert len(set(value_of(page, "form"))) == 1
    assert page.count("<form") == page.count('action="/login"') == 2
    assert "{{" not in page
    assert "{%" not in page
    assert 'role="alert"' not in page
    assert 'role="status"' not in page


async def test_what_a_stranger_sends_stays_text() -> None:
    refusal = httpx.Response(401, json={"detail": f"There is no {HOSTILE}"})
    answer = await submit(browser_of(refusal), project=HOSTILE, next=HOSTILE)
    assert answer.status_code == 401
    assert "<script" not in answer.text
    assert value_of(answer.text, "project") == [HOSTILE]
    assert value_of(answer.text, "next") == [HOSTILE, HOSTILE]
    (said,) = re.findall(r'<p class="problem" role="alert">(.*)</p>', answer.text)
    assert unescape(said) == f"There is no {HOSTILE}"


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, 503, "The API does not answer"),
        (httpx.Response(502, text="<html>"), 502, "The API answered 502."),
        (httpx.Response(201, json={"session": "s", "scopes": ["ingest"]}), 403, "This key may not read"),
    ],
)
async def test_who_cannot_sign_in_is_told_why(answer: httpx.Response | None, status: int, says: str) -> None:
    shown = await submit(browser_of(answer), key="lm_x", by="key")
    assert (shown.status_code, says in shown.text) == (status, True)


async def test_a_session_that_ended_is_a_remark_and_no_problem() -> None:
    page = (await browser_of(None).get("/login?ended")).text
    assert re.search(r'<p class="said" role="status">Your session has ended', page)
    assert 'role="alert"' not in page
